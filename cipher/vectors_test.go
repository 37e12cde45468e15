package cipher

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// hexBytes is hexadecimal in JSON; null stays nil.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(raw []byte) error {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return err
	}
	b, err := hex.DecodeString(*s)
	*h = b
	return err
}

func (h hexBytes) id() ID               { return ID(h) }
func (h hexBytes) salt() [16]byte       { return [16]byte(h) }
func (h hexBytes) writeID() (w WriteID) { copy(w[:], h); return w }

// vectors is testdata/format-v1.json, the known answers of a second
// implementation. A field that is not here fails the decoding, so that none
// goes unread.
type vectors struct {
	About  string
	Clouds []struct {
		Key       hexBytes
		VaultID   hexBytes `json:"vault_id"`
		CloudID   hexBytes `json:"cloud_id"`
		PRK       hexBytes
		NameKey   hexBytes `json:"name_key"`
		XattrKey  hexBytes `json:"xattr_key"`
		MarkerKey hexBytes `json:"marker_key"`
		MarkerMAC hexBytes `json:"marker_mac"`
	}
	Names []struct {
		Name           string
		Entry          string
		Sidecar        string
		SidecarContent hexBytes `json:"sidecar_content"`
	}
	Xattrs []struct {
		Name         string
		Value        hexBytes
		BackingName  string   `json:"backing_name"`
		BackingValue hexBytes `json:"backing_value"`
	}
	Headers []vectorHeader
	Chunks  []vectorChunk
	Files   []struct {
		vectorHeader
		Pattern      hexBytes
		Holes        []int64
		WriteIDs     []hexBytes `json:"write_ids"`
		PlainSHA256  hexBytes   `json:"plain_sha256"`
		CipherSize   int64      `json:"cipher_size"`
		CipherSHA256 hexBytes   `json:"cipher_sha256"`
	}
	Sizes []struct {
		ChunkLog2     uint8 `json:"chunk_log2"`
		Plain, Cipher int64
	}
	MustFail []struct {
		vectorChunk
		Kind, Why string
		Entry     string
		Header    hexBytes
		Value     int64
	} `json:"must_fail"`
	Newer []struct {
		Why    string
		Header hexBytes
	}
}

// vectorParams is what a backing file's keys depend on.
type vectorParams struct {
	Suite     Suite
	ChunkLog2 uint8 `json:"chunk_log2"`
	Type      Type
	Salt      hexBytes
}

type vectorHeader struct {
	vectorParams
	FileID   hexBytes `json:"file_id"`
	CommitID hexBytes `json:"commit_id"`
	Acc      hexBytes
	Flags    Flags
	Mode     uint32
	UID, GID uint32
	Length   int64
	MtimeS   int64  `json:"mtime_s"`
	MtimeNs  uint32 `json:"mtime_ns"`
	Version  [][2]uint64
	IV       hexBytes
	Header   hexBytes
}

type vectorChunk struct {
	vectorParams
	Index, Length int64
	Pattern       hexBytes
	WriteID       hexBytes `json:"write_id"`
	IV            hexBytes
	AccTerm       hexBytes `json:"acc_term"`
	RecordSHA256  hexBytes `json:"record_sha256"`
	Record        hexBytes // of the shorter ones
}

func loadVectors(t testing.TB) *vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/format-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	v := new(vectors)
	if err := decoder.Decode(v); err != nil {
		t.Fatal(err)
	}
	if len(v.Clouds) != 1 || len(v.Names) == 0 || len(v.Xattrs) == 0 || len(v.Headers) == 0 || len(v.Chunks) == 0 ||
		len(v.Files) == 0 || len(v.Sizes) == 0 || len(v.MustFail) == 0 || len(v.Newer) == 0 {
		t.Fatal("the known answers are not all there")
	}
	return v
}

// cloud returns the vectors' cloud with the suite and the chunk size given.
func (v *vectors) cloud(t testing.TB, suite Suite, chunkLog2 uint8) *Cloud {
	t.Helper()
	c, err := NewCloud(v.params(suite, chunkLog2))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (v *vectors) params(suite Suite, chunkLog2 uint8) CloudParams {
	key := Key(v.Clouds[0].Key)
	return CloudParams{
		Key: &key, VaultID: v.Clouds[0].VaultID.id(), CloudID: v.Clouds[0].CloudID.id(),
		Suite: suite, ChunkLog2: chunkLog2,
	}
}

func (v *vectors) file(t testing.TB, p vectorParams) *File {
	t.Helper()
	f, err := v.cloud(t, p.Suite, p.ChunkLog2).NewFile(p.Type, p.Salt.salt())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (h *vectorHeader) header() *Header {
	out := &Header{
		Type: h.Type, Salt: h.Salt.salt(), FileID: h.FileID.id(), CommitID: h.CommitID.id(),
		Acc: Acc(h.Acc), Flags: h.Flags, Mode: h.Mode, UID: h.UID, GID: h.GID,
		Length: h.Length, MtimeSec: h.MtimeS, MtimeNsec: h.MtimeNs,
	}
	for _, e := range h.Version {
		out.Version = append(out.Version, Version{uint32(e[0]), e[1]})
	}
	return out
}

// repeat is a chunk's plaintext: the pattern, repeated and cut.
func repeat(pattern []byte, n int64) []byte {
	return bytes.Repeat(pattern, int(n)/len(pattern)+1)[:n]
}

func wantBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

func wantSum(t *testing.T, what string, got, want []byte) {
	t.Helper()
	sum := sha256.Sum256(got)
	wantBytes(t, "SHA-256 of "+what, sum[:], want)
}

func TestVectorsClouds(t *testing.T) {
	v := loadVectors(t)
	for _, want := range v.Clouds {
		got, err := deriveCloudKeys(v.params(AES256, MinChunkLog2))
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "PRK", got.prk, want.PRK)
		wantBytes(t, "name_key", got.name, want.NameKey)
		wantBytes(t, "xattr_key", got.xattr, want.XattrKey)
		wantBytes(t, "marker_key", got.marker, want.MarkerKey)
		c := v.cloud(t, AES256, MinChunkLog2)
		wantBytes(t, "marker mac", c.markerMAC[:], want.MarkerMAC)
		if !bytes.Contains(c.Marker(), []byte(hex.EncodeToString(want.MarkerMAC))) {
			t.Errorf("marker %s has no %x", c.Marker(), want.MarkerMAC)
		}
	}
}

func TestVectorsNames(t *testing.T) {
	v := loadVectors(t)
	c := v.cloud(t, AES256, MinChunkLog2)
	for _, want := range v.Names {
		got, err := c.EncodeName(PlainName(want.Name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Entry) != want.Entry || string(got.Sidecar) != want.Sidecar {
			t.Errorf("%q: entry %s, sidecar %s, want %s, %s", want.Name, got.Entry, got.Sidecar, want.Entry, want.Sidecar)
		}
		wantBytes(t, "sidecar content", got.SidecarData, want.SidecarContent)
		back, err := c.DecodeEntry(EntryName(want.Entry), func(e EntryName) ([]byte, error) {
			if string(e) != want.Sidecar {
				t.Errorf("asked for sidecar %s, want %s", e, want.Sidecar)
			}
			return want.SidecarContent, nil
		})
		if err != nil || back != (Decoded{Name: PlainName(want.Name)}) {
			t.Errorf("DecodeEntry(%s) = %+v, %v", want.Entry, back, err)
		}
	}
}

func TestVectorsXattrs(t *testing.T) {
	v := loadVectors(t)
	c := v.cloud(t, AES256, MinChunkLog2)
	for _, want := range v.Xattrs {
		name, err := c.EncodeXattrName(want.Name)
		if err != nil || name != want.BackingName {
			t.Errorf("EncodeXattrName(%s) = %s, %v, want %s", want.Name, name, err, want.BackingName)
		}
		if plain, err := c.DecodeXattrName(want.BackingName); err != nil || plain != want.Name {
			t.Errorf("DecodeXattrName(%s) = %s, %v, want %s", want.BackingName, plain, err, want.Name)
		}
		wantBytes(t, want.Name, c.SealXattr(want.Name, want.Value), want.BackingValue)
		value, err := c.OpenXattr(want.Name, want.BackingValue)
		if err != nil {
			t.Error(err)
		}
		wantBytes(t, want.Name, value, want.Value)
	}
}

func TestVectorsHeaders(t *testing.T) {
	v := loadVectors(t)
	for i, want := range v.Headers {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			raw, err := v.file(t, want.vectorParams).sealHeader(want.header(), (*[16]byte)(want.IV))
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "header", raw, want.Header)
			h, f, err := v.cloud(t, want.Suite, want.ChunkLog2).OpenHeader(want.Header)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%+v", h), fmt.Sprintf("%+v", want.header()); got != want {
				t.Errorf("opened %s, want %s", got, want)
			}
			if f.Type() != want.Type || f.Salt() != want.Salt.salt() {
				t.Errorf("keys are of type %v, salt %x", f.Type(), f.Salt())
			}
			again, err := f.SealCommitHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(again, want.Header) {
				t.Error("a header was written twice under one IV")
			}
		})
	}
}

func TestVectorsChunks(t *testing.T) {
	v := loadVectors(t)
	for i, want := range v.Chunks {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			f := v.file(t, want.vectorParams)
			plain, ids := repeat(want.Pattern, want.Length), []WriteID{want.WriteID.writeID()}
			record := make([]byte, len(plain)+RecordOverhead)
			if err := f.Seal(record, plain, want.Index, ids); err != nil {
				t.Fatal(err)
			}
			wantSum(t, "record", record, want.RecordSHA256)
			wantBytes(t, "IV", record[:IVSize], want.IV)
			if want.Record != nil {
				wantBytes(t, "record", record, want.Record)
			}

			opened, got, states := make([]byte, len(plain)), make([]WriteID, 1), make([]RecordState, 1)
			if err := f.Open(opened, record, want.Index, got, states); err != nil {
				t.Fatal(err)
			}
			if states[0] != RecordOK || got[0] != ids[0] {
				t.Errorf("opened %v with %v, want %v", states[0], got[0], ids[0])
			}
			wantBytes(t, "plaintext", opened, plain)
			if err := f.PeekIDs(got, record, len(record)); err != nil || got[0] != ids[0] {
				t.Errorf("PeekIDs = %v, %v, want %v", got[0], err, ids[0])
			}
			var acc Acc
			f.Terms(&acc, want.Index, ids, nil)
			wantBytes(t, "acc term", acc[:], want.AccTerm)
		})
	}
}

func TestVectorsFiles(t *testing.T) {
	v := loadVectors(t)
	for i, want := range v.Files {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			f := v.file(t, want.vectorParams)
			plain := repeat(want.Pattern, want.Length)
			ids, states := make([]WriteID, len(want.WriteIDs)), make([]RecordState, len(want.WriteIDs))
			for j, id := range want.WriteIDs {
				ids[j], states[j] = id.writeID(), RecordOK
			}
			for _, hole := range want.Holes {
				clear(f.chunk(plain, int(hole)))
				states[hole] = RecordHole
			}
			wantSum(t, "plaintext", plain, want.PlainSHA256)
			if size, err := f.Layout().CipherSize(want.Length); err != nil || size != want.CipherSize {
				t.Fatalf("CipherSize = %d, %v, want %d", size, err, want.CipherSize)
			}

			sealed := make([]byte, want.CipherSize)
			header, err := f.sealHeader(want.header(), (*[16]byte)(want.IV))
			if err != nil {
				t.Fatal(err)
			}
			copy(sealed, header)
			sealRuns(t, f, sealed[HeaderSize:], plain, ids)
			wantSum(t, "backing file", sealed, want.CipherSHA256)

			wantOpen(t, f, opened{plain, ids, states}, sealed[HeaderSize:], 0)
			var acc Acc
			f.Terms(&acc, 0, ids, states)
			wantBytes(t, "acc", acc[:], want.Acc)
		})
	}
}

// sealRuns seals a file's records; where the write id is zero it leaves a hole.
// What lies between two holes is sealed in one call.
func sealRuns(t *testing.T, f *File, records, plain []byte, ids []WriteID) {
	t.Helper()
	l := f.Layout()
	for first := 0; first < len(ids); {
		next := first
		for next < len(ids) && !ids[next].IsZero() {
			next++
		}
		run := plain[int64(first)*l.ChunkSize() : min(int64(next)*l.ChunkSize(), int64(len(plain)))]
		out := records[l.RecordOffset(int64(first))-HeaderSize:][:len(run)+RecordOverhead*(next-first)]
		if err := f.Seal(out, run, int64(first), ids[first:next]); err != nil {
			t.Fatal(err)
		}
		first = next + 1
	}
}

// opened is what Open made of records.
type opened struct {
	plain  []byte
	ids    []WriteID
	states []RecordState
}

// wantOpen opens records into memory full of rubbish, and compares.
func wantOpen(t *testing.T, f *File, want opened, records []byte, first int64) {
	t.Helper()
	got := opened{
		plain:  bytes.Repeat([]byte{0xee}, len(want.plain)),
		ids:    slices.Repeat([]WriteID{{0xee}}, len(want.ids)),
		states: slices.Repeat([]RecordState{0xee}, len(want.ids)),
	}
	if err := f.Open(got.plain, records, first, got.ids, got.states); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.states, want.states) {
		t.Errorf("opened as %v, want %v", got.states, want.states)
	}
	if !slices.Equal(got.ids, want.ids) {
		t.Errorf("opened with %v, want %v", got.ids, want.ids)
	}
	if !bytes.Equal(got.plain, want.plain) {
		t.Errorf("opened %d bytes that differ", len(want.plain))
	}
}

func TestVectorsSizes(t *testing.T) {
	for _, want := range loadVectors(t).Sizes {
		l := Layout{want.ChunkLog2}
		if got, err := l.CipherSize(want.Plain); err != nil || got != want.Cipher {
			t.Errorf("CipherSize(%d) = %d, %v, want %d", want.Plain, got, err, want.Cipher)
		}
		if got, err := l.PlainSize(want.Cipher); err != nil || got != want.Plain {
			t.Errorf("PlainSize(%d) = %d, %v, want %d", want.Cipher, got, err, want.Plain)
		}
	}
}

func TestVectorsMustFail(t *testing.T) {
	v := loadVectors(t)
	cloud := v.cloud(t, AES256, MinChunkLog2)
	handled, copies := map[string]int{}, 0
	for _, test := range v.MustFail {
		handled[test.Kind]++
		what := test.Kind + ": " + test.Why
		switch test.Kind {
		case "name":
			// As a primary entry it fails: a spelling that is not the name's
			// own may still be a sync tool's copy of it.
			d, err := cloud.DecodeEntry(EntryName(test.Entry), nil)
			if err == nil && !d.Copy {
				t.Errorf("%s: %q is the entry of %q", what, test.Entry, d.Name)
			}
			if err != nil && !errors.Is(err, ErrForeign) {
				t.Errorf("%s: %v", what, err)
			}
			if d.Copy {
				copies++
			}
		case "header":
			if h, f, err := cloud.OpenHeader(test.Header); !errors.Is(err, ErrDamaged) || h != nil || f != nil {
				t.Errorf("%s: opened as %+v, %v", what, h, err)
			}
		case "cipher_size":
			if n, err := (Layout{test.ChunkLog2}).PlainSize(test.Value); !errors.Is(err, ErrSize) {
				t.Errorf("%s: PlainSize(%d) = %d, %v", what, test.Value, n, err)
			}
		case "chunk":
			f := v.file(t, test.vectorParams)
			n := len(test.Record) - RecordOverhead
			plain, ids, states := bytes.Repeat([]byte{1}, n), make([]WriteID, 1), []RecordState{RecordOK}
			if err := f.Open(plain, test.Record, test.Index, ids, states); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if states[0] == RecordOK || !isZero(plain) || !ids[0].IsZero() {
				t.Errorf("%s: opened %v as %x with %v", what, states[0], plain, ids[0])
			}
			if hole := isZero(test.Record); hole != (states[0] == RecordHole) {
				t.Errorf("%s: state %v", what, states[0])
			}
		default:
			t.Errorf("%s: nobody knows how this must fail", what)
		}
	}
	want := map[string]int{"name": 10, "header": 12, "cipher_size": 10, "chunk": 7}
	if fmt.Sprint(handled) != fmt.Sprint(want) {
		t.Errorf("handled %v, want %v", handled, want)
	}
	if copies != 2 { // in capitals, and with stray bits
		t.Errorf("%d of the names that must fail are copies, want 2", copies)
	}
}

func TestVectorsNewer(t *testing.T) {
	v := loadVectors(t)
	for _, test := range v.Newer {
		if h, f, err := v.cloud(t, AES256, MinChunkLog2).OpenHeader(test.Header); !errors.Is(err, ErrNewer) || h != nil || f != nil {
			t.Errorf("%s: opened as %+v, %v", test.Why, h, err)
		}
	}
}
