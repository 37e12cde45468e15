package cloudtest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Foreign is somebody else with access to a cloud's directory: its sync
// client, its provider, another machine's client, an attacker. It goes on
// where something fails, as they do, and remembers what it did.
type Foreign struct {
	dir   cloud.Dir
	temps int
	said  []string
}

// NewForeign acts on dir, which must be a handle of its own.
func NewForeign(dir cloud.Dir) *Foreign { return &Foreign{dir: dir} }

// Move is one thing that somebody does.
type Move struct {
	Text string
	do   func(f *Foreign) error
}

func (m Move) String() string { return m.Text }

// Do does something now.
func (f *Foreign) Do(m Move) error {
	err := m.do(f)
	said := m.Text
	if err != nil {
		said += ": " + err.Error()
	}
	f.said = append(f.said, said)
	return err
}

// Then is a move as an Act, for a [Rule].
func (f *Foreign) Then(m Move) Act { return foreignAct{f, m} }

type foreignAct struct {
	f *Foreign
	Move
}

func (a foreignAct) Act() { _ = a.f.Do(a.Move) }

// String gives what was done so far, one a line.
func (f *Foreign) String() string { return strings.Join(f.said, "\n") }

// Replace puts a new file with that content at a path, by rename: what a sync
// client does that downloads beside. A directory there goes with all that is in it.
func Replace(at string, content []byte) Move {
	return Move{fmt.Sprintf("replace %s by %d bytes", at, len(content)), func(f *Foreign) error { return f.replace(at, content, 0o600) }}
}

func (f *Foreign) replace(at string, content []byte, mode uint32) error {
	f.temps++
	dir, _ := cloud.SplitPath(at)
	temp := path.Join(dir, fmt.Sprintf(".download-%d.partial", f.temps))
	file, err := f.dir.Create(temp, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	if here, statErr := f.dir.Stat(at); statErr == nil && here.Dir {
		err = errors.Join(err, f.remove(at))
	}
	return errors.Join(err, file.Close(), f.dir.Rename(temp, at))
}

// Rewrite puts content into the file that is there.
func Rewrite(at string, content []byte) Move {
	return Move{fmt.Sprintf("rewrite %s with %d bytes in place", at, len(content)), func(f *Foreign) error {
		return f.inPlace(at, func(file cloud.File) error {
			_, err := file.WriteAt(content, 0)
			return errors.Join(err, file.Truncate(int64(len(content))))
		})
	}}
}

// Deliver is Rewrite in pieces, for somebody to do one after the other.
func Deliver(at string, content []byte, pieces int) []Move {
	var moves []Move
	for i := range pieces {
		from, to := len(content)*i/pieces, len(content)*(i+1)/pieces
		moves = append(moves, Move{fmt.Sprintf("deliver bytes %d to %d of %d to %s", from, to, len(content), at), func(f *Foreign) error {
			return f.inPlace(at, func(file cloud.File) error {
				_, err := file.WriteAt(content[from:to], int64(from))
				if to == len(content) {
					err = errors.Join(err, file.Truncate(int64(to)))
				}
				return err
			})
		}})
	}
	return moves
}

func (f *Foreign) inPlace(at string, do func(cloud.File) error) error {
	file, err := f.dir.Open(at, true)
	if err != nil {
		return err
	}
	return errors.Join(do(file), file.Close())
}

// Delete takes away a file, or a directory with all that is in it.
func Delete(at string) Move {
	return Move{"delete " + at, func(f *Foreign) error { return f.remove(at) }}
}

func (f *Foreign) remove(at string) error {
	info, err := f.dir.Stat(at)
	if err != nil {
		return err
	}
	if !info.Dir {
		return f.dir.Remove(at)
	}
	entries, err := f.dir.ReadDir(at)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, f.remove(path.Join(at, e.Name)))
	}
	return errors.Join(err, f.dir.Rmdir(at))
}

// Rename moves an entry.
func Rename(from, to string) Move {
	return Move{"rename " + from + " to " + to, func(f *Foreign) error { return f.dir.Rename(from, to) }}
}

// Swap exchanges two entries.
func Swap(a, b string) Move {
	return Move{"swap " + a + " and " + b, func(f *Foreign) error { return f.dir.Exchange(a, b) }}
}

// Plant puts a copy of an entry somewhere else, or another hard link of it.
func Plant(from, to string, link bool) Move {
	if link {
		return Move{"link " + from + " to " + to, func(f *Foreign) error {
			if err := f.dir.Remove(to); err != nil && !missing(err) {
				return err
			}
			return f.dir.Link(from, to)
		}}
	}
	return Move{"copy " + from + " to " + to, func(f *Foreign) error { return f.copy(f.dir, from, to) }}
}

// Duplicate makes the copy that sync tools make of what they cannot merge.
func Duplicate(at string) Move {
	return Move{"duplicate " + at, func(f *Foreign) error { return f.copy(f.dir, at, at+" (1)") }}
}

// Rollback makes what is at a path, "" for everything, what it is in old, which
// is the same directory on an older clone of its disk.
func Rollback(at string, old cloud.Dir) Move {
	return Move{fmt.Sprintf("roll %q back", at), func(f *Foreign) error { return f.copy(old, at, at) }}
}

// copy makes to what from is in another directory: file, tree or nothing. Like
// a sync client it leaves alone what is equal, and sets modes and mtimes.
func (f *Foreign) copy(src cloud.Dir, from, to string) error {
	info, err := src.Stat(from)
	if missing(err) {
		if err = f.remove(to); missing(err) {
			err = nil
		}
		return err
	}
	if err != nil {
		return err
	}
	if info.Dir {
		return f.copyDir(src, from, to, info)
	}
	content, err := contentOf(src, from)
	if err != nil {
		return err
	}
	if now, err := contentOf(f.dir, to); err == nil && string(now) == string(content) {
		return nil
	}
	if err := f.replace(to, content, info.Mode); err != nil {
		return err
	}
	return f.dir.Chtimes(to, cloud.Times{Mtime: &info.Mtime})
}

func (f *Foreign) copyDir(src cloud.Dir, from, to string, info cloud.Info) error {
	if src == f.dir && strings.HasPrefix(to, from+"/") {
		return fmt.Errorf("copy %s: into itself", from) // it would have no end
	}
	if here, err := f.dir.Stat(to); err == nil && !here.Dir {
		if err := f.remove(to); err != nil {
			return err
		}
	}
	if err := f.dir.Mkdir(to, info.Mode); err != nil && to != "" {
		if here, statErr := f.dir.Stat(to); statErr != nil || !here.Dir {
			return err
		}
	}
	names := map[string]bool{}
	for _, d := range []struct {
		dir cloud.Dir
		at  string
	}{{src, from}, {f.dir, to}} {
		entries, err := d.dir.ReadDir(d.at)
		if err != nil {
			return err
		}
		for _, e := range entries {
			names[e.Name] = true
		}
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(names)) {
		err = errors.Join(err, f.copy(src, path.Join(from, name), path.Join(to, name)))
	}
	return err
}

func contentOf(d cloud.Dir, at string) ([]byte, error) {
	file, err := d.Open(at, false)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<40))
	return content, errors.Join(err, file.Close())
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
