package content

import (
	"cmp"
	"slices"

	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
)

// Held are open files that are held, in the order of their commit locks.
type Held []*File

func sortFiles(files []*File) {
	slices.SortFunc(files, func(a, b *File) int { return cmp.Compare(a.order, b.order) })
}

// openOf are the open files of some objects, each once and in order, that are
// wanted.
func openOf(objects []*Object, wanted func(*File) bool) Held {
	var files Held
	for _, o := range objects {
		if f := o.open.Load(); f != nil && !slices.Contains(files, f) && wanted(f) {
			files = append(files, f)
		}
	}
	sortFiles(files)
	return files
}

// Hold holds the open files of some objects.
func Hold(objects []*Object) Held { return openOf(objects, (*File).Hold) }

// Are reports whether these are still the open files of some objects.
func (h Held) Are(objects []*Object) bool {
	return slices.Equal(h, openOf(objects, func(*File) bool { return true }))
}

// Lock waits until no commit of the files is under way, and none of them is on
// its way into fresh backing files. Unlock undoes it in any case.
func (h Held) Lock() error {
	h.LockAsIs()
	for _, f := range h {
		if err := (refiller{f}).finish(); err != nil {
			return err
		}
	}
	return nil
}

// LockAsIs is Lock that leaves fresh backing files where they are.
func (h Held) LockAsIs() {
	for _, f := range h {
		f.commit.Lock()
	}
}

// Unlock lets commits go on, and gives the files back.
func (h Held) Unlock() {
	for _, f := range h {
		f.commit.Unlock()
	}
	for _, f := range h {
		f.Release()
	}
}

// Orphan has an open file go on without a name. The caller holds Mirror.names
// for writing, and has locked the file as one of Held.
func (f *File) Orphan() {
	f.lock()
	defer f.unlock()
	f.Nameless = true
	refiller{f}.discard()
	f.ref = 0
	f.s.commits.Untrack(f)
	if err := draft.Spill(&f.Draft); err != nil {
		f.Env.Logger.Warn("what was written to a removed file stays in memory", "file", f.o.Ino(), "error", err)
	}
}
