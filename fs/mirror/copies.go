package mirror

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// copyOf is one cloud's copy of an open file.
type copyOf struct {
	mb   *member
	file cloud.File // nil when it cannot be opened
	keys *cipher.File
	head *cipher.Header // as last read or written here
	err  error          // why it does not serve; nil when it is at the file's version

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
	return c.serves() && c.mb.up() && (c.writable == nil || c.writable == errLater)
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
func (m *Mirror) loadCopy(n *Node, mb *member) *copyOf {
	c := &copyOf{mb: mb}
	path, ok := n.path(mb.index)
	if !ok {
		c.err = ErrMissing
		return c
	}
	if c.err = c.open(path, m.readOnly || !mb.up(), !m.owners); c.err != nil {
		return c
	}
	info, err := c.file.Stat()
	if err == nil {
		c.ctime = info.Ctime
		c.head, c.keys, err = readHeader(mb, c.file)
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
	file, err := c.mb.dir.Open(path, true)
	if f := faultOf(err); f == starved || f == closing {
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
		c.file, err = c.mb.dir.Open(path, false)
		if missing(err) {
			return ErrMissing
		}
		return err
	}
	if !readOnly {
		if c.file, c.writable = c.mb.dir.Open(path, true); c.writable == nil {
			return nil
		}
		if missing(c.writable) {
			return ErrMissing
		}
	} else {
		c.writable = ErrReadOnly
	}
	if c.file, err = c.mb.dir.Open(path, false); missing(err) {
		return ErrMissing
	}
	return err
}

// compare finds the version that is served among the copies of clouds that
// are up, and says of every other copy why it does not serve.
func compare(copies []*copyOf) *cipher.Header {
	var best *cipher.Header
	for _, c := range copies {
		if !c.serves() || !c.mb.up() {
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
			if f := faultOf(err); err != errLater && (f == starved || f == closing) {
				return err
			}
		}
	}
	return nil
}

// unreadable is the error when no copy serves.
func unreadable(what string, copies []*copyOf, members []*member) error {
	e := &UnreadableError{What: what}
	for _, mb := range members {
		var reason error
		switch c := copies[mb.index]; {
		case c == nil:
			reason = errors.New("absent")
		case c.err != nil:
			reason = c.err
		default:
			reason = ErrDamaged
		}
		e.Clouds = append(e.Clouds, CloudError{mb.name, reason})
	}
	return e
}

// peekDevice is peek that also reads a device's numbers, which stat shows; 0
// for anything else.
func (m *Mirror) peekDevice(mb *member, path string) (*cipher.Header, uint32, error) {
	file, err := mb.dir.Open(path, false)
	if err != nil {
		return nil, 0, err
	}
	c := &copyOf{mb: mb, file: file}
	defer c.close()
	if c.head, c.keys, err = readHeader(mb, file); err != nil {
		return nil, 0, err
	}
	if c.head.Type != cipher.TypeChar && c.head.Type != cipher.TypeBlock {
		return c.head, 0, nil
	}
	content := make([]byte, c.head.Length)
	id, ok := readRecord(c, m.layout, 0, content)
	if !ok || !c.head.Version.Covers(id) {
		return nil, 0, fmt.Errorf("device: %w", ErrDamaged)
	}
	d, err := cipher.ParseDevice(content)
	return c.head, uint32(unix.Mkdev(d.Major, d.Minor)), err
}

// readRecord reads and verifies one record.
func readRecord(c *copyOf, layout cipher.Layout, i int64, plain []byte) (id cipher.WriteID, ok bool) {
	id, err := recordAt(c, layout, i, plain)
	return id, err == nil
}

// recordAt is readRecord that tells what is wrong: ErrTruncated where the file
// ends before it, ErrDamaged where it does not verify, a hole included, or why
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
