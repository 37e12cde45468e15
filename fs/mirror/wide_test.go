package mirror_test

import (
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// inventWide makes a story of n steps in which every operation can come. What
// invent makes of a seed stays as it is, since many tests go by its seeds.
func inventWide(seed uint64, n int) []step {
	a := &author{rng: rand.New(rand.NewPCG(seed, 43)), w: newModel(), free: 1, wide: true}
	return a.write(n)
}

// widely makes up what next does not.
func (a *author) widely() (step, bool) {
	switch a.rng.IntN(16) {
	case 0, 1:
		return a.node()
	case 2, 3:
		return step{op: opChown, path: a.path(true), n: pick[int64](a.rng, 0, 1000, 1001), off: pick[int64](a.rng, 0, 100)}, true
	case 4, 5, 6:
		return a.xattr()
	case 7, 8:
		return a.cut()
	case 9, 10:
		return step{op: opRenameNew, path: a.path(true), to: a.path(a.rng.IntN(4) == 0)}, true
	case 11:
		path := a.path(true)
		return step{op: pick(a.rng, opRename, opRename, opRenameNew), path: path, to: path}, true
	case 12, 13:
		return a.alias()
	case 14:
		return step{op: opSymlink, path: a.path(false), to: pick(a.rng, "../N", strings.Repeat("long/", 700), strings.Repeat("t", 1+a.rng.IntN(300)))}, true
	}
	return step{op: opUtimens, path: a.path(true), n: 1_000_000_000 + a.rng.Int64N(1_000_000)}, true
}

// node makes a FIFO, a socket, a device or an empty file.
func (a *author) node() (step, bool) {
	kind := pick[uint32](a.rng, unix.S_IFIFO, unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFREG)
	s := step{op: opMknod, path: a.path(a.rng.IntN(8) == 0), mode: kind | pick[uint32](a.rng, 0o644, 0o600, 0o666)}
	if kind == unix.S_IFCHR || kind == unix.S_IFBLK {
		s.n = int64(unix.Mkdev(uint32(a.rng.IntN(300)), uint32(a.rng.IntN(300))))
	}
	if kind == unix.S_IFSOCK {
		s.mode |= sticky
	}
	return s, true
}

// xattr sets or removes an attribute of a file or a directory: no other may have one.
func (a *author) xattr() (step, bool) {
	path := a.path(true)
	if t := a.w.find(path); t != nil && t.kind != 'f' && t.kind != 'd' {
		return step{}, false
	}
	s := step{op: pick(a.rng, opSetxattr, opSetxattr, opDelxattr), path: path, to: pick(a.rng, "user.x", "user.long.name")}
	if s.op == opSetxattr {
		s.n, s.seed = pick[int64](a.rng, 0, 5, 300), a.seed
	}
	return s, path != ""
}

// cut truncates by path what may be open, too.
func (a *author) cut() (step, bool) {
	path := a.path(true)
	if t := a.w.find(path); t != nil {
		return step{op: opCut, path: path, n: pick(a.rng, 0, 4096, a.rng.Int64N(int64(len(t.data))+5000))}, true
	}
	return step{op: opCut, path: path}, true
}

// alias renames a link of a file over another one, which does nothing.
func (a *author) alias() (step, bool) {
	var names []string
	a.w.visit(func(path string, t *thing) {
		if t.links > 1 {
			names = append(names, path)
		}
	})
	if len(names) == 0 {
		return step{op: opLink, path: a.path(true), to: a.path(false)}, true
	}
	from := pick(a.rng, names...)
	same := slices.DeleteFunc(names, func(path string) bool { return a.w.find(path) != a.w.find(from) })
	return step{op: pick(a.rng, opRename, opRename, opExchange), path: from, to: pick(a.rng, same...)}, true
}
