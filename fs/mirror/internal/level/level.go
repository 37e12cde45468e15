package level

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// Leveller makes the names of two clouds the same.
type Leveller struct {
	Clouds [2]*replica.Cloud                        // the lead first; twice the same where there is no other
	All    bool                                     // no cloud of the vault is away
	Steps  func(cloud int, steps []step.Step) error // does steps in one of them, by its index
	Known  func(path string) index.Known            // what this machine knows of a name; nil: nothing
	Homes  func(f index.File) []string              // and the paths at which it knows a file; nil: none
	Placed func(path string, cloud int) uint64      // the inode that a cloud had at a path when this machine last looked; 0: nobody knows
	Ended  func(h *cipher.Header) bool              // whether it knows that version of a file to have ended; nil: nothing
	Owners bool                                     // the process may set owners of backing files
	Clock  func() time.Time
	Logger *slog.Logger

	Found []string // plaintext paths at which something was brought together

	up []*replica.Cloud // all that are brought together
}

// Error is one of which a cloud is the cause.
type Error struct {
	Cloud int
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func (l *Leveller) blame(side int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{l.Clouds[side].Index, err}
}

// Level compares all names of the two clouds before anything is changed, since a
// file can have gone from one directory to another. Then come directories, renames
// into them, and what is brought.
func (l *Leveller) Level() error {
	if l.Clouds[0] == l.Clouds[1] {
		return l.alone()
	}
	d, err := l.compare()
	if err != nil {
		return err
	}
	for side, dirs := range d.dirs {
		if err := l.makeDirs(side, dirs); err != nil {
			return err
		}
	}
	if err := d.rename(); err != nil {
		return err
	}
	if err := d.findLinks(); err != nil {
		return err
	}
	for side, files := range d.files {
		for _, s := range files {
			if err := l.bring(side, s, d.links[side][s.Ino]); err != nil {
				return err
			}
		}
	}
	for side, torn := range d.torn {
		for _, s := range torn {
			if _, err := l.link(side, s, d.links[side][s.Ino]); err != nil {
				return err
			}
		}
	}
	for side, stubs := range d.stubs {
		for _, s := range stubs {
			if err := l.blame(1-side, l.stub(1-side, s)); err != nil {
				return err
			}
		}
	}
	for side, dirs := range d.dirs {
		for _, s := range dirs {
			to := 1 - side
			if err := l.Clouds[to].SetAttrs(l.path(to, s), s.attrs, l.Owners); err != nil {
				return l.blame(to, err)
			}
		}
	}
	return nil
}

// found notes a place of which the log does not tell what is there.
func (l *Leveller) found(s shown) {
	l.Found = append(l.Found, replica.Join(s.Plain, s.name))
}

// name is the entry of a place in one cloud.
func (l *Leveller) name(side int, s shown) cipher.Name {
	name, err := l.Clouds[side].Keys.EncodeName(cipher.PlainName(s.name))
	if err != nil {
		panic("level: a name that was decoded does not encode") // it has been checked
	}
	return name
}

// path is a place in one cloud, whether there is anything or not.
func (l *Leveller) path(side int, s shown) string {
	return replica.Join(s.Paths[side], replica.Entry(l.name(side, s), s.special))
}

// step is one that makes an entry at a place in one cloud.
func (l *Leveller) step(op step.Op, side int, from string, s shown) step.Step {
	return step.Step{Op: op, Path: from, To: l.path(side, s), Dir: s.Paths[side], Name: l.name(side, s)}
}

func (l *Leveller) do(side int, steps ...step.Step) error {
	return l.blame(side, l.Steps(l.Clouds[side].Index, steps))
}

// makeDirs makes in the other cloud the directories that only one has.
func (l *Leveller) makeDirs(side int, dirs []shown) error {
	to := 1 - side
	for i := range dirs {
		s := &dirs[i]
		info, err := l.Clouds[side].Dir.Stat(s.path(side))
		if err != nil {
			return l.blame(side, err)
		}
		s.attrs = journal.Attrs{Mode: &info.Mode, UID: &info.UID, GID: &info.GID}
		do := l.step(step.Mkdir, to, "", *s)
		do.Path, do.To, do.Thing = do.To, "", &journal.Thing{Attrs: s.attrs}
		if err := l.do(to, do); err != nil {
			return err
		}
		l.found(*s)
	}
	return nil
}

// link makes in the other cloud one more name of a file that only one has there,
// if the two have another name of it.
func (l *Leveller) link(side int, s shown, names []shown) (done bool, err error) {
	to := 1 - side
	for _, o := range names {
		if o.place == s.place {
			continue
		}
		do := l.step(step.Link, to, l.path(to, o), s)
		if h, err := l.Clouds[to].Header(do.Path); err == nil && h.FileID == s.is.ID {
			l.found(s)
			return true, l.do(to, step.Step{Op: step.Remove, Path: do.To}, do)
		}
	}
	return false, nil
}

// bring makes in the other cloud what only one has: a link, or a whole copy.
func (l *Leveller) bring(side int, s shown, names []shown) error {
	if done, err := l.link(side, s, names); done || err != nil {
		return err
	}
	to, c := 1-side, l.Clouds[1-side]
	l.found(s)
	o, err := l.Clouds[side].Open(s.path(side), false)
	if err != nil {
		return l.blame(side, err)
	}
	defer o.Close()
	sum := sha256.Sum256(slices.Concat(o.Head.FileID[:], o.Head.CommitID[:])) // ids are nobody's to see
	do := l.step(step.Move, to, replica.Join(s.Paths[to], string(cipher.TempNameOf(binary.BigEndian.Uint64(sum[:])))), s)
	if err := c.Dir.Remove(do.Path); err != nil && !replica.Missing(err) {
		return l.blame(to, err)
	}
	_, _, err = o.Check(o.Head)
	unread := err != nil
	if err == nil {
		_, err = c.Whole(do.Path, o, replica.AsItIs, l.Owners, l.Clock())
	}
	switch damaged := errors.Is(err, cipher.ErrDamaged); {
	case err == nil:
		return l.do(to, do)
	case !unread && !damaged: // the other cloud does not take it
		return l.blame(to, err)
	default:
		l.Logger.Warn("a file is whole in no cloud", "cloud", l.Clouds[side].Name, "error", err)
		if err := c.Dir.Remove(do.Path); err != nil && !replica.Missing(err) {
			return l.blame(to, err)
		}
		if damaged {
			return l.blame(to, l.stub(to, s))
		}
		return nil
	}
}

// stub makes a file without a header where the other cloud has one that nobody can
// read, and no cloud is to hide that. It is older than anything, so that a sync
// client with a rule for that prefers whatever else comes.
func (l *Leveller) stub(to int, s shown) error {
	c, oldest := l.Clouds[to], time.Unix(0, 0)
	if _, err := c.Dir.Stat(l.path(to, s)); !replica.Missing(err) {
		return err
	}
	l.found(s)
	temp := replica.Join(s.Paths[to], string(cipher.TempNameOf(3<<62))) // the same after a kill
	if err := c.Dir.Remove(temp); err != nil && !replica.Missing(err) {
		return err
	}
	f, err := c.Dir.Create(temp, cipher.BackingMode(0o600, false))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chtimes(cloud.Times{Mtime: &oldest}), f.Close()); err != nil {
		return err
	}
	return l.do(to, l.step(step.Move, to, temp, s))
}
