package mirror_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// The operations of a story.
const (
	opCreate    = "create"      // path, mode; handle h is open on it
	opOpen      = "open"        // path; handle h
	opReplace   = "replace"     // path; handle h, truncated
	opClose     = "close"       // handle h
	opWrite     = "write"       // handle h, off (-1: at the end), n, seed
	opTruncate  = "truncate"    // handle h, n
	opAllocate  = "allocate"    // handle h, mode, off, n
	opFsync     = "fsync"       // handle h
	opMkdir     = "mkdir"       // path, mode
	opMknod     = "mknod"       // path, mode with the kind, n (of a device)
	opSymlink   = "symlink"     // path, to
	opUnlink    = "unlink"      // path
	opRmdir     = "rmdir"       // path
	opRename    = "rename"      // path, to
	opRenameNew = "rename new"  // path, to: RENAME_NOREPLACE
	opExchange  = "exchange"    // path, to
	opLink      = "link"        // path, to
	opChmod     = "chmod"       // path, mode
	opChown     = "chown"       // path, n, off
	opUtimens   = "utimens"     // path, n
	opCut       = "cut"         // path, n: truncate(2)
	opSetxattr  = "setxattr"    // path, to, n, seed
	opDelxattr  = "removexattr" // path, to
	opSyncDir   = "syncdir"     // path
	opSync      = "sync"        // the mirror's
	opRound     = "round"       // of commits; every file if n is 1, else what is due after off seconds
	opRetire    = "retire"      // log entries
	opRemount   = "remount"
)

// step is one call of a program, or one thing that the mirror does by itself.
type step struct {
	op       string
	path, to string
	h        int
	off, n   int64
	mode     uint32
	seed     int
}

// String is the step as Go, so that a story that fails can be kept.
func (s step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{op: %q", s.op)
	for _, f := range []struct {
		name string
		text string
		zero bool
	}{
		{"path", fmt.Sprintf("%q", s.path), s.path == ""},
		{"to", fmt.Sprintf("%q", s.to), s.to == ""},
		{"h", fmt.Sprint(s.h), s.h == 0},
		{"off", fmt.Sprint(s.off), s.off == 0},
		{"n", fmt.Sprint(s.n), s.n == 0},
		{"mode", fmt.Sprintf("%#o", s.mode), s.mode == 0},
		{"seed", fmt.Sprint(s.seed), s.seed == 0},
	} {
		if !f.zero {
			fmt.Fprintf(&b, ", %s: %s", f.name, f.text)
		}
	}
	return b.String() + "}"
}

// spell writes out the names L and N, which are long: they have sidecars.
func spell(path string) string {
	path = strings.ReplaceAll(path, "L", strings.Repeat("long", 40))
	return strings.ReplaceAll(path, "N", strings.Repeat("n", 255))
}

// unspell is the inverse of spell.
func unspell(path string) string {
	path = strings.ReplaceAll(path, strings.Repeat("n", 255), "N")
	return strings.ReplaceAll(path, strings.Repeat("long", 40), "L")
}

// at is the offset of a write to a file of that length.
func (s step) at(length int) int {
	if s.off < 0 {
		return length
	}
	return int(s.off)
}

func script(steps []step) string {
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, "%v, // %d\n", s, i+1)
	}
	return b.String()
}

// player does the steps of a story on a box.
type player struct {
	b       *box
	m       *mirror.Mirror
	handles map[int]*played
	done    int                         // steps
	before  func(i int, w *model) error // what else happens before a step, or nil
}

type played struct {
	h *mirror.Handle
	n mirror.Node
}

func (p *played) close() error {
	err := p.h.Close()
	p.n.Forget()
	return err
}

func newPlayer(b *box) (*player, error) {
	m, err := b.open()
	return &player{b: b, m: m, handles: map[int]*played{}}, err
}

// play does steps until one of them errs where the model does not, or does not
// where the model does.
func (p *player) play(steps []step) error {
	w := newModel()
	for i, s := range steps {
		p.done = i
		if p.before != nil {
			if err := p.before(i, w); err != nil {
				return err
			}
		}
		want := w.apply(s)
		if err := p.do(s); (err == nil) != (want == nil) {
			return fmt.Errorf("step %d %v: got error %v, want %v", i+1, s, err, want)
		}
	}
	p.done = len(steps)
	return nil
}

// do does one step. A path that was found stale is looked up again, as the
// kernel does.
func (p *player) do(s step) error {
	err := p.try(s)
	if errors.Is(err, mirror.ErrStale) && s.path != "" {
		err = p.try(s)
	}
	return err
}

func (p *player) try(s step) error {
	switch s.op {
	case opWrite, opTruncate, opAllocate, opFsync, opClose:
		return p.onHandle(s)
	case opCreate, opOpen, opReplace, opMkdir, opMknod, opSymlink, opUnlink, opRmdir:
		return p.onName(s)
	case opRename, opRenameNew, opExchange, opLink:
		return p.onNames(s)
	case opChmod, opChown, opUtimens, opCut, opSetxattr, opDelxattr, opSyncDir:
		return p.onNode(s)
	case opSync:
		return p.m.Sync()
	case opRound:
		p.b.clock.pass(time.Duration(s.off) * time.Second)
		if s.n == 1 {
			return p.m.Commit()
		}
		return p.m.CommitDue()
	case opRetire:
		return p.m.Retire()
	case opRemount:
		return p.remount()
	}
	return errors.New("no such operation")
}

func (p *player) remount() error {
	if err := p.letGo(); err != nil {
		return err
	}
	err := p.m.Close()
	p.m = nil
	if err == nil {
		p.m, err = p.b.open()
	}
	return err
}

func (p *player) onHandle(s step) error {
	open := p.handles[s.h]
	if open == nil {
		return errNoHandle
	}
	switch s.op {
	case opWrite:
		length, err := open.n.Attr()
		if err != nil {
			return err
		}
		_, err = open.h.WriteAt([]byte(text(int(s.n), s.seed)), int64(s.at(int(length.Size))))
		return err
	case opTruncate:
		return open.h.Truncate(s.n)
	case opAllocate:
		return open.h.Allocate(s.mode, s.off, s.n)
	case opFsync:
		return open.h.Sync()
	}
	delete(p.handles, s.h)
	return open.close()
}

func (p *player) onName(s step) error {
	dir, name := split(spell(s.path))
	d, err := p.m.Walk(dir)
	if err != nil {
		return err
	}
	defer d.Forget()
	var n mirror.Node
	switch s.op {
	case opCreate:
		n, h, err := d.Create(name, s.mode, mirror.Owner{})
		if err == nil {
			p.handles[s.h] = &played{h, n}
		}
		return err
	case opMkdir:
		n, err = d.Mkdir(name, s.mode, mirror.Owner{})
	case opMknod:
		n, err = d.Mknod(name, s.mode, uint32(s.n), mirror.Owner{})
	case opSymlink:
		n, err = d.Symlink(name, s.to, mirror.Owner{})
	case opUnlink:
		return d.Unlink(name)
	case opRmdir:
		return d.Rmdir(name)
	default:
		return p.openAs(s, d, name)
	}
	if err == nil {
		n.Forget()
	}
	return err
}

func (p *player) openAs(s step, d mirror.Node, name string) error {
	n, err := d.Lookup(name)
	if err != nil {
		return err
	}
	h, err := n.Open(mirror.OpenOptions{Write: true, Truncate: s.op == opReplace})
	if err != nil {
		n.Forget()
		return err
	}
	p.handles[s.h] = &played{h, n}
	return nil
}

func (p *player) onNames(s step) error {
	dir, x := split(spell(s.path))
	a, err := p.m.Walk(dir)
	if err != nil {
		return err
	}
	defer a.Forget()
	dir, y := split(spell(s.to))
	b, err := p.m.Walk(dir)
	if err != nil {
		return err
	}
	defer b.Forget()
	if s.op != opLink {
		return a.Rename(x, b, y, mirror.RenameFlags{Exchange: s.op == opExchange, NoReplace: s.op == opRenameNew})
	}
	n, err := a.Lookup(x)
	if err != nil {
		return err
	}
	defer n.Forget()
	return b.Link(y, n)
}

func (p *player) onNode(s step) error {
	n, err := p.m.Walk(spell(s.path))
	if err != nil {
		return err
	}
	defer n.Forget()
	switch s.op {
	case opChmod:
		_, err = n.SetAttr(mirror.SetAttr{Mode: &s.mode})
	case opChown:
		uid, gid := uint32(s.n), uint32(s.off)
		_, err = n.SetAttr(mirror.SetAttr{UID: &uid, GID: &gid})
	case opCut:
		_, err = n.SetAttr(mirror.SetAttr{Size: &s.n})
	case opSetxattr:
		err = n.Setxattr(s.to, []byte(text(int(s.n), s.seed)), 0)
	case opDelxattr:
		err = n.Removexattr(s.to)
	case opUtimens:
		t := time.Unix(s.n, 0)
		_, err = n.SetAttr(mirror.SetAttr{Mtime: &t})
	case opSyncDir:
		err = n.Sync()
	}
	return err
}

// rehearse plays a story without a crash, holds what a program sees against
// the model after every step, and returns how many operations had been done
// after each.
func rehearse(b *box, steps []step) (ops []int, err error) {
	p, err := newPlayer(b)
	if err != nil {
		return nil, err
	}
	h := tell(steps)
	h.attrs = true
	w, used := newModel(), map[string]bool{}
	before := b.disk.Ops()
	for i, s := range steps {
		want := w.apply(s)
		if err := p.do(s); (err == nil) != (want == nil) {
			return nil, fmt.Errorf("step %d %v: got error %v, want %v", i+1, s, err, want)
		}
		if err := p.agrees(w); err != nil {
			return nil, fmt.Errorf("after step %d %v: %w", i+1, s, err)
		}
		if err := h.afterKill(look(p.m), i+1); err != nil {
			return nil, fmt.Errorf("after step %d %v: %w", i+1, s, err)
		}
		if err := p.knows(w, used); err != nil {
			return nil, fmt.Errorf("after step %d %v: %w", i+1, s, err)
		}
		ops = append(ops, b.disk.Ops()-before)
	}
	if err := p.remount(); err != nil {
		return nil, err
	}
	got := look(p.m)
	if err := h.afterKill(got, len(steps)); err != nil {
		return nil, fmt.Errorf("after the unmount: %w", err)
	}
	if err := p.m.Close(); err != nil {
		return nil, err
	}
	return ops, b.inOrder(got, demand{same: true, tidy: true, indexed: true})
}

// agrees holds what open handles show against the model.
func (p *player) agrees(w *model) error {
	for h, t := range w.handles {
		open := p.handles[h]
		if open == nil {
			return fmt.Errorf("handle %d is not open", h)
		}
		got := make([]byte, len(t.data)+1)
		n, err := open.h.ReadAt(got, 0)
		if string(got[:n]) != t.data {
			return fmt.Errorf("handle %d: %s, want %s (%v)", h, brief(string(got[:n])), brief(t.data), err)
		}
		a, err := open.n.Attr()
		if err != nil {
			return fmt.Errorf("handle %d: %w", h, err)
		}
		if a.Size != int64(len(t.data)) || a.Mode&0o7777 != t.mode || a.UID != t.owner.UID || a.GID != t.owner.GID || int(a.Nlink) != t.links {
			return fmt.Errorf("handle %d: size %d, mode %o, %d:%d, %d links, want %d, %o, %v, %d",
				h, a.Size, a.Mode, a.UID, a.GID, a.Nlink, len(t.data), t.mode, t.owner, t.links)
		}
	}
	return nil
}
