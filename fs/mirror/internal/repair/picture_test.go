package repair_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// found is what one cloud has at a name.
type found struct {
	entry string
	info  cloud.Info
	head  *cipher.Header // nil where none verifies
	blank bool
	plain []byte
	whole bool // every record verified, and acc agrees
}

// picture is one cloud as a reader without a log sees it.
type picture struct {
	at     map[string]*found
	litter []string // temporary files, and what is no name of this cloud's
}

func (b *box) look(k int) (*picture, error) {
	p := &picture{at: map[string]*found{}}
	c := b.cloud(k)
	return p, p.visit(c, "", "")
}

func (p *picture) visit(c *replica.Cloud, dir, plain string) error {
	entries, err := c.Dir.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := replica.Join(dir, e.Name)
		d, err := c.Keys.DecodeEntry(cipher.EntryName(e.Name), func(side cipher.EntryName) ([]byte, error) {
			return c.ReadSidecar(replica.Join(dir, string(side)))
		})
		at := join(plain, string(d.Name))
		switch {
		case e.Name == burned, errors.Is(err, cipher.ErrMetadata) && e.Name[0] == 'y':
			continue // it was the harness's, or belongs to a name, or to nobody, which harms nobody
		case err != nil || d.Copy || p.at[at] != nil:
			p.litter = append(p.litter, path)
			continue
		}
		f := &found{entry: path}
		if p.at[at] = f; e.Dir {
			if err := p.visit(c, path, at); err != nil {
				return err
			}
		} else if err := f.read(c); err != nil {
			return err
		}
		if f.info, err = c.Dir.Stat(path); err != nil {
			return err
		}
	}
	return nil
}

// read reads a backing file as a reader does who has nothing else.
func (f *found) read(c *replica.Cloud) error {
	cp, err := c.Open(f.entry, false)
	if errors.Is(err, replica.ErrBlank) || errors.Is(err, cipher.ErrDamaged) {
		f.blank = errors.Is(err, replica.ErrBlank)
		return nil
	}
	if err != nil {
		return err
	}
	defer cp.Close()
	f.head = cp.Head
	acc, bad, err := cp.Check(cp.Head)
	if err != nil || len(bad) > 0 || acc != cp.Head.Acc || cp.Head.Flags&cipher.Dirty != 0 {
		return err
	}
	f.whole = true
	return cp.Each(cp.Head.Length, func(r *replica.Run) error {
		f.plain = append(f.plain, r.Plain...)
		return nil
	})
}

// wish is how a story's end is compared with a cloud.
type wish struct {
	sameBoot bool // nothing can be lost
}

// compare says what of a story's end a cloud has not, or has besides.
func (s *story) compare(b *box, k int, w wish) error {
	p, err := b.look(k)
	if err != nil {
		return err
	}
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	inodes := map[uint64]*node{}
	waiting := map[string]bool{}
	s.walk(func(q spot) {
		f, n := p.at[q.path], q.node()
		delete(p.at, q.path)
		if n.temps != nil && w.sameBoot {
			waiting[n.temps[k]] = true
		}
		switch {
		case f == nil:
			say("%s is missing", short(q.path))
			return
		case f.info.Dir != n.dir():
			say("%s is of another kind", short(q.path))
			return
		case n.dir():
			n.compareDir(f, func(what string) { say("%s: %s", short(q.path), what) })
			return
		}
		if other := inodes[f.info.Ino]; other != nil && other != n {
			say("%s is the same as another file", short(q.path))
		}
		inodes[f.info.Ino] = n
		n.compareFile(f, w, func(what string) { say("%s: %s", short(q.path), what) })
	})
	links := map[*node]bool{}
	for _, n := range inodes {
		if links[n] {
			say("the names of one file are several files")
		}
		links[n] = true
	}
	for path := range p.at {
		say("%s is there", short(path))
	}
	for _, path := range p.litter {
		_, name := cloud.SplitPath(path)
		if !waiting[name] {
			say("litter: %s", path)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("cloud %d:\n  %s", k, strings.Join(wrong, "\n  "))
}

func short(path string) string { return strings.ReplaceAll(path, long, "L") }

func (n *node) compareDir(f *found, say func(what string)) {
	if f.info.Mode != n.mode {
		say(fmt.Sprintf("mode %o, want %o", f.info.Mode, n.mode))
	}
	if n.mtime != nil && !f.info.Mtime.Equal(*n.mtime) {
		say(fmt.Sprintf("mtime %v, want %v", f.info.Mtime.UTC(), n.mtime.UTC()))
	}
}

func (n *node) compareFile(f *found, w wish, say func(what string)) {
	switch {
	case n.frail && !w.sameBoot:
		n.compareFrail(f, say)
		return
	case f.blank && !n.whole() && !w.sameBoot:
		return // what never had a version need not have a header
	case f.head == nil:
		say("no header")
		return
	case kindOf(f.head.Type) != n.kind:
		say("of another type")
	case f.head.FileID != n.id && n.whole():
		say("another file's id")
	case !n.whole():
		if len(f.head.Version) > 0 || f.head.FileID != n.id {
			say("a version of what never had one")
		}
		return
	case f.head.CommitID != n.base.Head.CommitID:
		say(fmt.Sprintf("version %v, want %v", f.head.Version, n.base.Head.Version))
		return
	case f.head.Flags&cipher.Dirty != 0:
		say("DIRTY")
		return
	case !f.whole:
		say("records are damaged")
		return
	case !bytes.Equal(f.plain, n.done):
		say("other content")
	}
	n.compareShown(f, say)
}

// compareFrail allows what may be lost; but not a mixture, or another's bytes.
func (n *node) compareFrail(f *found, say func(what string)) {
	if f.head == nil || !f.whole {
		return
	}
	if content, known := n.past[f.head.CommitID]; !known || !bytes.Equal(content, f.plain) {
		say("content that it never had")
	}
}

func (n *node) compareShown(f *found, say func(what string)) {
	h := f.head
	mode := cipher.BackingMode(h.Mode, false)
	if f.info.Mode&^0o1000 != mode&^0o1000 || mode&0o1000 != 0 && f.info.Mode&0o1000 == 0 {
		say(fmt.Sprintf("backing mode %o, want %o", f.info.Mode, mode))
	}
	if mtime := time.Unix(h.MtimeSec, int64(h.MtimeNsec)); f.info.Mode&0o1000 == 0 && !f.info.Mtime.Equal(mtime) {
		say(fmt.Sprintf("backing mtime %v, want %v", f.info.Mtime.UTC(), mtime.UTC()))
	}
	if f.info.UID != h.UID || f.info.GID != h.GID {
		say("another owner")
	}
}

func kindOf(t cipher.Type) uint32 {
	if t == cipher.TypeSymlink {
		return unix.S_IFLNK
	}
	return unix.S_IFREG
}
