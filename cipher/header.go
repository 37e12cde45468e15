package cipher

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

const (
	magic         = "OVERCAST"
	formatVersion = 1
)

// Where the parts of a header lie.
const (
	headerIdent   = 8
	headerIV      = 32
	headerPayload = 48
	headerTag     = 480

	payloadSize = headerTag - headerPayload
)

// Where the parts of a header's bytes 8 to 32 lie, from which its keys come.
const (
	identFormat = 0
	identSuite  = 1
	identChunk  = 2
	identType   = 3
	identZero   = 4
	identSalt   = 8
	identSize   = 24
)

// Where the parts of a payload lie.
const (
	payloadFileID   = 0
	payloadCommitID = 16
	payloadAcc      = 32
	payloadFlags    = 48
	payloadMode     = 52
	payloadUID      = 56
	payloadGID      = 60
	payloadLength   = 64
	payloadSec      = 72
	payloadNsec     = 80
	payloadEntries  = 84
	payloadZero     = 86
	payloadVector   = 104
)

// A Header is what a backing file's header says, in the clear. Suite and chunk
// size are the cloud's.
type Header struct {
	Type      Type
	Salt      [16]byte // of this backing file; chooses its keys
	FileID    ID       // the same in every cloud, for the file's whole life
	CommitID  ID       // the same in every cloud, new at each commit
	Acc       Acc      // over the records' write ids
	Flags     Flags
	Mode      uint32 // 07777
	UID, GID  uint32
	Length    int64 // plaintext bytes, as committed
	MtimeSec  int64
	MtimeNsec uint32
	Version   Vector // empty only with Dirty: never committed
}

// SealCommitHeader returns the 512 bytes of a header as a commit writes it,
// under a new random IV, to be written by one write at offset 0. Type and salt
// must be those of the file's keys. It fails with [ErrInvalid] on anything that
// [Cloud.OpenHeader] would not take back.
func (f *File) SealCommitHeader(h *Header) ([]byte, error) {
	var iv [IVSize]byte
	rand.Read(iv[:])
	return f.sealHeader(h, &iv)
}

// SealRepairHeader is [File.SealCommitHeader] for what repair writes: a whole
// copy, under the keys of [Cloud.NewRepairFile], or only another header over an
// existing copy, under that one's keys. The IV is
//
//	HMAC-SHA-256(hdr_mac_key, "iv" ‖ payload)[0:16]
//
// so two machines that repair the same thing write the same bytes, and a sync
// tool that has both sees no difference. It tells whoever watches only that a
// payload is one that was there before.
func (f *File) SealRepairHeader(h *Header) ([]byte, error) { return f.sealHeader(h, nil) }

// repairIV cannot meet the sum of a header: that one begins with OVERCAST.
func repairIV(key *mac.Key, payload []byte) [IVSize]byte {
	const label = "iv"
	prefix := [16]byte([]byte(label + string(payload[:16-len(label)])))
	msg := []mac.Message{{Prefix: prefix, Body: payload[16-len(label):]}}
	key.Sum(msg)
	return [IVSize]byte(msg[0].Sum[:])
}

// sealHeader seals under the IV, or, without one, under that of repairs.
func (f *File) sealHeader(h *Header, iv *[IVSize]byte) ([]byte, error) {
	if h.Type != f.Type() || h.Salt != f.Salt() {
		return nil, fmt.Errorf("cipher: sealing a header: %w: type or salt are not those of the keys", ErrInvalid)
	}
	if err := h.check(f.layout); err != nil {
		return nil, fmt.Errorf("cipher: sealing a header: %w: %w", ErrInvalid, err)
	}
	raw := make([]byte, HeaderSize)
	copy(raw, magic)
	copy(raw[headerIdent:], f.ident[:])
	payload := raw[headerPayload:headerTag]
	h.putPayload(payload)
	if iv == nil {
		derived := repairIV(f.headerMAC, payload)
		iv = &derived
	}
	copy(raw[headerIV:], iv[:])
	f.headerEnc.Encrypt([]cbc.Lane{{IV: iv, Dst: payload, Src: payload}})
	tag := headerSum(f.headerMAC, raw)
	copy(raw[headerTag:], tag[:])
	return raw, nil
}

// HasNoHeader reports whether a backing file whose beginning does not verify
// looks as a crash leaves one whose header was never whole: the file is empty,
// or has zeros there, or the header's beginning, and zeros from there to its
// end. first is its first 512 bytes, or all if it is shorter. A file that was
// never committed looks like that, too. Whether that is how it should be, the
// redo log and the index know: [Cloud.OpenHeader] calls it damaged.
func HasNoHeader(first []byte) bool {
	whole := len(first) >= HeaderSize
	first = first[:min(len(first), HeaderSize)]
	begun := bytes.TrimRight(first, "\x00")
	if whole && len(begun) == HeaderSize {
		return false
	}
	return bytes.HasPrefix(begun, []byte(magic)) || strings.HasPrefix(magic, string(begun))
}

// OpenHeader verifies a backing file's first 512 bytes and returns what they
// say, with the file's keys. It fails with [ErrNewer] where the header is
// authentic but of a format, a type or with flags that are not known here, and
// with [ErrDamaged] in every other case; nothing else is then to be had, not
// even the salt.
func (c *Cloud) OpenHeader(raw []byte) (*Header, *File, error) {
	h, f, err := c.openHeader(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("cipher: header: %w", err)
	}
	return h, f, nil
}

func (c *Cloud) openHeader(raw []byte) (*Header, *File, error) {
	if len(raw) != HeaderSize {
		return nil, nil, fmt.Errorf("%w: %d bytes, want %d", ErrDamaged, len(raw), HeaderSize)
	}
	if string(raw[:len(magic)]) != magic {
		return nil, nil, fmt.Errorf("%w: does not begin with %s", ErrDamaged, magic)
	}
	ident := [identSize]byte(raw[headerIdent:])
	keys, err := c.deriveFileKeys(ident)
	if err != nil {
		return nil, nil, err
	}
	defer keys.wipe()
	headerMAC := mac.New(keys.headerMAC)
	defer headerMAC.Wipe()
	if tag := headerSum(headerMAC, raw); subtle.ConstantTimeCompare(tag[:], raw[headerTag:]) != 1 {
		return nil, nil, fmt.Errorf("%w: does not authenticate", ErrDamaged)
	}

	// From here on the header is the work of somebody who holds the cloud's
	// key. What this version does not know is told apart before any other rule
	// is applied, since a later format may have changed the rule.
	if v := ident[identFormat]; v != formatVersion {
		return nil, nil, fmt.Errorf("%w: format %d", ErrNewer, v)
	}
	if t := Type(ident[identType]); !t.valid() {
		return nil, nil, fmt.Errorf("%w: %v", ErrNewer, t)
	}
	suite := Suite(ident[identSuite])
	if !suite.valid() {
		return nil, nil, fmt.Errorf("%w: %v", ErrDamaged, suite)
	}
	f, err := c.expandFile(ident, suite, &keys)
	if err != nil {
		return nil, nil, err
	}
	h, err := c.openPayload(f, raw)
	if err != nil {
		f.Wipe()
		return nil, nil, err
	}
	return h, f, nil
}

// openPayload decrypts and checks what the MAC of raw has already covered.
func (c *Cloud) openPayload(f *File, raw []byte) (*Header, error) {
	payload := make([]byte, payloadSize)
	iv := [IVSize]byte(raw[headerIV:])
	f.headerEnc.Decrypt([]cbc.Lane{{IV: &iv, Dst: payload, Src: raw[headerPayload:headerTag]}})
	if flags := Flags(binary.BigEndian.Uint32(payload[payloadFlags:])); flags&^knownFlags != 0 {
		return nil, fmt.Errorf("%w: flags %#x", ErrNewer, uint32(flags))
	}
	if want := makeIdent(c.suite, c.layout, f.Type(), f.Salt()); f.ident != want {
		return nil, fmt.Errorf("%w: begins %x where this cloud has %x", ErrDamaged, f.ident[:identSalt], want[:identSalt])
	}
	h := &Header{Type: f.Type(), Salt: f.Salt()}
	if err := h.parsePayload(payload); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := h.check(c.layout); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return h, nil
}

// makeIdent returns a header's bytes 8 to 32.
func makeIdent(s Suite, l Layout, t Type, salt [16]byte) (ident [identSize]byte) {
	ident[identFormat] = formatVersion
	ident[identSuite] = byte(s)
	ident[identChunk] = l.ChunkLog2
	ident[identType] = byte(t)
	copy(ident[identSalt:], salt[:])
	return ident
}

// headerSum is the MAC over everything before the place of the MAC.
func headerSum(key *mac.Key, raw []byte) [32]byte {
	msg := []mac.Message{{Prefix: [16]byte(raw), Body: raw[16:headerTag]}}
	key.Sum(msg)
	return msg[0].Sum
}

// putPayload writes the fields into a payload of zeros.
func (h *Header) putPayload(p []byte) {
	copy(p[payloadFileID:], h.FileID[:])
	copy(p[payloadCommitID:], h.CommitID[:])
	copy(p[payloadAcc:], h.Acc[:])
	binary.BigEndian.PutUint32(p[payloadFlags:], uint32(h.Flags))
	binary.BigEndian.PutUint32(p[payloadMode:], h.Mode)
	binary.BigEndian.PutUint32(p[payloadUID:], h.UID)
	binary.BigEndian.PutUint32(p[payloadGID:], h.GID)
	binary.BigEndian.PutUint64(p[payloadLength:], uint64(h.Length))
	binary.BigEndian.PutUint64(p[payloadSec:], uint64(h.MtimeSec))
	binary.BigEndian.PutUint32(p[payloadNsec:], h.MtimeNsec)
	binary.BigEndian.PutUint16(p[payloadEntries:], uint16(len(h.Version)))
	h.Version.append(p[payloadVector:payloadVector])
}

// parsePayload reads the fields; it checks only what they do not keep.
func (h *Header) parsePayload(p []byte) error {
	entries := int(binary.BigEndian.Uint16(p[payloadEntries:]))
	if entries > MaxWriters {
		return fmt.Errorf("%d writers, at most %d", entries, MaxWriters)
	}
	if !isZero(p[payloadZero:payloadVector]) || !isZero(p[payloadVector+entries*entrySize:]) {
		return errors.New("reserved bytes are not zero")
	}
	h.FileID = ID(p[payloadFileID:])
	h.CommitID = ID(p[payloadCommitID:])
	h.Acc = Acc(p[payloadAcc:])
	h.Flags = Flags(binary.BigEndian.Uint32(p[payloadFlags:]))
	h.Mode = binary.BigEndian.Uint32(p[payloadMode:])
	h.UID = binary.BigEndian.Uint32(p[payloadUID:])
	h.GID = binary.BigEndian.Uint32(p[payloadGID:])
	h.Length = int64(binary.BigEndian.Uint64(p[payloadLength:]))
	h.MtimeSec = int64(binary.BigEndian.Uint64(p[payloadSec:]))
	h.MtimeNsec = binary.BigEndian.Uint32(p[payloadNsec:])
	h.Version = parseVector(p[payloadVector:], entries)
	return nil
}

// check holds the fields against the format, in both directions.
func (h *Header) check(l Layout) error {
	switch {
	case h.Flags&^knownFlags != 0:
		return fmt.Errorf("flags %#x", uint32(h.Flags))
	case h.Mode > 0o7777:
		return fmt.Errorf("mode %#o is beyond 07777", h.Mode)
	case h.Length < 0 || h.Length > l.MaxLength():
		return fmt.Errorf("length %d", h.Length)
	case h.MtimeNsec >= 1e9:
		return fmt.Errorf("%d nanoseconds", h.MtimeNsec)
	case len(h.Version) == 0 && h.Flags&Dirty == 0:
		return errors.New("no writer in a clean header")
	}
	return h.Version.check()
}
