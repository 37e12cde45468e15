package cloudtest

import (
	"maps"
	"slices"
)

// filesystem is what one journal keeps in order: the inodes of one volume, or
// of all volumes of a disk that has only one filesystem.
type filesystem struct {
	inodes  map[uint64]*inode // by birth
	births  uint64            // inodes ever made
	roots   []uint64
	opens   map[uint64]int // open files
	journal []change       // live but not durable, in order

	reuse   bool     // give the numbers of inodes that are gone again, at once
	numbers uint64   // ever given
	free    []uint64 // numbers to give again, in order

	// owner marks the inodes that are this filesystem's alone. The others it
	// shares with clones, and copies them before it changes them.
	owner *owner
}

// owner is not empty, so that each has an address of its own.
type owner struct{ _ byte }

func newFilesystem(reuse bool) *filesystem {
	return &filesystem{inodes: map[uint64]*inode{}, opens: map[uint64]int{}, reuse: reuse, owner: &owner{}}
}

// own gives an inode that may be changed.
func (f *filesystem) own(birth uint64) *inode {
	n := f.inodes[birth]
	if n.owner == f.owner {
		return n
	}
	c := &inode{birth: n.birth, number: n.number, kind: n.kind, owner: f.owner, data: n.data.clone(),
		sides: [2]state{n.sides[live].clone(), n.sides[durable].clone()}}
	f.inodes[birth] = c
	return c
}

// side gives what one side knows of an inode, to be changed.
func (f *filesystem) side(s side) func(birth uint64) *state {
	return func(birth uint64) *state { return &f.own(birth).sides[s] }
}

func (f *filesystem) clone() *filesystem {
	c := *f
	// Neither of the two may change what both have now.
	f.owner, c.owner = &owner{}, &owner{}
	c.inodes, c.journal, c.free = maps.Clone(f.inodes), slices.Clone(f.journal), slices.Clone(f.free)
	c.roots = slices.Clip(f.roots)
	c.opens = map[uint64]int{}
	c.renumber()
	return &c
}

// number gives the lowest free number.
func (f *filesystem) number() uint64 {
	if len(f.free) > 0 {
		n := f.free[0]
		f.free = slices.Delete(f.free, 0, 1)
		return n
	}
	f.numbers++
	return f.numbers
}

// gone tells whether an inode has lost its last entry and its last opener.
func (f *filesystem) gone(n *inode) bool {
	return n.sides[live].nlink == 0 && f.opens[n.birth] == 0 && !slices.Contains(f.roots, n.birth)
}

// release gives the number of an inode back if it is gone.
func (f *filesystem) release(birth uint64) {
	n := f.inodes[birth]
	if !f.reuse || n == nil || !f.gone(n) {
		return
	}
	if i, free := slices.BinarySearch(f.free, n.number); !free {
		f.free = slices.Insert(f.free, i, n.number)
	}
}

// renumber works out which numbers are free, after open files were forgotten.
func (f *filesystem) renumber() {
	if !f.reuse {
		return
	}
	used := make([]bool, f.numbers+1)
	for _, n := range f.inodes {
		used[n.number] = used[n.number] || !f.gone(n)
	}
	f.free = nil
	for n := uint64(1); n <= f.numbers; n++ {
		if !used[n] {
			f.free = append(f.free, n)
		}
	}
}

// do makes a change and notes it as not durable yet.
func (f *filesystem) do(c change) {
	c.apply(f.side(live))
	if last := len(f.journal) - 1; c.times && last >= 0 && f.journal[last].times && f.journal[last].inos[0] == c.inos[0] {
		f.journal[last] = c
		return
	}
	f.journal = append(f.journal, c)
}

// commit makes the first n changes durable.
func (f *filesystem) commit(n int) {
	for _, c := range f.journal[:n] {
		c.apply(f.side(durable))
	}
	f.journal = f.journal[n:]
}

// commitDir makes everything up to the last change in a directory durable.
func (f *filesystem) commitDir(birth uint64) {
	for i := len(f.journal); i > 0; i-- {
		if slices.Contains(f.journal[i-1].inos, birth) {
			f.commit(i)
			return
		}
	}
}

// commitAttrs makes a file's attributes durable, past changes of others.
func (f *filesystem) commitAttrs(birth uint64) {
	f.journal = slices.DeleteFunc(f.journal, func(c change) bool {
		own := c.inos[0] == birth
		if own {
			c.apply(f.side(durable))
		}
		return own
	})
}

// commitAll is syncfs.
func (f *filesystem) commitAll() {
	f.commit(len(f.journal))
	for birth, n := range f.inodes {
		if n.data.unsynced() {
			f.own(birth).data.sync()
		}
	}
	f.drop()
}

// drop forgets the inodes that are neither open nor, on the durable side, have
// an entry.
func (f *filesystem) drop() {
	keep := map[uint64]bool{}
	for queue := slices.Clone(f.roots); len(queue) > 0; queue = queue[1:] {
		keep[queue[0]] = true
		for _, birth := range f.inodes[queue[0]].sides[durable].entries {
			if !keep[birth] {
				queue = append(queue, birth)
			}
		}
	}
	maps.DeleteFunc(f.inodes, func(birth uint64, _ *inode) bool { return f.opens[birth] == 0 && !keep[birth] })
}

// forgetOpen closes all files.
func (f *filesystem) forgetOpen() {
	f.opens = map[uint64]int{}
	f.renumber()
}
