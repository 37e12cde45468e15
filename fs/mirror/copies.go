package mirror

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// copyOf is one cloud's copy of an open file.
type copyOf struct {
	cloud *clouds.Cloud
	file  cloud.File // nil when it cannot be opened
	keys  *cipher.File
	head  *cipher.Header // as last read or written here
	err   error          // why it does not serve; nil when it is at the file's version

	writable error  // why it cannot be written; nil when it can
	temp     string // the entry of a fresh backing file that is not in place yet
	tempDir  *Node
	made     *cloud.Info // what it showed when this mount made it; nil from its first commit on

	// Guarded by file.trust: what of it is believed, while ctime stays.
	ctime time.Time
	ours  bool // this mount wrote since ctime was read
	marks journal.Spans
	whole verdict
	tally tally

	checking bool // a verdict is being worked out in the background
}

// verdict is what is known of a copy's acc.
type verdict int

const (
	unknown verdict = iota
	agrees          // acc agrees with the header
	differs         // it does not: records of different versions, or removed ones
	partial         // some record verifies nowhere, so acc cannot be had
)

// serves reports whether records may be read from the copy.
func (c *copyOf) serves() bool { return c != nil && c.file != nil && c.err == nil }

// writes reports whether the copy gets this mount's changes.
func (c *copyOf) writes() bool {
	return c.serves() && c.cloud.Up() && (c.writable == nil || c.writable == errLater)
}

func (c *copyOf) close() {
	if c == nil || c.file == nil {
		return
	}
	c.file.Close()
	c.file = nil
	if c.keys != nil {
		c.keys.Wipe()
	}
}

// loadCopy opens one cloud's copy and reads its header. The caller holds
// Mirror.names.
func (m *Mirror) loadCopy(n *Node, cl *clouds.Cloud) *copyOf {
	c := &copyOf{cloud: cl}
	path, ok := n.path(cl.Index)
	if !ok {
		c.err = ErrMissing
		return c
	}
	if c.err = c.open(path, m.clouds.ReadOnly() || !cl.Up(), !m.owners); c.err != nil {
		return c
	}
	info, err := c.file.Stat()
	if err == nil {
		c.ctime = info.Ctime
		c.head, c.keys, err = cl.ReadHeader(c.file)
	}
	switch {
	case errors.Is(err, ErrTruncated), errors.Is(err, cipher.ErrNewer):
		c.err = err
	case errors.Is(err, cipher.ErrDamaged):
		c.err = fmt.Errorf("%w or wrong key: %w", ErrDamaged, err)
	case err != nil:
		c.err = err
	case replica.Kind(c.head.Type) != n.kind:
		c.err = fmt.Errorf("%w: the header has another type", ErrDamaged)
	case c.head.Flags&cipher.Dirty != 0:
		c.err = ErrArriving
	}
	return c
}

// errLater says that a copy is opened for writing when it is written to:
// without the privilege to pass mode bits by, opening may move ctime.
var errLater = errors.New("not opened for writing yet")

// openForWriting makes good what was put off. It fails where that must be
// tried again. The caller holds Mirror.names and file.mu.
func (c *copyOf) openForWriting(path string) error {
	file, err := c.cloud.Dir.Open(path, true)
	if clouds.FaultOf(err).Ours() {
		return err
	}
	if c.writable = err; err != nil {
		return nil
	}
	there, err := file.Stat()
	if err == nil {
		var here cloud.Info
		if here, err = c.file.Stat(); err == nil && here.Ino != there.Ino {
			err = ErrStale
		}
	}
	if err != nil {
		file.Close()
		c.writable = err
		return nil
	}
	c.file.Close()
	c.file = file
	return nil
}

func (c *copyOf) open(path string, readOnly, later bool) error {
	var err error
	if later && !readOnly {
		c.writable = errLater
		c.file, err = c.cloud.Dir.Open(path, false)
		if replica.Missing(err) {
			return ErrMissing
		}
		return err
	}
	if !readOnly {
		if c.file, c.writable = c.cloud.Dir.Open(path, true); c.writable == nil {
			return nil
		}
		if replica.Missing(c.writable) {
			return ErrMissing
		}
	} else {
		c.writable = ErrReadOnly
	}
	if c.file, err = c.cloud.Dir.Open(path, false); replica.Missing(err) {
		return ErrMissing
	}
	return err
}

// compare finds the version that is served among the copies of clouds that
// are up, and says of every other copy why it does not serve.
func compare(copies []*copyOf) *cipher.Header {
	var best *cipher.Header
	for _, c := range copies {
		if !c.serves() || !c.cloud.Up() {
			continue
		}
		if best == nil || sameFile(best, c.head) && cipher.Compare(c.head.Version, best.Version) == cipher.Greater {
			best = c.head
		}
	}
	if best == nil {
		return nil
	}
	for _, c := range copies {
		if c.serves() {
			c.err = difference(best, c.head)
		}
	}
	return best
}

func sameFile(a, b *cipher.Header) bool { return a.FileID == b.FileID && a.Type == b.Type }

// difference is why a header is not the one that is served.
func difference(best, h *cipher.Header) error {
	if !sameFile(best, h) {
		return ErrConflict
	}
	switch cipher.Compare(h.Version, best.Version) {
	case cipher.Equal:
		if h.CommitID == best.CommitID {
			return nil
		}
		return ErrConflict
	case cipher.Less:
		return ErrOlder
	}
	return ErrConflict
}

// starvation is the error when a copy was not opened for want of descriptors
// or memory of this process, or while the mirror is being closed: that says
// nothing of the copy.
func starvation(copies []*copyOf) error {
	for _, c := range copies {
		if c == nil {
			continue
		}
		for _, err := range []error{c.err, c.writable} {
			if err != errLater && clouds.FaultOf(err).Ours() {
				return err
			}
		}
	}
	return nil
}

// unreadable is the error when no copy serves.
func unreadable(what string, copies []*copyOf, members []*clouds.Cloud) error {
	e := &UnreadableError{What: what}
	for _, cl := range members {
		var reason error
		switch c := copies[cl.Index]; {
		case c == nil:
			reason = errors.New("absent")
		case c.err != nil:
			reason = c.err
		default:
			reason = ErrDamaged
		}
		e.Clouds = append(e.Clouds, CloudError{cl.Name, reason})
	}
	return e
}

// headDevice reads the header at a path, and of a device its numbers, which
// stat shows; 0 for anything else.
func headDevice(cl *clouds.Cloud, path string) (*cipher.Header, uint32, error) {
	c, err := cl.Open(path, false)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	if c.Head.Type != cipher.TypeChar && c.Head.Type != cipher.TypeBlock {
		return c.Head, 0, nil
	}
	content, id, state := c.One(0, c.Head.Length)
	if state != cipher.RecordOK || !c.Head.Version.Covers(id) {
		return nil, 0, fmt.Errorf("device: %w", ErrDamaged)
	}
	d, err := cipher.ParseDevice(content)
	return c.Head, uint32(unix.Mkdev(d.Major, d.Minor)), err
}

// recordAt reads and verifies one record. It tells what is wrong: ErrTruncated
// where the file ends before it, ErrDamaged where it does not verify, a hole included, or why
// it cannot be read.
func recordAt(c *copyOf, layout cipher.Layout, i int64, plain []byte) (id cipher.WriteID, err error) {
	raw := make([]byte, len(plain)+cipher.RecordOverhead)
	if n, err := c.file.ReadAt(raw, layout.RecordOffset(i)); n < len(raw) {
		if err == nil || errors.Is(err, io.EOF) {
			err = ErrTruncated
		}
		return id, err
	}
	ids, states := make([]cipher.WriteID, 1), make([]cipher.RecordState, 1)
	if err := c.keys.Open(plain, raw, i, ids, states); err != nil {
		return id, err
	}
	if states[0] != cipher.RecordOK {
		return id, ErrDamaged
	}
	return ids[0], nil
}
