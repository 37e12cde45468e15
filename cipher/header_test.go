package cipher

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// testCloud is a cloud with a fixed key.
func testCloud(t testing.TB, suite Suite, chunkLog2 uint8) *Cloud {
	t.Helper()
	key := Key(bytes.Repeat([]byte{0x0c}, 32))
	c, err := NewCloud(CloudParams{
		Key: &key, VaultID: ID{0: 1, 15: 2}, CloudID: ID{0: 3, 15: 4}, Suite: suite, ChunkLog2: chunkLog2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testFile is a regular file of a testCloud.
func testFile(t testing.TB, suite Suite, chunkLog2 uint8) *File {
	t.Helper()
	f, err := testCloud(t, suite, chunkLog2).NewFile(TypeFile, [16]byte{5})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func testHeader() *Header {
	return &Header{
		Type: TypeFile, Salt: [16]byte{5}, FileID: ID{6}, CommitID: ID{7}, Acc: Acc{8},
		Mode: 0o644, UID: 1000, GID: 100, Length: 12345, MtimeSec: 1e9, MtimeNsec: 999999999,
		Version: Vector{{3, 30}, {4, 40}},
	}
}

// forge seals any bytes 8 to 32 and any payload as a holder of the cloud's key
// can, whatever the format says of them.
func forge(t testing.TB, c *Cloud, ident [identSize]byte, payload []byte) []byte {
	t.Helper()
	keys, err := c.deriveFileKeys(ident)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := cbc.New(keys.headerEnc[:Suite(ident[identSuite]).keySize()])
	if err != nil {
		t.Fatal(err)
	}
	iv := [IVSize]byte{9}
	raw := make([]byte, HeaderSize)
	copy(raw, magic)
	copy(raw[headerIdent:], ident[:])
	copy(raw[headerIV:], iv[:])
	enc.Encrypt([]cbc.Lane{{IV: &iv, Dst: raw[headerPayload:headerTag], Src: payload}})
	tag := headerSum(mac.New(keys.headerMAC), raw)
	copy(raw[headerTag:], tag[:])
	return raw
}

// TestOpenHeaderRules breaks one rule at a time in headers that authenticate.
func TestOpenHeaderRules(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	u32, u64 := binary.BigEndian.PutUint32, binary.BigEndian.PutUint64
	for _, test := range []struct {
		what   string
		change func(ident, p []byte)
		want   error
	}{
		{"nothing changed", func(_, _ []byte) {}, nil},
		{"format 2", func(ident, _ []byte) { ident[identFormat] = 2 }, ErrNewer},
		{"format 0", func(ident, _ []byte) { ident[identFormat] = 0 }, ErrNewer},
		{"format 2 of another suite", func(ident, _ []byte) { ident[identFormat], ident[identSuite] = 2, 9 }, ErrNewer},
		{"type 2", func(ident, _ []byte) { ident[identType] = 2 }, ErrNewer},
		{"type 9", func(ident, _ []byte) { ident[identType] = 9 }, ErrNewer},
		{"flag 4", func(_, p []byte) { u32(p[payloadFlags:], 4) }, ErrNewer},
		{"flag 4 and a reserved byte", func(_, p []byte) { u32(p[payloadFlags:], 4); p[payloadZero] = 1 }, ErrNewer},
		{"flag 4 and the other suite", func(ident, p []byte) { u32(p[payloadFlags:], 4); ident[identSuite] = 1 }, ErrNewer},
		{"the other suite", func(ident, _ []byte) { ident[identSuite] = 1 }, ErrDamaged},
		{"unknown suite", func(ident, _ []byte) { ident[identSuite] = 3 }, ErrDamaged},
		{"other chunks", func(ident, _ []byte) { ident[identChunk] = 13 }, ErrDamaged},
		{"byte 12 not zero", func(ident, _ []byte) { ident[identZero] = 1 }, ErrDamaged},
		{"byte 15 not zero", func(ident, _ []byte) { ident[identZero+3] = 1 }, ErrDamaged},
		{"mode", func(_, p []byte) { u32(p[payloadMode:], 0o10000) }, ErrDamaged},
		{"length -1", func(_, p []byte) { u64(p[payloadLength:], math.MaxUint64) }, ErrDamaged},
		{"length without a size", func(_, p []byte) { u64(p[payloadLength:], math.MaxInt64) }, ErrDamaged},
		{"nanoseconds", func(_, p []byte) { u32(p[payloadNsec:], 1e9) }, ErrDamaged},
		{"28 entries", func(_, p []byte) { p[payloadEntries+1] = 28 }, ErrDamaged},
		{"65535 entries", func(_, p []byte) { p[payloadEntries], p[payloadEntries+1] = 0xff, 0xff }, ErrDamaged},
		{"byte 86 not zero", func(_, p []byte) { p[86] = 1 }, ErrDamaged},
		{"byte 88 not zero", func(_, p []byte) { p[88] = 1 }, ErrDamaged},
		{"byte 103 not zero", func(_, p []byte) { p[103] = 1 }, ErrDamaged},
		{"an entry more than is said", func(_, p []byte) { p[payloadEntries+1] = 1 }, ErrDamaged},
		{"an entry less than is said", func(_, p []byte) { p[payloadEntries+1] = 3 }, ErrDamaged},
		{"last byte not zero", func(_, p []byte) { p[payloadSize-1] = 1 }, ErrDamaged},
		{"writers equal", func(_, p []byte) { u32(p[payloadVector+entrySize:], 3) }, ErrDamaged},
		{"writers descending", func(_, p []byte) { u32(p[payloadVector+entrySize:], 2) }, ErrDamaged},
		{"counter 0", func(_, p []byte) { u64(p[payloadVector+4:], 0) }, ErrDamaged},
		{"counter 2^48", func(_, p []byte) { u64(p[payloadVector+4:], MaxCounter) }, ErrDamaged},
		{"clean without a writer", func(_, p []byte) { p[payloadEntries+1] = 0; clear(p[payloadVector:]) }, ErrDamaged},
		{"dirty without a writer", func(_, p []byte) {
			p[payloadEntries+1], p[payloadFlags+3] = 0, byte(Dirty)
			clear(p[payloadVector:])
		}, nil},
	} {
		h := testHeader()
		ident := makeIdent(AES256, c.layout, h.Type, h.Salt)
		payload := make([]byte, payloadSize)
		h.putPayload(payload)
		test.change(ident[:], payload)
		got, f, err := c.OpenHeader(forge(t, c, ident, payload))
		if !errors.Is(err, test.want) || (err == nil) != (got != nil) || (err == nil) != (f != nil) {
			t.Errorf("%s: %+v, %v, want %v", test.what, got, err, test.want)
		}
	}
}

// TestOpenHeaderBits flips every bit, and cuts at every length.
func TestOpenHeaderBits(t *testing.T) {
	c := testCloud(t, AES128, MaxChunkLog2)
	f := testFile(t, AES128, MaxChunkLog2)
	raw, err := f.SealCommitHeader(testHeader())
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		bad := slices.Clone(raw)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, _, err := c.OpenHeader(bad); !errors.Is(err, ErrDamaged) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
	for _, n := range []int{0, 1, 8, 32, 480, 511} {
		if _, _, err := c.OpenHeader(raw[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, _, err := c.OpenHeader(append(raw, 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("513 bytes: %v", err)
	}
	if _, _, err := testCloud(t, AES256, MaxChunkLog2).OpenHeader(raw); !errors.Is(err, ErrDamaged) {
		t.Errorf("in a cloud of the other suite: %v", err)
	}
}

func TestSealHeaderRefuses(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	for what, change := range map[string]func(h *Header){
		"type":            func(h *Header) { h.Type = TypeSymlink },
		"salt":            func(h *Header) { h.Salt[0]++ },
		"flags":           func(h *Header) { h.Flags = 4 },
		"mode":            func(h *Header) { h.Mode = 0o100644 },
		"negative length": func(h *Header) { h.Length = -1 },
		"length":          func(h *Header) { h.Length = f.Layout().MaxLength() + 1 },
		"nanoseconds":     func(h *Header) { h.MtimeNsec = 1e9 },
		"no writer":       func(h *Header) { h.Version = nil },
		"28 writers":      func(h *Header) { h.Version = append(full(), Version{1000, 1}) },
		"writers":         func(h *Header) { h.Version = Vector{{2, 1}, {1, 1}} },
		"counter 0":       func(h *Header) { h.Version = Vector{{1, 0}} },
	} {
		h := testHeader()
		change(h)
		if raw, err := f.SealCommitHeader(h); !errors.Is(err, ErrInvalid) || raw != nil {
			t.Errorf("%s: %x, %v", what, raw, err)
		}
	}
	h := testHeader()
	h.Version, h.Flags, h.Length = full(), Dirty|Sparse, f.Layout().MaxLength()
	raw, err := f.SealCommitHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := testCloud(t, AES256, MinChunkLog2).OpenHeader(raw)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(h) {
		t.Errorf("the greatest header opens as %+v, %v", got, err)
	}
}

// TestSealRepairHeader seals the same again, and something else.
func TestSealRepairHeader(t *testing.T) {
	f := testFile(t, AES256, MinChunkLog2)
	seal := func(h *Header) []byte {
		t.Helper()
		raw, err := f.SealRepairHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	raw := seal(testHeader())
	if !bytes.Equal(raw, seal(testHeader())) {
		t.Error("the same header is sealed in two ways")
	}
	drawn, err := f.SealCommitHeader(testHeader())
	if err != nil || bytes.Equal(raw[headerIV:headerPayload], drawn[headerIV:headerPayload]) {
		t.Errorf("a commit's header has the IV of a repair's, %v", err)
	}
	other := testHeader()
	other.Flags = Dirty
	if bytes.Equal(raw[headerIV:headerPayload], seal(other)[headerIV:headerPayload]) {
		t.Error("two headers have one IV")
	}
	for what, change := range map[string]func(h *Header){
		"salt":       func(h *Header) { h.Salt[0]++ },
		"mode":       func(h *Header) { h.Mode = 0o100644 },
		"28 writers": func(h *Header) { h.Version = append(full(), Version{1000, 1}) },
		"no writer":  func(h *Header) { h.Version = nil },
	} {
		h := testHeader()
		change(h)
		if raw, err := f.SealRepairHeader(h); !errors.Is(err, ErrInvalid) || raw != nil {
			t.Errorf("%s: %x, %v", what, raw, err)
		}
	}
}

func TestHasNoHeader(t *testing.T) {
	zeros, last := make([]byte, 600), make([]byte, 600)
	last[HeaderSize-1] = 1
	whole, err := testFile(t, AES256, MinChunkLog2).SealCommitHeader(testHeader())
	if err != nil {
		t.Fatal(err)
	}
	whole[HeaderSize-1] |= 1 // with a zero there it looks like the beginning of one
	for what, test := range map[string]struct {
		first []byte
		want  bool
	}{
		"nothing":               {nil, true},
		"zeros, too short":      {zeros[:511], true},
		"a cut header":          {whole[:511], true},
		"zeros":                 {zeros[:512], true},
		"zeros, and records":    {append(zeros[:512:512], whole...), true},
		"a header":              {whole, false},
		"something at its end":  {last, false},
		"something, and zeros":  {append([]byte{1}, zeros...), false},
		"something, too short":  {[]byte("a note"), false},
		"a header's first byte": {append([]byte(magic[:1]), zeros...), true},
		"its beginning":         {append(slices.Clone(whole[:300]), zeros...), true},
		"all but its last byte": {append(slices.Clone(whole[:511]), zeros...), true},
	} {
		if got := HasNoHeader(test.first); got != test.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestNewFileRefuses(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	for _, bad := range []Type{0, 2, 9, 255} {
		if _, err := c.NewFile(bad, [16]byte{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, bad := range []CloudParams{
		{Suite: 0, ChunkLog2: 12}, {Suite: 3, ChunkLog2: 12}, {Suite: 1, ChunkLog2: 11}, {Suite: 2, ChunkLog2: 21},
	} {
		bad.Key = new(Key)
		if _, err := NewCloud(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
