package cloudtest

import (
	"maps"
	"strings"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

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

// inode is a file or directory. Its birth is unique and never shown; its
// number is what programs see, and may be given again when it is gone. So the
// two together are what a lasting handle is made of.
type inode struct {
	birth, number uint64
	kind          kind
	sides         [2]state
	data          data
	owner         *owner
}

// change is one entry of the journal. It names inodes by birth, so that a
// clone of the filesystem can use it.
type change struct {
	inos  []uint64 // the directories whose entries it changes, or the one inode whose attributes
	times bool     // moves times only, as a write does
	apply func(of func(birth uint64) *state)
}

// volume is one directory tree.
type volume struct {
	name   string
	fs     *filesystem
	root   uint64
	statfs cloud.Statfs
	absent bool
}

func newVolume(name string, f *filesystem, dev uint64, t time.Time) *volume {
	v := &volume{name: name, fs: f, statfs: cloud.Statfs{
		Dev: dev, BlockSize: pageSize, Blocks: 1 << 20, Free: 1 << 20, Avail: 1 << 20,
		Files: 1 << 20, FilesFree: 1 << 20, NameMax: cloud.NameMax,
	}}
	v.root = f.add(directory, 0o755, t).birth
	f.roots = append(f.roots, v.root)
	return v
}

// add makes an inode without an entry; until one is durable, it is lost in a
// power cut.
func (f *filesystem) add(k kind, mode uint32, t time.Time) *inode {
	f.births++
	n := &inode{birth: f.births, number: f.number(), kind: k, owner: f.owner}
	for s := range n.sides {
		n.sides[s] = state{mode: mode & 0o7777, atime: t, mtime: t, ctime: t}
		if k == directory {
			n.sides[s].entries = map[string]uint64{}
		}
	}
	f.inodes[n.birth] = n
	return n
}

// lookup finds what is at path, as programs see it.
func (v *volume) lookup(path string) (*inode, error) {
	n := v.fs.inodes[v.root]
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
		n = v.fs.inodes[ino]
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
	return slot{dir, name, v.fs.inodes[dir.sides[live].entries[name]]}, nil
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
		if child := v.fs.inodes[ino]; child == n || child.kind == directory && v.contains(child, n) {
			return true
		}
	}
	return false
}
