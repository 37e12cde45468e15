package redo

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

const (
	saltSize   = 32
	lengthSize = 4
	kindSize   = 1
	tagSize    = 16
	headSize   = 3 * 8
	idSize     = 16
	startSize  = 4*8 + idSize // without the boot
	maxBoot    = 64
	markSize   = 8

	// partSize bounds what one entry carries, and so the memory that sealing takes and that a damaged length can ask for.
	partSize = 1 << 20

	// MaxPayload is the size in bytes of the largest payload: a commit of 64 MiB with room for all that goes with it.
	MaxPayload = 80 << 20
)

type kind byte

const (
	kindHead   kind = 1 // of earlier versions
	kindData   kind = 2
	kindPart   kind = 3
	kindRetire kind = 4
	kindStart  kind = 5
)

var (
	// ErrNewer is wrapped by errors about an authentic entry of a kind that this version does not know.
	ErrNewer = errors.New("written by a newer version")
	// ErrTorn is wrapped by what Losses returns.
	ErrTorn = errors.New("does not open")
	// ErrLost is wrapped by those of Losses that tell of entries that were written whole.
	ErrLost = errors.New("entries are lost")

	errShort = fmt.Errorf("is cut short and %w", ErrTorn) // as a write is that did not come to its end
)

const suffix = ".redo"

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, suffix) }

// segmentNumber is the inverse of segmentName, and false for every other name.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil && segmentName(n) == name
}

// A head is the body of entry 0. The package's doc says what it means. One of an earlier version has no id and no boot.
type head struct {
	after, first, mark, until uint64
	id                        [idSize]byte
	boot                      string
}

func (h head) append(b []byte) []byte {
	for _, n := range []uint64{h.after, h.first, h.mark, h.until} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, h.id[:]...)
	return append(b, h.boot...)
}

func parseHead(k kind, b []byte) (h head, ok bool) {
	switch {
	case k == kindHead && len(b) == headSize:
	case k == kindStart && startSize <= len(b) && len(b) <= startSize+maxBoot:
		h.until = binary.BigEndian.Uint64(b[headSize:])
		copy(h.id[:], b[headSize+8:])
		h.boot = string(b[startSize:])
	default:
		return head{}, false
	}
	h.after = binary.BigEndian.Uint64(b)
	h.first = binary.BigEndian.Uint64(b[8:])
	h.mark = binary.BigEndian.Uint64(b[16:])
	h.until = max(h.until, h.first)
	return h, 1 <= h.after && h.after <= h.first && 1 <= h.mark && h.mark <= h.first
}

// sealing is the cryptographic state of one segment: its AEAD and the number of its next entry.
type sealing struct {
	aead  cipher.AEAD
	ad    [8]byte
	entry uint64
}

func newSealing(stateKey *[32]byte, salt []byte, number uint64) (*sealing, error) {
	key, err := hkdf.Key(sha256.New, stateKey[:], salt, "redo", 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	s := &sealing{aead: aead}
	binary.BigEndian.PutUint64(s.ad[:], number)
	return s, nil
}

func (s *sealing) nonce() []byte {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], s.entry)
	return nonce[:]
}

// A writer writes one segment.
type writer struct {
	sealing
	segment Segment
	number  uint64
	first   uint64 // sequence number of its first payload
	size    int64  // bytes handed to the segment
	buf     []byte // one entry, kept for the next
}

// createSegment makes segment number with h as its head, in one write.
func createSegment(store Store, stateKey *[32]byte, number uint64, h head) (*writer, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	s, err := newSealing(stateKey, salt, number)
	if err != nil {
		return nil, err
	}
	segment, err := store.Create(segmentName(number))
	if err != nil {
		return nil, err
	}
	w := &writer{sealing: *s, segment: segment, number: number, first: h.first}
	if err := w.write(salt, kindStart, h.append(nil)); err != nil {
		// The first error is the one to tell; a file that stays behind has no head that opens, and is ignored.
		_ = segment.Close()
		_ = store.Remove(segmentName(number))
		return nil, err
	}
	return w, nil
}

// write appends prefix and one sealed entry of the given pieces, in one write to the segment. After an error the segment
// must not be written again: the same nonce would seal something else.
func (w *writer) write(prefix []byte, k kind, body ...[]byte) error {
	b := append(w.buf[:0], prefix...)
	b = append(b, 0, 0, 0, 0)
	start := len(b)
	b = append(b, byte(k))
	for _, piece := range body {
		b = append(b, piece...)
	}
	b = slices.Grow(b, tagSize)
	b = w.aead.Seal(b[:start], w.nonce(), b[start:], w.ad[:])
	binary.BigEndian.PutUint32(b[start-lengthSize:], uint32(len(b)-start))
	w.buf = b
	w.entry++
	w.size += int64(len(b))
	n, err := w.segment.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// writePayload appends the payload that pieces make up, in as many entries as it takes.
func (w *writer) writePayload(pieces [][]byte) error {
	var part [][]byte
	room := partSize
	for _, piece := range pieces {
		for len(piece) > 0 {
			if room == 0 {
				if err := w.write(nil, kindPart, part...); err != nil {
					return err
				}
				part, room = part[:0], partSize
			}
			n := min(room, len(piece))
			part = append(part, piece[:n])
			piece, room = piece[n:], room-n
		}
	}
	return w.write(nil, kindData, part...)
}

func (w *writer) writeMark(mark uint64) error {
	return w.write(nil, kindRetire, binary.BigEndian.AppendUint64(nil, mark))
}

// A reader reads the entries of one segment.
type reader struct {
	sealing
	r    *bufio.Reader
	size int64 // bytes of whole entries so far, with the salt
	buf  []byte
}

// newReader begins to read a segment. Its error is io.EOF for an empty file, errShort for one shorter than a salt, or that
// of r.
func newReader(r io.Reader, stateKey *[32]byte, number uint64) (*reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(b, salt); err != nil {
		return nil, torn(err)
	}
	s, err := newSealing(stateKey, salt, number)
	if err != nil {
		return nil, err
	}
	return &reader{sealing: *s, r: b, size: saltSize}, nil
}

// next returns the next entry; body is valid until the next call. The error is io.EOF where the segment ends after a whole
// entry, errShort where an entry is cut short, or zeros are in its place, ErrTorn where it is whole and does not authenticate,
// or that of the underlying reader.
func (r *reader) next() (k kind, body []byte, err error) {
	var length [lengthSize]byte
	if _, err := io.ReadFull(r.r, length[:]); err != nil {
		return 0, nil, torn(err)
	}
	n := int(binary.BigEndian.Uint32(length[:]))
	if n == 0 {
		return 0, nil, errShort
	}
	if n < kindSize+tagSize || n > kindSize+partSize+tagSize {
		return 0, nil, ErrTorn
	}
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	sealed := r.buf[:n]
	if _, err := io.ReadFull(r.r, sealed); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, torn(err)
	}
	plain, err := r.aead.Open(sealed[:0], r.nonce(), sealed, r.ad[:])
	if err != nil {
		return 0, nil, ErrTorn
	}
	r.entry++
	r.size += lengthSize + int64(n)
	return kind(plain[0]), plain[kindSize:], nil
}

func torn(err error) error {
	if err == io.ErrUnexpectedEOF {
		return errShort
	}
	return err
}
