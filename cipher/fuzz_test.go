package cipher

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The fuzz targets give the parsers what a provider can give them, and also
// what only the key's holder could: authentication would otherwise stop nearly
// every input at the door. Their seeds lie in testdata/fuzz.

// TestFuzzSeeds holds that every target has seeds, so that each of them runs
// with every test.
func TestFuzzSeeds(t *testing.T) {
	for target, want := range map[string]int{
		"FuzzOpenHeader": 3, "FuzzPayload": 4, "FuzzOpen": 4, "FuzzSealOpen": 4,
		"FuzzDecodeEntry": 6, "FuzzSealedName": 5, "FuzzXattr": 3, "FuzzMarker": 4,
		"FuzzRemovals": 9, "FuzzConflictName": 6, "FuzzShortForms": 6, "FuzzSizes": 4,
	} {
		seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "seed-*"))
		if err != nil || len(seeds) < want {
			t.Errorf("%s has %d seeds, want %d, %v", target, len(seeds), want, err)
		}
	}
	dirs, err := os.ReadDir(filepath.Join("testdata", "fuzz"))
	if err != nil || len(dirs) != 12 {
		t.Errorf("%d folders of seeds, %v", len(dirs), err)
	}
}

func FuzzOpenHeader(f *testing.F) {
	c := loadVectors(f).cloud(f, AES256, MinChunkLog2)
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, file, err := c.OpenHeader(raw)
		if err != nil {
			wantRefusal(t, h == nil && file == nil, err)
			return
		}
		again, err := file.sealHeader(h, (*[IVSize]byte)(raw[headerIV:]))
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%x opens as %+v, which seals to %x, %v", raw, h, again, err)
		}
	})
}

// FuzzPayload seals any payload under any bytes 8 to 32.
func FuzzPayload(f *testing.F) {
	c := testCloud(f, AES256, MinChunkLog2)
	f.Fuzz(func(t *testing.T, ident, payload []byte) {
		var i [identSize]byte
		p := make([]byte, payloadSize)
		copy(i[:], ident)
		copy(p, payload)
		raw := forge(t, c, i, p)
		h, file, err := c.OpenHeader(raw)
		if err != nil {
			wantRefusal(t, h == nil && file == nil, err)
			return
		}
		again, err := file.sealHeader(h, (*[IVSize]byte)(raw[headerIV:]))
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%x opens as %+v, which seals to %x, %v", p, h, again, err)
		}
	})
}

func wantRefusal(t *testing.T, nothing bool, err error) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
		t.Errorf("refused with %v", err)
	}
	if !nothing {
		t.Error("refused, and returned something all the same")
	}
}

// FuzzOpen opens any bytes as records.
func FuzzOpen(f *testing.F) {
	v := loadVectors(f)
	file := v.file(f, v.Chunks[0].vectorParams)
	f.Fuzz(func(t *testing.T, records []byte, first int64) {
		n, err := file.Layout().PlainSize(HeaderSize + int64(len(records)))
		if err != nil {
			return
		}
		count := int(file.Layout().Records(n))
		plain, ids, states := bytes.Repeat([]byte{0xee}, int(n)), make([]WriteID, count), make([]RecordState, count)
		if err := file.Open(plain, records, first, ids, states); err != nil {
			if !errors.Is(err, ErrSize) {
				t.Error(err)
			}
			return
		}
		peeked := make([]WriteID, count)
		if count > 0 {
			if err := file.PeekIDs(peeked, records, len(file.record(records, count-1))); err != nil {
				t.Error(err)
			}
		}
		for i, state := range states {
			chunk, record := file.chunk(plain, i), file.record(records, i)
			if state == RecordOK && peeked[i] != ids[i] {
				t.Errorf("record %d has %v and is peeked at as %v", i, ids[i], peeked[i])
			}
			if state != RecordOK {
				if !isZero(chunk) || !ids[i].IsZero() || (state == RecordHole) != isZero(record) {
					t.Errorf("record %d is %v, with %v and %x", i, state, ids[i], chunk)
				}
				continue
			}
			again := make([]byte, len(record))
			if err := file.Seal(again, chunk, first+int64(i), ids[i:i+1]); err != nil || !bytes.Equal(again, record) {
				t.Errorf("record %d opens, but seals to another, %v", i, err)
			}
		}
	})
}

// FuzzSealOpen seals a plaintext, flips one bit and opens.
func FuzzSealOpen(f *testing.F) {
	file := testFile(f, AES256, MinChunkLog2)
	f.Fuzz(func(t *testing.T, pattern []byte, n uint16, first int64, bit uint32) {
		if len(pattern) == 0 || n == 0 {
			return
		}
		plain := repeat(pattern, int64(n))
		count := int(file.Layout().Records(int64(n)))
		ids, states := testIDs(count), make([]RecordState, count)
		records := make([]byte, len(plain)+RecordOverhead*count)
		if err := file.Seal(records, plain, first, ids); err != nil {
			if !errors.Is(err, ErrSize) {
				t.Error(err)
			}
			return
		}
		for i := range states {
			states[i] = RecordOK
		}
		want := opened{plain, ids, states}
		wantOpen(t, file, want, records, first)
		at := int(bit/8) % len(records)
		records[at] ^= 1 << (bit % 8)
		wantOpen(t, file, damaged(file, want, at/int(file.layout.stride()), RecordDamaged), records, first)
	})
}

func FuzzDecodeEntry(f *testing.F) {
	v := loadVectors(f)
	c := v.cloud(f, AES256, MinChunkLog2)
	sidecars := map[EntryName][]byte{}
	for _, n := range v.Names {
		sidecars[EntryName(n.Sidecar)] = n.SidecarContent
	}
	f.Fuzz(func(t *testing.T, entry string) {
		d, err := c.DecodeEntry(EntryName(entry), func(e EntryName) ([]byte, error) {
			if content, ok := sidecars[e]; ok {
				return content, nil
			}
			return nil, errNoSidecar
		})
		if err != nil {
			if d != (Decoded{}) || !errors.Is(err, ErrForeign) && !errors.Is(err, ErrMetadata) && !errors.Is(err, ErrSidecar) {
				t.Errorf("%q: %+v, %v", entry, d, err)
			}
			return
		}
		own := encode(t, c, d.Name).Entry
		if d.Special {
			own += letterSpecial
		}
		if d.Copy == (string(own) == entry) {
			t.Errorf("%q is %+v, whose own entry is %s", entry, d, own)
		}
	})
}

// FuzzSealedName decodes entries of any sealed bytes.
func FuzzSealedName(f *testing.F) {
	c := testCloud(f, AES256, MinChunkLog2)
	f.Fuzz(func(t *testing.T, padded []byte) {
		n := encodeSealed(c.names.Seal(nil, padded, nameContext))
		d, err := c.DecodeEntry(n.Entry, sidecarOf(n))
		if check := c.CheckSidecar(n.Sidecar, n.SidecarData); n.Sidecar != "" && (check == nil) != (err == nil) {
			t.Errorf("%q: %v, but its sidecar: %v", padded, err, check)
		}
		if err != nil {
			if !errors.Is(err, ErrForeign) && !errors.Is(err, ErrSidecar) {
				t.Errorf("%q: %v", padded, err)
			}
			return
		}
		if own := encode(t, c, d.Name); own.Entry != n.Entry || d.Copy || d.Special || d.Suffix != "" {
			t.Errorf("%q is %+v", padded, d)
		}
	})
}

func FuzzXattr(f *testing.F) {
	c := loadVectors(f).cloud(f, AES256, MinChunkLog2)
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if plain, err := c.DecodeXattrName(name); err == nil {
			if again, err := c.EncodeXattrName(plain); err != nil || again != name {
				t.Errorf("%q is %q, which encodes to %q, %v", name, plain, again, err)
			}
		}
		if plain, err := c.OpenXattr(name, value); err == nil && !bytes.Equal(c.SealXattr(name, plain), value) {
			t.Errorf("%x opens as %x, which seals to another", value, plain)
		}
		if plain, err := c.OpenXattr(name, c.SealXattr(name, value)); err != nil || !bytes.Equal(plain, value) {
			t.Errorf("%q: %x opens as %x, %v", name, value, plain, err)
		}
		backing, err := c.EncodeXattrName(name)
		if err != nil {
			return
		}
		if plain, err := c.DecodeXattrName(backing); err != nil || plain != name {
			t.Errorf("%q comes back as %q, %v", name, plain, err)
		}
	})
}

func FuzzMarker(f *testing.F) {
	c := testCloud(f, AES256, MinChunkLog2)
	f.Fuzz(func(t *testing.T, raw []byte) {
		vault, cloud, err := ParseMarkerIDs(raw)
		if err != nil && (!vault.IsZero() || !cloud.IsZero()) {
			t.Errorf("%q: ids %v and %v with %v", raw, vault, cloud, err)
		}
		check := c.CheckMarker(raw)
		if check == nil && (err != nil || vault != c.vaultID || cloud != c.cloudID) {
			t.Errorf("%q passes, with %v, %v, %v", raw, vault, cloud, err)
		}
		if check != nil && !errors.Is(check, ErrDamaged) && !errors.Is(check, ErrNewer) && !errors.Is(check, ErrWrongCloud) {
			t.Errorf("%q: %v", raw, check)
		}
	})
}

// FuzzRemovals reads any bytes as a batch that verified: what it tells is what
// the bytes are that it does not leave unread, and nothing is read beyond them.
func FuzzRemovals(f *testing.F) {
	f.Fuzz(func(t *testing.T, content []byte) {
		removals, err := ParseRemovals(content)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Error(err)
		}
		again := appendAll(t, removals)
		if !bytes.HasPrefix(content, again) || (len(again) == len(content)) != (err == nil) {
			t.Errorf("%x tells %+v, %v, which makes %x", content, removals, err, again)
		}
	})
}

func FuzzConflictName(f *testing.F) {
	f.Fuzz(func(t *testing.T, name string, mtime int64, commit []byte) {
		var id ID
		copy(id[:], commit)
		if n := PlainName(name); n.check() == nil {
			wantConflictName(t, n, mtime, id)
		}
	})
}

// FuzzShortForms reads any text as each of the short ones: what one of them takes
// is what it would write.
func FuzzShortForms(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseGoneEntry(PlainName(text)); err == nil && string(GoneEntry(v)) != text || err != nil && !errors.Is(err, ErrForeign) {
			t.Errorf("%q is batch %v, %v", text, v, err)
		}
		var id ID
		if err := id.UnmarshalText([]byte(text)); err == nil && id.String() != strings.ToLower(text) || err != nil && !id.IsZero() {
			t.Errorf("%q is id %v, %v", text, id, err)
		}
		if s, err := ParseSuite(text); err == nil && s.String() != text || err != nil && s != 0 {
			t.Errorf("%q is suite %v, %v", text, s, err)
		}
		if d, err := ParseDevice([]byte(text)); err == nil && string(d.Content()) != text || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%q is device %v, %v", text, d, err)
		}
	})
}

// FuzzSizes holds sizes against each other, for every chunk size.
func FuzzSizes(f *testing.F) {
	f.Fuzz(func(t *testing.T, size int64) {
		for log2 := uint8(MinChunkLog2); log2 <= MaxChunkLog2; log2++ {
			l := Layout{log2}
			if n, err := l.PlainSize(size); err == nil {
				if again, err := l.CipherSize(n); err != nil || again != size {
					t.Errorf("2^%d: a backing file of %d bytes has %d, whose backing file has %d, %v", log2, size, n, again, err)
				}
			}
			sealed, err := l.CipherSize(size)
			if err != nil {
				continue
			}
			if again, err := l.PlainSize(sealed); err != nil || again != size {
				t.Errorf("2^%d: %d bytes have a backing file of %d, which has %d, %v", log2, size, sealed, again, err)
			}
			last := l.Records(size) - 1
			if last >= 0 && l.RecordOffset(last)+int64(l.RecordSize(last, size)) != sealed {
				t.Errorf("2^%d: the last record of %d bytes does not end with the backing file of %d", log2, size, sealed)
			}
		}
	})
}
