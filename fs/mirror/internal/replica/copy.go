package replica

import (
	"errors"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// Copy is one open backing file with its keys. Head is its header as last read
// or written here.
type Copy struct {
	Cloud *Cloud
	File  cloud.File
	Keys  *cipher.File
	Head  *cipher.Header
}

// Open opens the backing file at a path for writing, and reads its header.
func (c *Cloud) Open(path string, write bool) (*Copy, error) {
	f, err := c.Dir.Open(path, write)
	if err != nil {
		return nil, err
	}
	cp := &Copy{Cloud: c, File: f}
	if cp.Head, cp.Keys, err = c.ReadHeader(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return cp, nil
}

// Begin gives a file without a header, or a new one, the header of a file that
// was never committed, under its salt.
func (c *Cloud) Begin(path string, h cipher.Header, perm uint32) (*Copy, error) {
	keys, err := c.Keys.NewFile(h.Type, h.Salt)
	if err != nil {
		return nil, err
	}
	return c.begin(path, h, keys, perm)
}

// Build is Begin for a whole copy of a version, under the salt that repair has
// for it on every machine.
func (c *Cloud) Build(path string, h cipher.Header) (*Copy, error) {
	keys, err := c.Keys.NewRepairFile(h.Type, h.FileID, h.CommitID)
	if err != nil {
		return nil, err
	}
	h.Salt = keys.Salt()
	return c.begin(path, h, keys, cipher.BackingMode(h.Mode, false))
}

func (c *Cloud) begin(path string, h cipher.Header, keys *cipher.File, perm uint32) (*Copy, error) {
	f, err := c.Dir.Open(path, true)
	if Missing(err) {
		f, err = c.Dir.Create(path, perm)
	}
	if err != nil {
		return nil, err
	}
	empty := cipher.Header{Type: h.Type, Salt: h.Salt, FileID: h.FileID, Flags: cipher.Dirty}
	cp := &Copy{Cloud: c, File: f, Keys: keys, Head: &empty}
	if err := cp.WriteHeader(&empty); err != nil {
		return nil, errors.Join(err, cp.Close())
	}
	return cp, nil
}

// Make makes a new file with the header of one that was never committed, under
// its salt, or leaves none there.
func (c *Cloud) Make(path string, h cipher.Header, perm uint32) (*Copy, error) {
	keys, err := c.Keys.NewFile(h.Type, h.Salt)
	if err != nil {
		return nil, err
	}
	f, err := c.Dir.Create(path, perm)
	if err != nil {
		return nil, err
	}
	empty := cipher.Header{Type: h.Type, Salt: h.Salt, FileID: h.FileID, Flags: cipher.Dirty}
	cp := &Copy{Cloud: c, File: f, Keys: keys, Head: &empty}
	if err := cp.Commit(&empty); err != nil {
		return nil, errors.Join(err, cp.Unmake(path))
	}
	return cp, nil
}

// MakeWhole makes a new file that is whole from the start: a version's header,
// without its acc, and all records.
func (c *Cloud) MakeWhole(path string, h cipher.Header, r *Run, owners bool) error {
	keys, err := c.Keys.NewFile(h.Type, h.Salt)
	if err != nil {
		return err
	}
	raw := make([]byte, r.Raw())
	if err := keys.Seal(raw, r.Plain, 0, r.IDs); err != nil {
		return err
	}
	keys.Terms(&h.Acc, 0, r.IDs, nil)
	f, err := c.Dir.Create(path, cipher.BackingMode(h.Mode, false))
	if err != nil {
		return err
	}
	cp := &Copy{Cloud: c, File: f, Keys: keys, Head: &h}
	if err := cp.fill(raw, owners); err != nil {
		return errors.Join(err, cp.Unmake(path))
	}
	return cp.Close()
}

func (c *Copy) fill(raw []byte, owners bool) error {
	h := c.Head
	if len(raw) > 0 {
		if _, err := c.File.WriteAt(raw, cipher.HeaderSize); err != nil {
			return err
		}
	}
	if err := c.Commit(h); err != nil {
		return err
	}
	if owners {
		if err := c.File.Chown(int(h.UID), int(h.GID)); err != nil {
			return err
		}
	}
	mtime := time.Unix(h.MtimeSec, int64(h.MtimeNsec))
	return c.File.Chtimes(cloud.Times{Mtime: &mtime})
}

// Unmake removes a file that was just made.
func (c *Copy) Unmake(path string) error {
	c.Close()
	return c.Cloud.Dir.Remove(path)
}

// Close releases the file and wipes the keys.
func (c *Copy) Close() error {
	c.Keys.Wipe()
	return c.File.Close()
}

// WriteHeader seals and writes a header as repair does, under the copy's own
// salt.
func (c *Copy) WriteHeader(h *cipher.Header) error { return c.writeHeader(h, c.Keys.SealRepairHeader) }

// Commit is WriteHeader as a commit does it.
func (c *Copy) Commit(h *cipher.Header) error { return c.writeHeader(h, c.Keys.SealCommitHeader) }

func (c *Copy) writeHeader(h *cipher.Header, seal func(*cipher.Header) ([]byte, error)) error {
	own := *h
	own.Salt = c.Head.Salt
	raw, err := seal(&own)
	if err != nil {
		return err
	}
	if _, err := c.File.WriteAt(raw, 0); err != nil {
		return err
	}
	c.Head = &own
	return nil
}

// Soil writes the header that is there with DIRTY: records that it covers are
// about to change.
func (c *Copy) Soil() error {
	if c.Head.Flags&cipher.Dirty != 0 {
		return nil
	}
	dirty := *c.Head
	dirty.Flags |= cipher.Dirty
	return c.WriteHeader(&dirty)
}

// Show gives the backing file the owner, the mode and, last of all, the mtime of
// its header, which replaces the one before. moved says that only that changed
// which size and mtime do not show; now is the mtime then.
func (c *Copy) Show(before *cipher.Header, owners bool, now time.Time) error {
	h := c.Head
	if owners {
		if err := c.File.Chown(int(h.UID), int(h.GID)); err != nil {
			return err
		}
	}
	mtime := time.Unix(h.MtimeSec, int64(h.MtimeNsec))
	moved := before != nil && len(before.Version) > 0 && before.Length == h.Length && before.MtimeSec == h.MtimeSec && before.MtimeNsec == h.MtimeNsec
	if moved {
		mtime = now
	}
	if err := c.File.Chmod(cipher.BackingMode(h.Mode, moved)); err != nil {
		return err
	}
	return c.File.Chtimes(cloud.Times{Mtime: &mtime})
}
