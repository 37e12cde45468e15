package cipher

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// GoneName is the directory at a cloud's root that holds batches of removals:
// what tells machines that were not there what is gone, and that a cloud which
// shows it again is late or lies. A batch is an ordinary backing file of
// [TypeGone], named by the writer and the counter that wrote it, the one entry
// of its version. It is written once, never changed, and believed only whole:
// every record verified and acc as in the header.
const GoneName = "z-gone"

const (
	// GoneCarried is the age, by the header's mtime, beyond which a batch is
	// brought to no other cloud; a writer renews its newest one before that.
	GoneCarried = 80 * 24 * time.Hour
	// GoneKept is the age beyond which any machine removes a batch. What it
	// says of directories proves nothing from then on.
	GoneKept = 90 * 24 * time.Hour

	// MaxGone is the size in bytes of a batch's longest content. What does not
	// fit goes into another one, under another counter.
	MaxGone = 16 << 20
)

// A RemovalKind says what an entry of a batch tells.
type RemovalKind uint8

// The kinds of format 1. A later one ends the batch for readers of this one.
const (
	// FileEnded: no version of the file at most the vector is to be shown.
	FileEnded RemovalKind = 1
	// FileMoved: the same, as soon as a version that is not at most the vector
	// is seen.
	FileMoved RemovalKind = 2
	// DirEnded: the directory at the path has ended, unless a DirMade of that
	// path is not at most this.
	DirEnded RemovalKind = 3
	// DirMade: the directory at the path was made again, or renamed onto it,
	// after a DirEnded.
	DirMade RemovalKind = 4
)

func (k RemovalKind) ofDirectory() bool { return k == DirEnded || k == DirMade }

// String returns the kind in a word or two.
func (k RemovalKind) String() string {
	switch k {
	case FileEnded:
		return "ended"
	case FileMoved:
		return "moved"
	case DirEnded:
		return "directory ended"
	case DirMade:
		return "directory made again"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// A Removal is one entry of a batch.
type Removal struct {
	Kind RemovalKind
	File ID // of the kinds that tell of a file; else zero
	// Version: of the file, the last one before; of a directory, the maximum of
	// all that is known for its path, with a new counter of the writer. It is
	// never empty.
	Version Vector
	Seconds int64 // since 1970, by the clock of who removed it; decides nothing
	// Path of a directory: plain names from the root of the tree, joined by
	// slashes. Of files it is empty: they are known by id, wherever they are.
	Path string
}

// Where the parts of an entry lie. The vector is at the end of the first part,
// and the path at the end of the second.
const (
	removalKind    = 0
	removalFile    = 1
	removalWriters = 17
	removalVector  = 18

	removalSeconds = 0 // after the vector
	removalLength  = 8
	removalPath    = 10
)

// AppendRemoval appends an entry to the content of a batch. It fails with
// [ErrInvalid] on one that [ParseRemovals] would not take back, and with
// [ErrSize] where the batch has no room for it; the content is then as it was.
func AppendRemoval(content []byte, r *Removal) ([]byte, error) {
	if err := r.check(); err != nil {
		return content, fmt.Errorf("cipher: removal: %w: %w", ErrInvalid, err)
	}
	size := removalVector + entrySize*len(r.Version) + removalPath + len(r.Path)
	if len(content) > MaxGone-size {
		return content, fmt.Errorf("cipher: removal: %w: the batch has %d bytes, and this takes %d", ErrSize, len(content), size)
	}
	content = append(content, byte(r.Kind))
	content = append(content, r.File[:]...)
	content = append(content, byte(len(r.Version)))
	content = r.Version.append(content)
	content = binary.BigEndian.AppendUint64(content, uint64(r.Seconds))
	content = binary.BigEndian.AppendUint16(content, uint16(len(r.Path)))
	return append(content, r.Path...), nil
}

// ParseRemovals reads the content of a batch that has verified. An entry that
// does not parse ends it: what is before stands, and is returned with an error
// that wraps [ErrNewer] where the entry is of an unknown kind, as a later
// version may write it, and [ErrDamaged] otherwise. Of more than [MaxGone]
// bytes it reads nothing and fails with [ErrSize].
func ParseRemovals(content []byte) ([]Removal, error) {
	if len(content) > MaxGone {
		return nil, fmt.Errorf("cipher: removals: %w: %d bytes", ErrSize, len(content))
	}
	var out []Removal
	for rest := content; len(rest) > 0; {
		r, n, err := parseRemoval(rest)
		if err != nil {
			return out, fmt.Errorf("cipher: removal %d, at byte %d: %w", len(out), len(content)-len(rest), err)
		}
		out, rest = append(out, r), rest[n:]
	}
	return out, nil
}

// parseRemoval reads the first entry, and tells its size.
func parseRemoval(b []byte) (r Removal, size int, err error) {
	r.Kind = RemovalKind(b[removalKind])
	if r.Kind > DirMade {
		return r, 0, fmt.Errorf("%w: %v", ErrNewer, r.Kind)
	}
	if len(b) < removalVector {
		return r, 0, fmt.Errorf("%w: cut", ErrDamaged)
	}
	r.File = ID(b[removalFile:])
	writers := int(b[removalWriters])
	head := removalVector + entrySize*writers
	if writers > MaxWriters || len(b) < head+removalPath {
		return r, 0, fmt.Errorf("%w: cut, or too many writers: %d", ErrDamaged, writers)
	}
	r.Version = parseVector(b[removalVector:], writers)
	rest := b[head:]
	r.Seconds = int64(binary.BigEndian.Uint64(rest[removalSeconds:]))
	length := int(binary.BigEndian.Uint16(rest[removalLength:]))
	if len(rest) < removalPath+length {
		return r, 0, fmt.Errorf("%w: a path of %d bytes is cut", ErrDamaged, length)
	}
	r.Path = string(rest[removalPath:][:length])
	if err := r.check(); err != nil {
		return r, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return r, head + removalPath + length, nil
}

// maxPath is the length in bytes that an entry has room to tell.
const maxPath = 1<<16 - 1

// check holds an entry against the format, in both directions.
func (r *Removal) check() error {
	switch {
	case r.Kind < FileEnded || r.Kind > DirMade:
		return fmt.Errorf("%v", r.Kind)
	case len(r.Version) == 0:
		return fmt.Errorf("%v at no version", r.Kind)
	case r.Kind.ofDirectory() != r.File.IsZero():
		return fmt.Errorf("%v, with file id %v", r.Kind, r.File)
	case !r.Kind.ofDirectory() && r.Path != "":
		return fmt.Errorf("%v, with a path", r.Kind)
	case len(r.Path) > maxPath:
		return fmt.Errorf("a path of %d bytes", len(r.Path))
	}
	if r.Kind.ofDirectory() {
		for name := range strings.SplitSeq(r.Path, "/") {
			if PlainName(name).check() != nil { // whose error would tell the name
				return errors.New("a path with a name that no file can have")
			}
		}
	}
	return r.Version.check()
}

// GoneEntry returns the plain name of the batch that a writer wrote under a
// counter: both in lower-case hexadecimal, eight digits and twelve.
func GoneEntry(v Version) PlainName {
	return PlainName(fmt.Sprintf("%08x-%012x", v.Writer, v.Counter))
}

// ParseGoneEntry is the inverse of GoneEntry. It fails with [ErrForeign] on
// everything that is not its output for a counter that can be.
func ParseGoneEntry(name PlainName) (Version, error) {
	writer, counter, _ := strings.Cut(string(name), "-")
	w, err := strconv.ParseUint(writer, 16, 32)
	if err == nil {
		var v Version
		v.Counter, err = strconv.ParseUint(counter, 16, 48)
		v.Writer = uint32(w)
		if err == nil && v.Counter > 0 && GoneEntry(v) == name {
			return v, nil
		}
	}
	return Version{}, fmt.Errorf("cipher: batch of removals %q: %w", string(name), ErrForeign)
}

// GoneID returns the file id of the batch that a writer of a vault wrote under
// a counter: SHA-256("gone" ‖ vault_id ‖ writer u32 ‖ counter u48)[0:16].
func GoneID(vault ID, v Version) ID {
	stamp := NewWriteID(v.Writer, v.Counter, [6]byte{})
	sum := sha256.Sum256([]byte("gone" + string(vault[:]) + string(stamp[:10])))
	return ID(sum[:16])
}

// GoneID is that of a batch in this cloud's vault.
func (c *Cloud) GoneID(v Version) ID { return GoneID(c.vaultID, v) }

// CheckGone tells whether a header is that of a whole batch with this name. It
// fails with [ErrForeign] where name, type or file id say that it is none or
// another one, and with [ErrDamaged] where the rest does: it is not finished, or
// has another version.
func (c *Cloud) CheckGone(name PlainName, h *Header) error {
	v, err := ParseGoneEntry(name)
	switch {
	case err != nil:
		return err
	case h.Type != TypeGone || h.FileID != c.GoneID(v):
		return fmt.Errorf("cipher: batch of removals %s: %w: it is a %v with id %v", string(name), ErrForeign, h.Type, h.FileID)
	case h.Flags&Dirty != 0 || len(h.Version) != 1 || h.Version[0] != v || h.Length > MaxGone:
		return fmt.Errorf("cipher: batch of removals %s: %w: flags %d, version %v, %d bytes", string(name), ErrDamaged, h.Flags, h.Version, h.Length)
	}
	return nil
}
