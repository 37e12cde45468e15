package memory

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// set says what is at a name, unless what is told is in the log alone. The caller holds mu.
func (y *Memory) set(p index.Place, k index.Known) {
	if y.roomy() {
		k.Version.Vector = append(cipher.Vector(nil), k.Version.Vector...)
		meet(y, k.Version.Vector)
		y.told.set(p, k)
	}
}

// leave takes a directory that stood at a name out of what was told, but for one that goes on elsewhere. The caller holds mu.
func (y *Memory) leave(p index.Place, on index.Dir) {
	if k, ok := y.toldAt(p); ok && k.Kind == index.IsDir && k.Dir != on {
		y.told.drop(k.Dir)
	}
}

// Made says what is at a name from now on: a file that was made or linked there, or what has changed places with another.
func (y *Memory) Made(p index.Place, k index.Known) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.set(p, k)
}

// MadeDir says that a directory was made at a name, where none was.
func (y *Memory) MadeDir(p index.Place, o index.Owner) {
	y.mu.Lock()
	d := y.recall.draw()
	y.mu.Unlock()
	y.Made(p, index.Known{Kind: index.IsDir, Dir: d})
	y.Owned(d, o)
}

// Saw says what a name shows that nothing is known of.
func (y *Memory) Saw(p index.Place, k index.Known) {
	was, err := y.At(p)
	if err != nil || was.Kind != index.Unknown {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	see(y, p, k)
}

// Learned says what was judged to be at a name: nobody has changed anything here.
func (y Rows) Learned(p index.Place, k index.Known) {
	y.mu.Lock()
	defer y.mu.Unlock()
	see(y.Memory, p, k)
}

// see is set of a name that was looked at, and not changed. The caller holds mu.
func see(y *Memory, p index.Place, k index.Known) {
	_, told := y.told.at(p)
	seen := !told || y.told.seen[p]
	if y.set(p, k); seen && !y.full {
		y.told.seen[p] = true
	}
}

// Touched says that a change of names came to nothing, which a cloud may have made in part.
func (y Rows) Touched(p index.Place) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		y.told.touched[p] = true
	}
}

// Removed says that a file, at that version, was removed from a name; the zero File is one that nobody can tell.
func (y *Memory) Removed(p index.Place, f index.File, v index.Version) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.set(p, gone(f, v))
}

// RemovedDir says that a directory was removed from a name.
func (y *Memory) RemovedDir(p index.Place) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.leave(p, 0)
	y.set(p, index.Known{Kind: index.Gone})
}

// gone is what is known of a name that a file has left: no version up to that one is to be shown there.
func gone(f index.File, v index.Version) index.Known {
	if f == (index.File{}) {
		return index.Known{}
	}
	return index.Known{Kind: index.Gone, File: f, Version: v}
}

// A Move is a rename: what was at From and is at To.
type Move struct {
	From, To index.Place
	Was, Is  index.Known // another file where the moved one took over the id of the one that it replaced; zero where nobody can tell
}

// Moved says that something was renamed, over whatever was there.
func (y *Memory) Moved(m Move) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.leave(m.To, m.Is.Dir)
	y.set(m.To, m.Is)
	left := gone(m.Was.File, m.Was.Version)
	if m.Was.Kind == index.IsDir {
		left = index.Known{Kind: index.Gone}
	}
	y.set(m.From, left)
}

// A Commit is a version of a file that the clouds have.
type Commit struct {
	File    index.File
	Version index.Version
	Places  []index.Place // those of its names that are at hand; the index may know of others
}

// Committed says that the clouds have a version of a file.
func (y *Memory) Committed(c Commit) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.roomy() {
		return
	}
	c.Version.Vector = append(cipher.Vector(nil), c.Version.Vector...)
	meet(y, c.Version.Vector)
	y.told.commit(c.File, c.Version)
	for _, p := range c.Places {
		y.told.set(p, index.Known{Kind: index.IsFile, File: c.File, Version: c.Version})
	}
}

// Owned says the mode and owner of a directory.
func (y *Memory) Owned(d index.Dir, o index.Owner) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		y.told.owners[d] = o
	}
}

// Checked says that a backing file was read to its end, and was right.
func (y *Memory) Checked(c index.Checked) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.roomy() {
		y.told.checked[backingOf(c)] = c
	}
}
