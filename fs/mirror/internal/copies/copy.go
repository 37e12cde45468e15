package copies

import (
	"errors"
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Copy is one cloud's copy of a file. It has no File where it cannot be opened.
type Copy struct {
	replica.Copy
	On *clouds.Cloud

	Err        error // why it does not serve; nil when it is at the file's version
	Unwritable error // why it cannot be written; nil when it can

	// Shown is what it showed when it was opened, made, put in place, or committed.
	Shown cloud.Info

	// Beside is the entry of a fresh backing file that is not in place yet, and Over
	// is what the one showed that it is to replace.
	Beside string
	Over   cloud.Info

	// Made is what it showed when this mount made it; nil from its first commit
	// on.
	Made *cloud.Info

	// Guarded by Set.trust: what of it is believed, while ctime stays.
	ctime    time.Time
	ours     bool // this mount wrote since ctime was read
	marks    journal.Spans
	whole    verdict
	ids      []cipher.WriteID // of records, as they were checked or written; zeros for a hole
	known    journal.Spans    // those of which ids has it
	tally    tally
	checking bool // a verdict is being worked out in the background
}

// New is a copy that is to be made, under a salt.
func New(on *clouds.Cloud, salt [16]byte) *Copy {
	return &Copy{On: on, Copy: replica.Copy{Cloud: on.Cloud, Head: &cipher.Header{Type: cipher.TypeFile, Salt: salt}}}
}

// Serves reports whether records may be read from the copy.
func (c *Copy) Serves() bool { return c != nil && c.File != nil && c.Err == nil }

// Writes reports whether the copy gets this mount's changes.
func (c *Copy) Writes() bool {
	return c.Serves() && c.On.Up() && (c.Unwritable == nil || c.Unwritable == errUnopened)
}

// Close releases the file, if there is one, and wipes the keys.
func (c *Copy) Close() {
	if c == nil || c.File == nil {
		return
	}
	c.File.Close()
	c.File = nil
	if c.Keys != nil {
		c.Keys.Wipe()
	}
}

// Load opens a cloud's copy at a path and reads its header, of which kind is
// what it must be, as in stat. Without a path there is none.
func (e *Env) Load(on *clouds.Cloud, path string, there bool, kind uint32) *Copy {
	c := &Copy{On: on, Copy: replica.Copy{Cloud: on.Cloud}}
	if !there {
		c.Err = replica.ErrMissing
		return c
	}
	if c.Err = c.open(path, e.Clouds.ReadOnly() || !on.Up(), !e.Owners); c.Err != nil {
		return c
	}
	info, err := c.File.Stat()
	if err == nil {
		c.ctime, c.Shown = info.Ctime, info
		c.Head, c.Keys, err = on.ReadHeader(c.File)
	}
	switch {
	case errors.Is(err, cipher.ErrDamaged):
		c.Err = fmt.Errorf("%w or wrong key: %w", replica.ErrDamaged, err)
	case err != nil:
		c.Err = err
	case replica.Kind(c.Head.Type) != kind:
		c.Err = fmt.Errorf("%w: the header has another type", replica.ErrDamaged)
	case c.Head.Flags&cipher.Dirty != 0:
		c.Err = replica.ErrArriving
	}
	return c
}

// errUnopened says that a copy is opened for writing when it is written to:
// without the privilege to pass mode bits by, opening may move ctime.
var errUnopened = errors.New("not opened for writing yet")

func (c *Copy) open(path string, readOnly, later bool) error {
	var err error
	if later && !readOnly {
		c.Unwritable = errUnopened
		c.File, err = c.On.Dir.Open(path, false)
		return missing(err)
	}
	if !readOnly {
		if c.File, c.Unwritable = c.On.Dir.Open(path, true); c.Unwritable == nil {
			return nil
		}
		if replica.Missing(c.Unwritable) {
			return replica.ErrMissing
		}
	} else {
		c.Unwritable = clouds.ErrReadOnly
	}
	c.File, err = c.On.Dir.Open(path, false)
	return missing(err)
}

// missing is ErrMissing for an error that means that there is nothing.
func missing(err error) error {
	if replica.Missing(err) {
		return replica.ErrMissing
	}
	return err
}

// Unopened reports whether opening for writing was put off.
func (c *Copy) Unopened() bool { return c.Unwritable == errUnopened }

// OpenForWriting makes good what was put off. It fails where that must be tried
// again.
func (c *Copy) OpenForWriting(path string) error {
	file, err := c.On.Dir.Open(path, true)
	if clouds.FaultOf(err).Ours() {
		return err
	}
	if c.Unwritable = err; err != nil {
		return nil
	}
	there, err := file.Stat()
	if err == nil {
		var here cloud.Info
		if here, err = c.File.Stat(); err == nil && here.Ino != there.Ino {
			err = replica.ErrStale
		}
	}
	if err != nil {
		file.Close()
		c.Unwritable = err
		return nil
	}
	c.File.Close()
	c.File = file
	return nil
}

// Make makes the backing file, with the header of a file that has no version
// yet.
func (c *Copy) Make(path string, perm uint32, id cipher.ID) error {
	h := *c.Head
	h.FileID = id
	made, err := c.On.Make(path, h, perm)
	if err != nil {
		return err
	}
	c.Copy, c.ours, c.known = *made, true, nil
	return nil
}

// Unmake removes a backing file that was just made.
func (c *Copy) Unmake(path string) error {
	c.Close()
	return c.On.Dir.Remove(path)
}

// Reopen opens a backing file that an earlier run made under the salt.
func (c *Copy) Reopen(path string) error {
	file, err := c.On.Dir.Open(path, true)
	if err != nil {
		return err
	}
	if c.Keys, err = c.On.Keys.NewFile(cipher.TypeFile, c.Head.Salt); err != nil {
		file.Close()
		return err
	}
	c.File, c.ours, c.known = file, true, nil
	return nil
}

// WriteVersion seals and writes this copy's header of a version, as a commit.
func (c *Copy) WriteVersion(v *journal.Sealed) error {
	h := v.Head
	h.Acc = v.Accs[c.On.Index]
	return c.Commit(&h)
}

// Assume has a copy of a file without a name count as being of a version that its
// header does not tell.
func (c *Copy) Assume(v *journal.Sealed) {
	h := v.Head
	h.Acc, h.Salt = v.Accs[c.On.Index], c.Head.Salt
	c.Head = &h
}

// Show gives the backing file owner, mode and, last of all, mtime of a version,
// which replaces another one. now is the mtime where only that changed which
// size and mtime do not show.
func (c *Copy) Show(from, to *journal.Sealed, owners bool, now func() time.Time) error {
	moved := from.Committed() && from.Head.Length == to.Head.Length &&
		from.Head.MtimeSec == to.Head.MtimeSec && from.Head.MtimeNsec == to.Head.MtimeNsec
	made := c.Made
	c.Made = nil
	chown := from.Head.UID != to.Head.UID || from.Head.GID != to.Head.GID || !from.Committed()
	if made != nil {
		chown = made.UID != to.Head.UID || made.GID != to.Head.GID
	}
	if owners && chown {
		if err := c.File.Chown(int(to.Head.UID), int(to.Head.GID)); err != nil {
			return err
		}
	}
	if mode := cipher.BackingMode(to.Head.Mode, moved); made == nil || made.Mode != mode || chown {
		if err := c.File.Chmod(mode); err != nil {
			return err
		}
	}
	mtime := time.Unix(to.Head.MtimeSec, int64(to.Head.MtimeNsec))
	if moved {
		mtime = now()
	}
	return c.File.Chtimes(cloud.Times{Mtime: &mtime})
}
