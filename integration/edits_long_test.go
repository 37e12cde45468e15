//go:build long

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// edits invents edits. No two write the same content.
type edits struct {
	*rand.Rand
	n int
}

// content is one that no other file ever has: of no bytes but a mark, of a few chunks, or large.
func (e *edits) content() []byte {
	e.n++
	mark := fmt.Appendf(nil, "content %d;", e.n)
	size := []int{1, 200, 4096, 4097, 20_000, 70_000, 1_200_000}[e.IntN(7)]
	return bytes.Repeat(mark, size/len(mark)+1)
}

func (e *edits) pick(from []string) string { return from[e.IntN(len(from))] }

// fresh is a path where nothing is.
func (e *edits) fresh(directories []string) string {
	e.n++
	return filepath.Join(e.pick(append(directories, ".")), fmt.Sprintf("name %d.txt", e.n))
}

// next invents an edit of what is below a root.
func (e *edits) next(root string) edit {
	files, directories := below(root)
	if len(files) < 4 {
		return e.create(directories)
	}
	if len(directories) > 1 && e.IntN(6) == 0 {
		return e.ofDirectory(directories)
	}
	if e.IntN(5) == 0 {
		return e.create(directories)
	}
	return e.ofFile(e.pick(files), directories)
}

func (e *edits) create(directories []string) edit {
	at, content := e.fresh(directories), e.content()
	if e.IntN(3) == 0 {
		at = filepath.Join(filepath.Dir(at), fmt.Sprint("dir", e.n), "first.txt")
	}
	return edit{"create " + at, at, func(root string) error {
		return errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, at)), 0o755), os.WriteFile(filepath.Join(root, at), content, 0o640))
	}}
}

func (e *edits) ofDirectory(directories []string) edit {
	from := e.pick(directories)
	if e.IntN(4) == 0 {
		return edit{"remove all of " + from, from, func(root string) error { return os.RemoveAll(filepath.Join(root, from)) }}
	}
	elsewhere := slices.DeleteFunc(slices.Clone(directories), func(d string) bool { return d == from || strings.HasPrefix(d, from+"/") })
	to := strings.TrimSuffix(e.fresh(elsewhere), ".txt")
	return edit{"rename " + from + " to " + to, from, func(root string) error {
		return os.Rename(filepath.Join(root, from), filepath.Join(root, to))
	}}
}

// ofFile changes one file in one of the ways in which programs do.
func (e *edits) ofFile(path string, directories []string) edit {
	content, to, at, mode := e.content(), e.fresh(directories), e.Int64N(30_000), []os.FileMode{0o600, 0o644, 0o755, 0o444}[e.IntN(4)]
	when := time.Unix(1e9+e.Int64N(1e8), 5)
	in := func(flags int, change func(f *os.File) error) func(string) error {
		return func(root string) error {
			f, err := os.OpenFile(filepath.Join(root, path), flags, 0)
			if err != nil {
				return err
			}
			return errors.Join(change(f), f.Close())
		}
	}
	both := func(do func(from, to string) error) func(string) error {
		return func(root string) error { return do(filepath.Join(root, path), filepath.Join(root, to)) }
	}
	ways := []edit{
		{"write", path, func(root string) error { return os.WriteFile(filepath.Join(root, path), content, 0) }},
		{"save", path, func(root string) error { return saves()["rename and fsync"](filepath.Join(root, path), content) }},
		{"append to", path, in(os.O_WRONLY|os.O_APPEND, func(f *os.File) error { _, err := f.Write(content); return err })},
		{"overwrite", path, in(os.O_WRONLY, func(f *os.File) error { _, err := f.WriteAt(content[:min(len(content), 5000)], at); return err })},
		{"truncate", path, in(os.O_WRONLY, func(f *os.File) error { return f.Truncate(at) })},
		{"chmod", path, func(root string) error { return os.Chmod(filepath.Join(root, path), mode) }},
		{"date", path, func(root string) error { return os.Chtimes(filepath.Join(root, path), when, when) }},
		{"remove", path, func(root string) error { return os.Remove(filepath.Join(root, path)) }},
		{"rename to " + to + ":", path, both(os.Rename)},
		{"copy to " + to + ":", to, both(func(from, to string) error {
			text, err := os.ReadFile(from)
			return errors.Join(err, os.WriteFile(to, text, 0o644))
		})},
	}
	one := ways[e.IntN(len(ways))]
	return edit{one.what + " " + path, one.of, one.do}
}
