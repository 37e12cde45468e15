package repair

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Op is what a step does.
type Op uint8

// The steps of a plan. Each can be done again.
const (
	Mkdir  Op = iota + 1 // a directory at Path
	Move                 // Path to To, over what is there
	Link                 // To is another entry of the file at Path
	Create               // a file at Path that has no version yet
	Remove               // a file's entry
	Rmdir                // a directory, with this program's own litter, if nothing else is in it
)

func (o Op) String() string {
	return [...]string{"?", "mkdir", "move", "link", "create", "remove", "rmdir"}[o]
}

// Step is one change of one cloud. It names entries, never plaintext.
type Step struct {
	Op       Op
	Path, To string
	Dir      string      // where the new entry is
	Name     cipher.Name // of the new entry, for its sidecar
	Thing    *journal.Thing
}

func (s Step) String() string {
	if s.To == "" {
		return fmt.Sprintf("%v %s", s.Op, s.Path)
	}
	return fmt.Sprintf("%v %s → %s", s.Op, s.Path, s.To)
}

// doer does steps in one cloud.
type doer struct {
	*replica.Cloud
	owners bool
}

func (d *doer) do(s Step) error {
	if err := d.PutSidecar(s.Dir, s.Name); err != nil {
		return err
	}
	switch s.Op {
	case Mkdir:
		return d.mkdir(s)
	case Move:
		return d.Dir.Rename(s.Path, s.To)
	case Link:
		return d.Dir.Link(s.Path, s.To)
	case Create:
		return d.create(s)
	case Remove:
		if err := d.Dir.Remove(s.Path); !replica.Missing(err) {
			return err
		}
		return nil
	case Rmdir:
		return d.rmdir(s.Path)
	}
	return fmt.Errorf("repair: no such step: %v", s)
}

func (d *doer) mkdir(s Step) error {
	perm, attrs := uint32(0o700), s.Thing.Attrs
	if attrs.Mode != nil {
		perm = *attrs.Mode
	}
	if err := d.Dir.Mkdir(s.Path, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.own(s.Path, attrs)
}

func (d *doer) own(path string, a journal.Attrs) error {
	if !d.owners || a.UID == nil || a.GID == nil {
		return nil
	}
	return d.Dir.Chown(path, int(*a.UID), int(*a.GID))
}

func (d *doer) create(s Step) error {
	b, attrs := s.Thing.Backings[0], s.Thing.Attrs
	mode := uint32(0o600)
	if attrs.Mode != nil {
		mode = *attrs.Mode
	}
	h := cipher.Header{Type: typeOf(s.Thing), FileID: s.Thing.IDs[0], Salt: [16]byte(b.Salt(d.Index))}
	c, err := d.Begin(s.Path, h, cipher.BackingMode(mode, false))
	if err != nil {
		return err
	}
	err = c.File.Chmod(cipher.BackingMode(mode, false))
	return errors.Join(err, c.Close(), d.own(s.Path, attrs))
}

// typeOf is the header's type of a file.
func typeOf(t *journal.Thing) cipher.Type {
	for _, b := range t.Backings {
		if h := b.Head(); h != nil {
			return h.Type
		}
	}
	return cipher.TypeFile
}

// rmdir removes a directory that is empty but for this program's own litter.
// Where more is in it, it stays: nothing that is not ours is removed.
func (d *doer) rmdir(path string) error {
	entries, err := d.Dir.ReadDir(path)
	if replica.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var litter []cloud.Entry
	for _, e := range entries {
		if !d.Litter(path, e) {
			return nil
		}
		litter = append(litter, e)
	}
	for _, e := range litter {
		if err := d.Dir.Remove(replica.Join(path, e.Name)); err != nil && !replica.Missing(err) {
			return err
		}
	}
	if err := d.Dir.Rmdir(path); err != nil && !replica.Missing(err) {
		return err
	}
	return nil
}
