package cloudtest

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

const rootIno = 1

type kind uint8

const (
	regular kind = iota
	directory
	special // a symlink, FIFO, socket or device that somebody planted
)

// state is what one side knows of an inode, its bytes aside.
type state struct {
	mode, uid, gid      uint32
	nlink               uint64 // of files
	atime, mtime, ctime time.Time
	xattrs              map[string][]byte // values are never changed in place
	entries             map[string]uint64 // of directories
}

func (s *state) clone() state {
	c := *s
	c.xattrs, c.entries = maps.Clone(s.xattrs), maps.Clone(s.entries)
	return c
}

// changed moves ctime, never backwards.
func (s *state) changed(t time.Time) {
	if t.After(s.ctime) {
		s.ctime = t
	}
}

// side tells what programs see from what a power cut cannot take.
type side uint8

const (
	live side = iota
	durable
)

type inode struct {
	ino   uint64
	kind  kind
	sides [2]state
	data  data
	opens int
}

// change is one entry of the journal. It names inodes by number, so that a
// clone of the volume can use it.
type change struct {
	inos  []uint64 // the directories whose entries it changes, or the one inode whose attributes
	times bool     // moves times only, as a write does
	apply func(of func(ino uint64) *state)
}

// volume is one directory tree.
type volume struct {
	name    string
	inodes  map[uint64]*inode
	next    uint64
	journal []change // live but not durable, in order
	statfs  cloud.Statfs
	absent  bool
}

func newVolume(name string, dev uint64, t time.Time) *volume {
	v := &volume{name: name, inodes: map[uint64]*inode{}, next: rootIno, statfs: cloud.Statfs{
		Dev: dev, BlockSize: pageSize, Blocks: 1 << 20, Free: 1 << 20, Avail: 1 << 20,
		Files: 1 << 20, FilesFree: 1 << 20, NameMax: cloud.NameMax,
	}}
	v.add(directory, 0o755, t)
	return v
}

// add makes an inode without an entry; until one is durable, it is lost in a
// power cut.
func (v *volume) add(k kind, mode uint32, t time.Time) *inode {
	n := &inode{ino: v.next, kind: k}
	v.next++
	for s := range n.sides {
		n.sides[s] = state{mode: mode & 0o7777, atime: t, mtime: t, ctime: t, xattrs: map[string][]byte{}}
		if k == directory {
			n.sides[s].entries = map[string]uint64{}
		}
	}
	v.inodes[n.ino] = n
	return n
}

func (v *volume) side(s side) func(uint64) *state {
	return func(ino uint64) *state { return &v.inodes[ino].sides[s] }
}

// do makes a change and notes it as not durable yet.
func (v *volume) do(c change) {
	c.apply(v.side(live))
	if last := len(v.journal) - 1; c.times && last >= 0 && v.journal[last].times && v.journal[last].inos[0] == c.inos[0] {
		v.journal[last] = c
		return
	}
	v.journal = append(v.journal, c)
}

// commit makes the first n changes durable.
func (v *volume) commit(n int) {
	for _, c := range v.journal[:n] {
		c.apply(v.side(durable))
	}
	v.journal = slices.Delete(v.journal, 0, n)
}

// commitDir makes everything up to the last change in a directory durable.
func (v *volume) commitDir(ino uint64) {
	for i := len(v.journal); i > 0; i-- {
		if slices.Contains(v.journal[i-1].inos, ino) {
			v.commit(i)
			return
		}
	}
}

// commitAttrs makes a file's attributes durable, past changes of others.
func (v *volume) commitAttrs(ino uint64) {
	v.journal = slices.DeleteFunc(v.journal, func(c change) bool {
		own := c.inos[0] == ino
		if own {
			c.apply(v.side(durable))
		}
		return own
	})
}

// commitAll is syncfs.
func (v *volume) commitAll() {
	v.commit(len(v.journal))
	for _, n := range v.inodes {
		n.data.sync()
	}
	v.drop(v.reachable(durable))
}

// reachable gives the inodes that have an entry on that side.
func (v *volume) reachable(s side) map[uint64]bool {
	seen := map[uint64]bool{rootIno: true}
	for queue := []uint64{rootIno}; len(queue) > 0; queue = queue[1:] {
		for _, ino := range v.inodes[queue[0]].sides[s].entries {
			if !seen[ino] {
				seen[ino] = true
				queue = append(queue, ino)
			}
		}
	}
	return seen
}

// drop forgets the inodes that are neither open nor to be kept.
func (v *volume) drop(keep map[uint64]bool) {
	maps.DeleteFunc(v.inodes, func(ino uint64, n *inode) bool { return n.opens == 0 && !keep[ino] })
}

func (v *volume) forgetOpen() {
	for _, n := range v.inodes {
		n.opens = 0
	}
}

func (v *volume) clone() *volume {
	c := *v
	c.journal = slices.Clone(v.journal)
	c.inodes = make(map[uint64]*inode, len(v.inodes))
	for ino, n := range v.inodes {
		c.inodes[ino] = &inode{ino: ino, kind: n.kind, data: n.data.clone(),
			sides: [2]state{n.sides[live].clone(), n.sides[durable].clone()}}
	}
	return &c
}

// lookup finds what is at path, as programs see it.
func (v *volume) lookup(path string) (*inode, error) {
	n := v.inodes[rootIno]
	if path == "" {
		return n, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if n.kind != directory {
			return nil, syscall.ENOTDIR
		}
		ino, ok := n.sides[live].entries[name]
		if !ok {
			return nil, syscall.ENOENT
		}
		n = v.inodes[ino]
	}
	return n, nil
}

// slot is a name in a directory, with the inode there or nil.
type slot struct {
	dir  *inode
	name string
	node *inode
}

// slot finds the place of path. The directory itself has none: EBUSY.
func (v *volume) slot(path string) (slot, error) {
	parent, name := cloud.SplitPath(path)
	if name == "" {
		return slot{}, syscall.EBUSY
	}
	dir, err := v.lookup(parent)
	if err != nil {
		return slot{}, err
	}
	if dir.kind != directory {
		return slot{}, syscall.ENOTDIR
	}
	return slot{dir, name, v.inodes[dir.sides[live].entries[name]]}, nil
}

// existing is slot, and ENOENT if it is empty.
func (v *volume) existing(path string) (slot, error) {
	s, err := v.slot(path)
	if err == nil && s.node == nil {
		err = syscall.ENOENT
	}
	return s, err
}

// contains tells whether n is dir or somewhere beneath it.
func (v *volume) contains(dir, n *inode) bool {
	if dir == n {
		return true
	}
	for _, ino := range dir.sides[live].entries {
		if child := v.inodes[ino]; child == n || child.kind == directory && v.contains(child, n) {
			return true
		}
	}
	return false
}
