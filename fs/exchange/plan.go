package exchange

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/tree"
)

// A job is one file or directory, from the local file system into the vault.
type job struct {
	from, to string
	listed   string // its name in a manifest
	entry    tree.Entry
}

// A plan is everything that an import is about to do, found before anything is done.
type plan struct {
	dirs    []job // each behind the one that it is in
	files   []job
	targets map[string]string // where each target comes from
	failed  func(name string, err error)
}

// add plans what a user typed as a source. dest is a path of the vault.
func (p *plan) add(typed, dest string) {
	at, e, err := tree.LocalSide{}.Find(typed)
	if err != nil {
		p.failed(typed, err)
		return
	}
	e.Name = filepath.Base(typed)
	contents := strings.HasSuffix(typed, "/") || e.Name == "." || e.Name == ".."
	switch {
	case contents && !e.IsDir():
		p.failed(typed, unix.ENOTDIR)
	case contents:
		p.addContents(job{from: at, to: dest})
	default:
		p.addEntry(job{from: at, to: dest}, at, e)
	}
}

// addContents plans what is in a directory.
func (p *plan) addContents(dir job) {
	entries, err := tree.Local{}.ReadDir(dir.from)
	if err != nil {
		p.failed(dir.from, err)
	}
	for _, e := range entries {
		p.addEntry(dir, filepath.Join(dir.from, e.Name), e)
	}
}

// addEntry plans what is at a local path, for the target of dir.
func (p *plan) addEntry(dir job, at string, e tree.Entry) {
	name := e.Name
	if e.Is(unix.S_IFREG) {
		name = strings.TrimPrefix(name, EncryptedPrefix)
	}
	j := job{from: at, to: path.Join(dir.to, name), listed: path.Join(dir.listed, name), entry: e}
	other, taken := p.targets[j.to]
	switch {
	case e.IsDir():
		p.dirs = append(p.dirs, j)
		p.addContents(j)
	case !e.Is(unix.S_IFREG):
		p.failed(at, fmt.Errorf("is a %s, and such scripts write only files", e.Kind()))
	case isTag(at):
	case name == "":
		p.failed(at, errors.New("has no name but the prefix"))
	case taken:
		p.failed(at, fmt.Errorf("goes where %s goes, to /%s", tree.Quote(other), tree.Quote(j.to)))
	default:
		p.targets[j.to] = at
		p.files = append(p.files, j)
	}
}

// isTag reports whether a file is the HMAC of the one beside it, and so nothing to import.
func isTag(at string) bool {
	tagged, ok := strings.CutSuffix(at, TagSuffix)
	if !ok {
		return false
	}
	e, err := tree.Local{}.Lstat(tagged)
	return err == nil && e.Is(unix.S_IFREG)
}

// hold compares the plan with a manifest: what only one of the two has is not imported.
func (p *plan) hold(m Manifest) {
	listed := make(map[string]bool, len(p.files))
	p.files = slices.DeleteFunc(p.files, func(j job) bool {
		listed[j.listed] = true
		_, ok := m[j.listed]
		if !ok {
			p.failed(j.from, errors.New("is not in the manifest"))
		}
		return !ok
	})
	for name := range m {
		if !listed[name] {
			p.failed(name, errors.New("is in the manifest and not among the sources"))
		}
	}
}
