package content

import (
	"errors"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Takeover is the version under which a file goes on that replaces another one
// by a rename: with that one's id, and newer than both. The file has nothing
// that is not in the clouds, and is locked as one of Held.
type Takeover struct {
	f        *File
	from, to journal.Sealed
	hide     bool // size and mtime stay the same, so that the mtime must move
}

// PlanTakeover draws the version, and puts it into the rename's entry. same says
// that the backing files of both show the same size and mtime.
func (f *File) PlanTakeover(old *cipher.Header, same bool, e *journal.Entry) (*Takeover, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	version := f.Sealed.Head.Version.Max(old.Version)
	_, counter, err := f.Env.Draw(1, version.Highest())
	if err != nil {
		return nil, err
	}
	t := &Takeover{f: f, from: f.Sealed, to: f.Sealed, hide: same}
	t.to.Head.FileID, t.to.Head.CommitID = old.FileID, Random16()
	t.to.Head.Version = version.With(f.s.state.Writer(), counter)
	e.Commit = &journal.Commit{Base: journal.NewHead(&t.from), Head: journal.NewHead(&t.to)}
	e.Salts = f.Copies.Salts()
	return t, nil
}

// Replaced is the header that a takeover of the file begins with.
func (f *File) Replaced() (*cipher.Header, error) {
	v := f.Version()
	if !v.Committed() {
		return nil, replica.ErrArriving
	}
	return &v.Head, nil
}

// From is the header of the file as it was.
func (t *Takeover) From() *cipher.Header { return &t.from.Head }

// To is the header under which it goes on.
func (t *Takeover) To() *cipher.Header { return &t.to.Head }

// In writes the version's header in one cloud.
func (t *Takeover) In(cl *clouds.Cloud) error {
	f := t.f
	f.mu.RLock()
	c := f.Copies.List[cl.Index]
	writes := c.Writes()
	f.mu.RUnlock()
	if !writes {
		return nil // it has another version, under its own identity
	}
	if err := f.writeVersion(c, &t.to); err != nil {
		return err
	}
	mtime := time.Unix(t.to.Head.MtimeSec, int64(t.to.Head.MtimeNsec))
	if t.hide {
		mtime = f.Env.Clock()
		if err := c.File.Chmod(cipher.BackingMode(t.to.Head.Mode, true)); err != nil {
			return err
		}
	}
	return c.File.Chtimes(cloud.Times{Mtime: &mtime})
}

// BackIn undoes In where the rename then failed, with what the backing file
// showed before. It is durable: once the log says that nothing came of the rename
// nobody looks for the version any more, and with the id of the file that was to
// be replaced it would be that one's next version.
func (t *Takeover) BackIn(cl *clouds.Cloud, was cloud.Info) error {
	if t == nil {
		return nil
	}
	c := t.f.Copies.List[cl.Index]
	if c == nil || c.Head == nil || c.Head.CommitID != t.to.Head.CommitID {
		return nil
	}
	if err := t.f.writeVersion(c, &t.from); err != nil {
		return err
	}
	if err := c.File.Chmod(was.Mode); err != nil {
		return err
	}
	return errors.Join(c.File.Chtimes(cloud.Times{Mtime: &was.Mtime}), c.File.Sync())
}

// Undo gives the file an identity of its own again after a rename that failed
// everywhere. Resume is called with no lock held, then.
func (t *Takeover) Undo() {
	f := t.f
	f.lock()
	defer f.unlock()
	f.Sealed.Head.Version = t.to.Head.Version
	f.Sealed.Head.FileID = Random16()
	f.o.Known(&f.Sealed.Head)
	f.Copies.Stored = f.Sealed
	f.Changed()
}

// Resume hands the file to the next round.
func (t *Takeover) Resume() { t.f.s.commits.Enqueue(t.f) }

// Done makes the version the file's. What is changed from here on is changed on
// top of it, and the log is told so when it names the file anew.
func (t *Takeover) Done() {
	f := t.f
	f.lock()
	f.Sealed, f.Copies.Stored = t.to, t.to
	f.unlock()
	f.o.Known(&t.to.Head)
	f.letGo()
}
