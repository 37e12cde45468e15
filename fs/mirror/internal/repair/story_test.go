package repair_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// node is a file or directory of the model.
type node struct {
	kind     uint32
	mode     uint32
	mtime    *time.Time // of a directory, while it is the one that the log set
	children map[string]*node

	id     cipher.ID
	salts  [][]byte
	temps  []string // while it goes on in fresh backing files
	ref    uint64
	base   journal.Sealed // the last version
	disk   journal.Sealed // the one in the backing files
	length int64          // of the last version
	done   []byte         // its content
	past   map[cipher.ID][]byte
	frail  bool // a power cut can take records that the log does not hold

	cur    []byte // with what is in no version yet
	ids    []cipher.WriteID
	sparse bool
	direct journal.Spans  // since the last version
	wanted map[int64]bool // chunks that the next version takes into the log
	cut    *int64
}

func (n *node) dir() bool     { return n.kind == unix.S_IFDIR }
func (n *node) special() bool { return n.kind == unix.S_IFLNK }
func (n *node) whole() bool   { return n.base.Committed() }

// story makes a history: events, and the tree that they come to.
type story struct {
	rng     *rand.Rand
	vault   []*cipher.Cloud // by cloud
	root    *node
	events  []*event
	counter uint64
	refs    uint64
	links   bool // names of one file may be several
	direct  bool // records may be written that the log does not hold
	settled bool // every change is a version at once

	// Where a cloud tells no handles, a directory is what stands at its name:
	// a history that gives one the name that another had tells too little. So
	// it has none, and notes the names that directories had.
	once map[spot]bool
}

// mayStand reports whether a directory can be given a name.
func (s *story) mayStand(p spot) bool {
	return s.once == nil || !s.once[spot{dir: p.dir, name: p.name}]
}

// stands notes that a directory has a name.
func (s *story) stands(p spot) {
	if s.once != nil {
		s.once[spot{dir: p.dir, name: p.name}] = true
	}
}

const writer = 7

func newStory(seed uint64, keys []*cipher.Cloud) *story {
	return &story{rng: rand.New(rand.NewPCG(seed, 1)), vault: keys, root: &node{kind: unix.S_IFDIR, children: map[string]*node{}}, counter: 10, links: true, direct: true}
}

func (s *story) chance(percent int) bool { return s.rng.IntN(100) < percent }

func (s *story) random16() (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], s.rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], s.rng.Uint64()|1)
	return id
}

func (s *story) salts() (list [][]byte) {
	for range s.vault {
		salt := s.random16()
		list = append(list, salt[:])
	}
	return list
}

func (s *story) temps() (list []string) {
	for range s.vault {
		list = append(list, fmt.Sprintf(".~%016x.tmp", s.rng.Uint64()))
	}
	return list
}

func (s *story) log(ev *event) { s.events = append(s.events, ev) }

func (s *story) mtime() time.Time { return time.Unix(1_600_000_000+s.rng.Int64N(1000), 5) }

// spot is a name, of something or of nothing.
type spot struct {
	path string
	dir  *node
	name string
}

func (p spot) node() *node { return p.dir.children[p.name] }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// long has a sidecar.
var long = strings.Repeat("long", 40)

var names = []string{"a", "b", "c", "d", long}

func (s *story) spots() (list []spot) {
	s.walk(func(p spot) {
		if p.node() == nil || !p.node().dir() {
			return
		}
		for _, name := range names {
			list = append(list, spot{join(p.path, name), p.node(), name})
		}
	})
	for _, name := range names {
		list = append(list, spot{name, s.root, name})
	}
	return list
}

// walk calls do for everything that is there, in order.
func (s *story) walk(do func(p spot)) {
	var walk func(path string, dir *node)
	walk = func(path string, dir *node) {
		for _, name := range slices.Sorted(maps.Keys(dir.children)) {
			p := spot{join(path, name), dir, name}
			do(p)
			if p.node().dir() {
				walk(p.path, p.node())
			}
		}
	}
	walk("", s.root)
}

func (s *story) pathsOf(n *node) (paths []string) {
	s.walk(func(p spot) {
		if p.node() == n {
			paths = append(paths, p.path)
		}
	})
	return paths
}

func (s *story) pick(want func(p spot) bool) (spot, bool) {
	spots := slices.DeleteFunc(s.spots(), func(p spot) bool { return !want(p) })
	if len(spots) == 0 {
		return spot{}, false
	}
	return spots[s.rng.IntN(len(spots))], true
}

func vacant(p spot) bool  { return p.node() == nil }
func taken(p spot) bool   { return p.node() != nil }
func aFile(p spot) bool   { return p.node() != nil && p.node().kind == unix.S_IFREG }
func noDir(p spot) bool   { return p.node() != nil && !p.node().dir() }
func emptied(p spot) bool { return p.node() != nil && p.node().dir() && len(p.node().children) == 0 }

// act is one operation of a history; weight is how often.
type act struct {
	weight int
	need   func(p spot) bool
	do     func(s *story, p spot)
}

var acts = []act{
	{4, vacant, (*story).create},
	{2, vacant, (*story).mkdir},
	{1, vacant, (*story).symlink},
	{6, taken, (*story).rename},
	{2, taken, (*story).exchange},
	{2, noDir, (*story).link},
	{3, noDir, (*story).unlink},
	{3, emptied, (*story).rmdir},
	{8, aFile, (*story).edit},
	{1, func(p spot) bool { return p.node() != nil && p.node().dir() }, (*story).dirAttr},
}

// go on for a number of operations; one is several events at times.
func (s *story) goOn(steps int) {
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	for range steps {
		at := s.rng.IntN(total)
		for _, a := range acts {
			if at -= a.weight; at < 0 {
				if p, ok := s.pick(a.need); ok {
					a.do(s, p)
				}
				break
			}
		}
	}
}

// settle makes all changes versions and forgets the log: what was there before.
func (s *story) settle() []*event {
	s.walk(func(p spot) {
		n := p.node()
		if n.kind == unix.S_IFREG && (!n.whole() || n.temps != nil || len(n.direct) > 0) {
			s.commit(n)
		}
		n.ref = 0
		n.frail = false
		n.mtime = nil
	})
	events := s.events
	s.events = nil
	return events
}

func (s *story) attrs(mode uint32) *journal.Attrs {
	uid, gid, mtime := uint32(1000), uint32(100), s.mtime()
	return &journal.Attrs{Mode: &mode, UID: &uid, GID: &gid, Mtime: &mtime}
}

func (s *story) touch(dirs ...*node) {
	for _, d := range dirs {
		d.mtime = nil
	}
}

func (s *story) create(p spot) {
	n := s.open(p)
	if s.settled || s.chance(80) {
		s.append(n)
		s.commit(n)
	} else if s.chance(50) {
		s.append(n)
	}
}

// open makes a file that has no version yet.
func (s *story) open(p spot) *node {
	s.refs++
	n := &node{kind: unix.S_IFREG, mode: []uint32{0o644, 0o600, 0o200}[s.rng.IntN(3)], id: s.random16(), salts: s.salts(), ref: s.refs, past: map[cipher.ID][]byte{}, wanted: map[int64]bool{}}
	s.touch(p.dir)
	s.log(&event{entry: &journal.Entry{Op: journal.OpCreate, Path: []byte(p.path), Ref: n.ref, File: idOf(n), Attrs: s.attrs(n.mode), Salts: n.salts}})
	p.dir.children[p.name] = n
	return n
}

func idOf(n *node) *cipher.ID {
	if n.dir() {
		return nil
	}
	id := n.id
	return &id
}

func (s *story) mkdir(p spot) {
	if !s.mayStand(p) {
		return
	}
	s.stands(p)
	n := &node{kind: unix.S_IFDIR, mode: 0o755, children: map[string]*node{}}
	s.touch(p.dir)
	s.log(&event{entry: &journal.Entry{Op: journal.OpMkdir, Path: []byte(p.path), Kind: n.kind, Attrs: s.attrs(n.mode)}})
	p.dir.children[p.name] = n
}

func (s *story) symlink(p spot) {
	n := &node{kind: unix.S_IFLNK, mode: 0o777, id: s.random16(), salts: s.salts(), past: map[cipher.ID][]byte{}}
	n.done = []byte("target " + p.path)
	id := s.writeID()
	n.ids = []cipher.WriteID{id}
	n.base = s.seal(n, cipher.TypeSymlink, int64(len(n.done)))
	n.past[n.base.Head.CommitID] = n.done
	v := &journal.Commit{Head: journal.NewHead(&n.base), Chunks: []journal.Chunk{{ID: id[:]}}}
	for k := range v.Head.AccSlice {
		v.Head.AccSlice[k] = make([]byte, 16) // the log has none of what is no regular file
	}
	s.touch(p.dir)
	sealed := n.base
	s.log(&event{entry: &journal.Entry{Op: journal.OpSpecial, Path: []byte(p.path), Kind: n.kind, File: idOf(n), Salts: n.salts, Commit: v, Data: n.done}, special: true, sealed: &sealed})
	p.dir.children[p.name] = n
}

func (s *story) dirAttr(p spot) {
	if s.chance(50) {
		s.utimens(p)
		return
	}
	n := p.node()
	n.mode = []uint32{0o700, 0o755, 0o500}[s.rng.IntN(3)]
	mode := n.mode
	s.log(&event{entry: &journal.Entry{Op: journal.OpDirAttr, Path: []byte(p.path), Kind: unix.S_IFDIR, Attrs: &journal.Attrs{Mode: &mode}}})
}

func (s *story) utimens(p spot) {
	at := s.mtime()
	p.node().mtime = &at
	s.log(&event{entry: &journal.Entry{Op: journal.OpDirAttr, Path: []byte(p.path), Kind: unix.S_IFDIR, Attrs: &journal.Attrs{Mtime: &at}}})
}

func (s *story) rmdir(p spot) {
	s.touch(p.dir)
	s.log(&event{entry: &journal.Entry{Op: journal.OpRmdir, Path: []byte(p.path), Kind: unix.S_IFDIR}})
	delete(p.dir.children, p.name)
}

func (s *story) link(p spot) {
	to, ok := s.pick(vacant)
	if !ok || !s.links {
		return
	}
	s.linkTo(p, to)
}

func (s *story) linkTo(p, to spot) {
	n := p.node()
	s.replaced(n)
	s.touch(to.dir)
	s.log(&event{entry: &journal.Entry{Op: journal.OpLink, Path: []byte(p.path), To: []byte(to.path), Kind: n.kind, File: idOf(n)}, special: n.special()})
	to.dir.children[to.name] = n
}

// also is another name of a file that loses one and of which the log tells.
func (s *story) also(n *node, lost string) []byte {
	for _, path := range s.pathsOf(n) {
		if path != lost && n.ref != 0 {
			return []byte(path)
		}
	}
	return nil
}

func (s *story) unlink(p spot) {
	n := p.node()
	s.replaced(n)
	s.touch(p.dir)
	s.log(&event{entry: &journal.Entry{Op: journal.OpUnlink, Path: []byte(p.path), Kind: n.kind, File: idOf(n), Before: journal.Before{Seen: n.base.Head.Version}, Also: s.also(n, p.path)}, special: n.special()})
	delete(p.dir.children, p.name)
}

// replaced finishes a file whose fresh backing files are not in place, as the
// mirror does before any of its names changes.
func (s *story) replaced(n *node) {
	if n.temps != nil {
		s.commit(n)
	}
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func (s *story) rename(p spot) {
	n := p.node()
	to, ok := s.pick(func(q spot) bool {
		old := q.node()
		if n.dir() && !s.mayStand(q) {
			return false
		}
		return old != n && !(n.dir() && within(q.path, p.path)) && (old == nil || old.dir() == n.dir() && len(old.children) == 0)
	})
	if ok {
		s.move(p, to)
	}
}

func (s *story) move(p, to spot) {
	n := p.node()
	e := &journal.Entry{Op: journal.OpRename, Path: []byte(p.path), To: []byte(to.path), Kind: n.kind}
	ev := &event{entry: e, special: n.special()}
	s.replaced(n)
	old := to.node()
	if old != nil {
		s.replaced(old)
		e.Over, ev.over = old.kind, old.special()
		e.Other, e.Seen, e.Also = &journal.Identity{File: idOf(old)}, old.base.Head.Version, s.also(old, to.path)
	}
	e.File = idOf(n)
	if old != nil && old.kind == unix.S_IFREG && n.kind == unix.S_IFREG {
		s.takeOver(ev, n, old)
	}
	s.touch(p.dir, to.dir)
	s.log(ev)
	delete(p.dir.children, p.name)
	if to.dir.children[to.name] = n; n.dir() {
		s.stands(to)
	}
}

// takeOver gives a file that replaces another one its id, where both have one
// name and a version.
func (s *story) takeOver(ev *event, n, old *node) {
	if len(s.pathsOf(n)) > 1 || len(s.pathsOf(old)) > 1 || !old.whole() {
		return
	}
	if !n.whole() || len(n.direct) > 0 {
		s.commit(n)
	}
	from := n.base
	n.base.Head.FileID, n.base.Head.CommitID = old.id, s.random16()
	n.base.Head.Version = from.Head.Version.Max(old.base.Head.Version).With(writer, s.next())
	n.id, n.disk = old.id, n.base
	n.past[n.base.Head.CommitID] = n.done
	ev.entry.Commit = &journal.Commit{Base: journal.NewHead(&from), Head: journal.NewHead(&n.base)}
	sealed := n.base
	ev.entry.Salts, ev.sealed = n.salts, &sealed
}

func (s *story) exchange(p spot) {
	n := p.node()
	to, ok := s.pick(func(q spot) bool {
		dirs := n.dir() || taken(q) && q.node().dir()
		return taken(q) && q.node() != n && !(dirs && s.once != nil) && !within(q.path, p.path) && !within(p.path, q.path)
	})
	if ok {
		s.swap(p, to)
	}
}

func (s *story) swap(p, to spot) {
	n, other := p.node(), to.node()
	s.replaced(n)
	s.replaced(other)
	s.touch(p.dir, to.dir)
	s.log(&event{entry: &journal.Entry{
		Op: journal.OpExchange, Path: []byte(p.path), To: []byte(to.path), Kind: n.kind, Over: other.kind,
		File: idOf(n), Before: journal.Before{Other: &journal.Identity{File: idOf(other)}}, Temps: s.temps(),
	}, special: n.special(), over: other.special()})
	p.dir.children[p.name], to.dir.children[to.name] = other, n
}
