package replica

import (
	"errors"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// Remake is the last version of a file, made of what the redo log has of it.
type Remake struct {
	Backing *journal.Backing
	Log     func(do func(at int, e *journal.Entry) error) error
	Over    string // the path of an older version, in whose place it comes; "" for none. Where the log has not all, it leads from there
}

// Remake writes a version whole under a temporary name, with that header. It is clean only when all of it has verified.
func (c *Cloud) Remake(temp string, head cipher.Header, m Remake, owners bool, now time.Time) (*cipher.Header, error) {
	cp, err := c.Build(temp, head)
	if err != nil {
		return nil, err
	}
	defer cp.Close()
	if m.Over != "" {
		if err := errors.Join(m.base(cp), c.CopyXattrs(m.Over, temp)); err != nil {
			return nil, err
		}
	}
	if err := cp.Fit(head.Length); err != nil {
		return nil, err
	}
	layout := c.Keys.Layout()
	err = m.Log(func(at int, e *journal.Entry) error {
		if e.Commit == nil || !m.Backing.Is(e) {
			return nil
		}
		return e.EachChunk(layout, func(ch journal.Chunk, plain []byte) error {
			if ch.Index >= layout.Records(head.Length) || !m.Backing.Latest(at, ch.Index) {
				return nil
			}
			return cp.WriteChunk(ch, plain, head.Length)
		})
	})
	if err != nil {
		return nil, err
	}
	return cp.Clean(head, owners, now)
}

// base puts into a copy what the older version has that is in the last one, too.
func (m Remake) base(cp *Copy) error {
	layout := cp.Keys.Layout()
	if m.Backing.Holds(layout) {
		return nil
	}
	old, err := cp.Cloud.Open(m.Over, false)
	if err != nil {
		return err
	}
	defer old.Close()
	acc, bad, err := old.Check(old.Head)
	if err != nil {
		return err
	}
	if len(bad) > 0 || acc != old.Head.Acc || !m.Backing.Leads(old.Head.CommitID) || old.Head.Flags&cipher.Dirty != 0 {
		return cipher.ErrDamaged
	}
	return old.EachData(min(old.Head.Length, m.Backing.Ours(layout)*layout.ChunkSize()), cp.WriteRun)
}
