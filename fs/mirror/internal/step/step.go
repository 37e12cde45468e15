// Package step is the changes that a repair makes of a cloud's names, each a
// value that prints, and how each is done. A step can be done again, but for an exchange.
package step

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Op is what a step does.
type Op uint8

// The steps.
const (
	Mkdir    Op = iota + 1 // a directory at Path
	Move                   // Path to To, over what is there
	Aside                  // Path to To, a name of which nothing else will ever tell
	Link                   // To is another entry of the file at Path
	Create                 // a file at Path that has no version yet
	Remove                 // a file's entry
	Exchange               // what is at Path and at To, by who has just looked: done again it is undone
	Rmdir                  // a directory, with this program's own litter, if nothing else is in it but what To can have
)

func (o Op) String() string {
	return [...]string{"?", "mkdir", "move", "aside", "link", "create", "remove", "exchange", "rmdir"}[o]
}

// Step is one change of one cloud. It names entries, never plaintext.
type Step struct {
	Op       Op
	Path, To string
	Dir      string      // where the new entry is
	Name     cipher.Name // of the new entry, for its sidecar
	Thing    *journal.Thing
	Else     *Step // of Rmdir: what is done where more is in it; nil: nothing
}

func (s Step) String() string {
	if s.To == "" {
		return fmt.Sprintf("%v %s", s.Op, s.Path)
	}
	return fmt.Sprintf("%v %s → %s", s.Op, s.Path, s.To)
}

// Doer does steps in one cloud.
type Doer struct {
	*replica.Cloud
	Owners bool // the process may set owners of backing files
	Warn   func(what string, err error)

	stays map[string]error // why what is at a path has not gone elsewhere
}

// Full reports that a cloud takes nothing new.
func Full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EROFS)
}

// Do does a step. Nothing is moved to where something else is that should have been
// moved away, and could not be. Where a directory may not be written to by its owner, who we
// are, it may for as long as that takes.
func (d *Doer) Do(s Step) error {
	if err := d.stays[s.To]; err != nil {
		return d.stay(s, err)
	}
	return d.stay(s, d.permitted(s))
}

// stay notes why what a step is to move stays where it is.
func (d *Doer) stay(s Step, err error) error {
	if err != nil && (s.Op == Move || s.Op == Aside) {
		if d.stays == nil {
			d.stays = map[string]error{}
		}
		d.stays[s.Path] = err
	}
	return err
}

// permitted does a step, with a right that it takes for that long where it has to.
func (d *Doer) permitted(s Step) error {
	err := d.try(s)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	for _, path := range []string{s.Path, s.To} {
		if path == "" {
			continue
		}
		dir, _ := cloud.SplitPath(path)
		info, err := d.Dir.Stat(dir)
		if err != nil {
			return err
		}
		if err := d.Dir.Chmod(dir, info.Mode|0o700); err != nil {
			return err
		}
		defer func() {
			if err := d.Dir.Chmod(dir, info.Mode); err != nil {
				d.Warn("a directory keeps a mode that it had for a repair only", err)
			}
		}()
	}
	return d.try(s)
}

func (d *Doer) try(s Step) error {
	if err := d.PutSidecar(s.Dir, s.Name); err != nil {
		return err
	}
	switch s.Op {
	case Mkdir:
		return d.mkdir(s)
	case Move:
		return d.Dir.Rename(s.Path, s.To)
	case Aside:
		return d.aside(s)
	case Link:
		return d.Dir.Link(s.Path, s.To)
	case Create:
		return d.create(s)
	case Remove:
		if err := d.Dir.Remove(s.Path); !replica.Missing(err) {
			return err
		}
		return nil
	case Exchange:
		return d.Dir.Exchange(s.Path, s.To)
	case Rmdir:
		return d.rmdir(s)
	}
	return fmt.Errorf("no such step: %v", s)
}

// aside has the sidecar on the disk before the name needs it: neither a log nor
// another cloud could give it back after a power cut.
func (d *Doer) aside(s Step) error {
	if s.Name.Sidecar != "" {
		if err := d.Dir.Syncfs(); err != nil {
			return err
		}
	}
	return d.Dir.Rename(s.Path, s.To)
}

func (d *Doer) mkdir(s Step) error {
	attrs := s.Thing.Attrs // the mode comes last: the directory is to be filled
	if err := d.Dir.Mkdir(s.Path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.own(s.Path, attrs)
}

func (d *Doer) own(path string, a journal.Attrs) error {
	if !d.Owners || a.UID == nil || a.GID == nil {
		return nil
	}
	return d.Dir.Chown(path, int(*a.UID), int(*a.GID))
}

// create makes the file beside its place, so that what stands there is never
// without its header.
func (d *Doer) create(s Step) error {
	b, attrs := s.Thing.Backings[0], s.Thing.Attrs
	mode := uint32(0o600)
	if attrs.Mode != nil {
		mode = *attrs.Mode
	}
	h := cipher.Header{Type: typeOf(s.Thing), FileID: s.Thing.IDs[0], Salt: [16]byte(b.Salt(d.Index))}
	temp := replica.Join(s.Dir, CopyName(s.Thing))
	if err := d.Dir.Remove(temp); err != nil && !replica.Missing(err) {
		return err
	}
	c, err := d.Begin(temp, h, cipher.BackingMode(mode, false))
	if err != nil {
		return err
	}
	if err := errors.Join(c.Close(), d.own(temp, attrs)); err != nil {
		return err
	}
	return d.Dir.Rename(temp, s.Path)
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
func (d *Doer) rmdir(s Step) error {
	path := s.Path
	entries, err := d.Dir.ReadDir(path)
	if replica.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var litter, foreign []cloud.Entry
	for _, e := range entries {
		if !d.Litter(path, e) && !d.tornSidecar(s, e) {
			foreign = append(foreign, e)
			continue
		}
		litter = append(litter, e)
	}
	if len(foreign) > 0 && s.To == "" {
		if s.Else != nil {
			return d.try(*s.Else)
		}
		return nil
	}
	if err := d.handOver(s, foreign, litter); err != nil {
		return err
	}
	for _, e := range litter {
		if err := d.Dir.Remove(replica.Join(path, e.Name)); err != nil && !replica.Missing(err) {
			return err
		}
	}
	if err := d.Dir.Rmdir(path); err != nil && !replica.Missing(err) && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	return nil
}

// handOver moves what is foreign in a directory into the one that stands in its
// place, with the sidecars that it may need. What has its name taken there stays.
func (d *Doer) handOver(s Step, foreign, litter []cloud.Entry) error {
	if len(foreign) == 0 {
		return nil
	}
	for _, e := range slices.Concat(litter, foreign) {
		to := replica.Join(s.To, e.Name)
		if cipher.EntryName(e.Name).IsTemp() {
			continue
		}
		if _, err := d.Dir.Stat(to); !replica.Missing(err) {
			continue
		}
		if err := d.Dir.Rename(replica.Join(s.Path, e.Name), to); err != nil {
			return err
		}
	}
	return nil
}

// tornSidecar reports whether an entry is the beginning of a sidecar of a name
// that the log has there.
func (d *Doer) tornSidecar(s Step, e cloud.Entry) bool {
	if !e.Regular || s.Thing == nil {
		return false
	}
	for _, slot := range s.Thing.Slots {
		name, err := d.Keys.EncodeName(cipher.PlainName(slot.Name))
		if err != nil || string(name.Sidecar) != e.Name {
			continue
		}
		data, err := d.ReadSidecar(replica.Join(s.Path, e.Name))
		return err == nil && bytes.HasPrefix(name.SidecarData, data)
	}
	return false
}

// CopyName is where a copy of a file is built, the same whenever the log is
// folded.
func CopyName(t *journal.Thing) string { return string(cipher.TempNameOf(t.Key | 1<<63)) }
