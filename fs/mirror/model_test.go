package mirror_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// thing is a file, directory or symbolic link as a program knows it.
type thing struct {
	id      int
	kind    byte // as in letters
	mode    uint32
	owner   mirror.Owner
	mtime   int64 // in seconds, if the last change set it; else 0
	data    string
	links   int
	entries map[string]*thing // of a directory
	attrs   map[string]string // extended ones; never changed, but replaced
}

// model is what a filesystem must show, kept the simplest way.
type model struct {
	root    *thing
	handles map[int]*thing
	things  int
}

func newModel() *model {
	return &model{root: &thing{kind: 'd', mode: 0o755, links: 1, entries: map[string]*thing{}}, handles: map[int]*thing{}}
}

// clone copies everything; what has several names, or handles, is one thing in
// the copy as well.
func (w *model) clone() *model {
	copies := map[*thing]*thing{}
	var twin func(t *thing) *thing
	twin = func(t *thing) *thing {
		if c := copies[t]; c != nil {
			return c
		}
		c := *t
		copies[t] = &c
		if t.entries != nil {
			c.entries = make(map[string]*thing, len(t.entries))
		}
		for name, e := range t.entries {
			c.entries[name] = twin(e)
		}
		return &c
	}
	c := &model{root: twin(w.root), handles: map[int]*thing{}, things: w.things}
	for h, t := range w.handles {
		c.handles[h] = twin(t)
	}
	return c
}

func (w *model) add(kind byte, mode uint32) *thing {
	w.things++
	t := &thing{id: w.things, kind: kind, mode: mode, links: 1}
	if kind == 'd' {
		t.entries = map[string]*thing{}
	}
	return t
}

// find returns what is at a path, or nil.
func (w *model) find(path string) *thing {
	at := w.root
	if path == "" {
		return at
	}
	for name := range strings.SplitSeq(path, "/") {
		if at = at.entries[name]; at == nil {
			return nil
		}
	}
	return at
}

// spot is a place for a name.
type spot struct {
	dir  *thing
	name string
	here *thing
}

func (w *model) spot(path string) (spot, error) {
	dir, name := split(path)
	d := w.find(dir)
	switch {
	case d == nil:
		return spot{}, fs.ErrNotExist
	case d.kind != 'd':
		return spot{}, mirror.ErrNotDir
	}
	return spot{d, name, d.entries[name]}, nil
}

// visit calls do for every path, and what is there.
func (w *model) visit(do func(path string, t *thing)) {
	var walk func(prefix string, d *thing)
	walk = func(prefix string, d *thing) {
		for _, name := range slices.Sorted(maps.Keys(d.entries)) {
			t := d.entries[name]
			do(prefix+name, t)
			if t.kind == 'd' {
				walk(prefix+name+"/", t)
			}
		}
	}
	walk("", w.root)
}

// apply does one step. Its error is what the program is to see.
func (w *model) apply(s step) error {
	switch s.op {
	case opWrite, opTruncate, opAllocate, opFsync, opClose:
		return w.onHandle(s)
	case opCreate, opOpen, opReplace, opMkdir, opMknod, opSymlink, opUnlink, opRmdir:
		return w.onName(s)
	case opRename, opRenameNew, opExchange, opLink:
		return w.onNames(s)
	case opChmod, opChown, opUtimens, opCut, opSetxattr, opDelxattr, opSyncDir:
		return w.onNode(s)
	case opRemount:
		clear(w.handles)
	}
	return nil
}

func (w *model) onNode(s step) error {
	t := w.find(s.path)
	if t == nil {
		return fs.ErrNotExist
	}
	switch s.op {
	case opChmod:
		t.mode = s.mode
	case opChown:
		t.owner = mirror.Owner{UID: uint32(s.n), GID: uint32(s.off)}
	case opUtimens:
		t.mtime = s.n
	case opCut:
		if t.kind == 'd' {
			return mirror.ErrIsDir
		}
		if t.kind != 'f' {
			return mirror.ErrInvalid
		}
		t.cut(int(s.n))
	case opSetxattr:
		t.attrs = maps.Clone(t.attrs)
		if t.attrs == nil {
			t.attrs = map[string]string{}
		}
		t.attrs[s.to] = text(int(s.n), s.seed)
	case opDelxattr:
		if _, has := t.attrs[s.to]; !has {
			return mirror.ErrNoAttr
		}
		t.attrs = maps.Clone(t.attrs)
		delete(t.attrs, s.to)
	}
	return nil
}

// cut gives a file another length.
func (t *thing) cut(n int) {
	t.data, t.mtime = patched(t.data[:min(n, len(t.data))], "", n), 0 // now, also if the size stays
}

func (w *model) onHandle(s step) error {
	t := w.handles[s.h]
	if t == nil {
		return errNoHandle
	}
	switch s.op {
	case opWrite:
		off := s.at(len(t.data))
		t.data = patched(t.data, text(int(s.n), s.seed), off)
		t.mtime = 0
	case opTruncate:
		t.cut(int(s.n))
	case opAllocate:
		w.allocate(t, s)
	case opClose:
		delete(w.handles, s.h)
	}
	return nil
}

func (w *model) allocate(t *thing, s step) {
	zero := s.mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0
	end := int(s.off + s.n)
	if stop := min(end, len(t.data)); zero && stop > int(s.off) {
		t.data = patched(t.data, strings.Repeat("\x00", stop-int(s.off)), int(s.off))
	}
	if s.mode&unix.FALLOC_FL_KEEP_SIZE == 0 && end > len(t.data) {
		t.data, t.mtime = patched(t.data, "", end), 0
	}
	if zero {
		t.mtime = 0
	}
}

// patched puts part into data at off, with zeros before it where data ends.
func patched(data, part string, off int) string {
	b := make([]byte, max(len(data), off+len(part)))
	copy(b, data)
	copy(b[off:], part)
	return string(b)
}

func (w *model) onName(s step) error {
	at, err := w.spot(s.path)
	if err != nil {
		return err
	}
	if s.op == opUnlink || s.op == opRmdir || s.op == opOpen || s.op == opReplace {
		if at.here == nil {
			return fs.ErrNotExist
		}
		return w.onExisting(s, at)
	}
	if at.here != nil {
		return fs.ErrExist
	}
	switch s.op {
	case opCreate:
		at.dir.entries[at.name] = w.add('f', s.mode)
		w.handles[s.h] = at.dir.entries[at.name]
	case opMkdir:
		at.dir.entries[at.name] = w.add('d', s.mode)
	case opMknod:
		at.dir.entries[at.name] = w.add(letters[s.mode&unix.S_IFMT], s.mode&0o7777)
		if kind := at.dir.entries[at.name].kind; kind == 'c' || kind == 'b' {
			at.dir.entries[at.name].data = string(device(uint32(s.n)))
		}
	case opSymlink:
		at.dir.entries[at.name] = w.add('l', 0o777)
		at.dir.entries[at.name].data = s.to
	}
	return nil
}

func (w *model) onExisting(s step, at spot) error {
	switch {
	case s.op == opRmdir && at.here.kind != 'd':
		return mirror.ErrNotDir
	case s.op == opRmdir && len(at.here.entries) > 0:
		return mirror.ErrNotEmpty
	case s.op == opUnlink && at.here.kind == 'd':
		return mirror.ErrIsDir
	case s.op == opUnlink || s.op == opRmdir:
		delete(at.dir.entries, at.name)
		at.here.links--
	case at.here.kind == 'd':
		return mirror.ErrIsDir
	case at.here.kind != 'f':
		return mirror.ErrInvalid
	default:
		w.handles[s.h] = at.here
		if s.op == opReplace {
			at.here.data, at.here.mtime = "", 0
		}
	}
	return nil
}

func (w *model) onNames(s step) error {
	from, err := w.spot(s.path)
	if err != nil {
		return err
	}
	to, err := w.spot(s.to)
	if err != nil {
		return err
	}
	if from.here == nil {
		return fs.ErrNotExist
	}
	switch s.op {
	case opLink:
		if from.here.kind == 'd' {
			return fs.ErrPermission
		}
		if to.here != nil {
			return fs.ErrExist
		}
		to.dir.entries[to.name] = from.here
		from.here.links++
		return nil
	case opExchange:
		if to.here == nil {
			return fs.ErrNotExist
		}
		if inside(to.dir, from.here) || inside(from.dir, to.here) {
			return mirror.ErrInvalid
		}
		from.dir.entries[from.name], to.dir.entries[to.name] = to.here, from.here
		return nil
	}
	if s.op == opRenameNew && to.here != nil {
		return fs.ErrExist
	}
	if err := mayRename(from, to); err != nil || from.here == to.here {
		return err
	}
	if to.here != nil {
		to.here.links--
	}
	delete(from.dir.entries, from.name)
	to.dir.entries[to.name] = from.here
	return nil
}

func mayRename(from, to spot) error {
	switch {
	case from.here.kind == 'd' && inside(to.dir, from.here):
		return mirror.ErrInvalid
	case to.here == nil || to.here == from.here:
	case from.here.kind == 'd' && to.here.kind != 'd':
		return mirror.ErrNotDir
	case from.here.kind != 'd' && to.here.kind == 'd':
		return mirror.ErrIsDir
	case len(to.here.entries) > 0:
		return mirror.ErrNotEmpty
	}
	return nil
}

// inside reports whether dir is other or lies below it.
func inside(dir, other *thing) bool {
	if dir == other {
		return true
	}
	for _, t := range other.entries {
		if t.kind == 'd' && inside(dir, t) {
			return true
		}
	}
	return false
}

var errNoHandle = errors.New("no such handle")

// text is n bytes without zeros that differ for every seed in every chunk.
func text(n, seed int) string {
	b := bytes.Repeat([]byte{byte('a' + seed%26)}, n)
	var mark []byte
	for i := 0; i < n; i += 64 {
		mark = strconv.AppendInt(mark[:0], int64(seed), 10)
		mark = append(strconv.AppendInt(append(mark, '@'), int64(i), 10), '.')
		copy(b[i:], mark)
	}
	return string(b)
}
