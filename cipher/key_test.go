package cipher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestRedacted prints every type that holds a key in every way.
func TestRedacted(t *testing.T) {
	key := Key(bytes.Repeat([]byte{0xab}, 32))
	c := testCloud(t, AES256, MinChunkLog2)
	f := testFile(t, AES256, MinChunkLog2)
	for _, secret := range []any{key, &key, c, *c, f, *f} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b"} {
			if got := fmt.Sprintf(verb, secret); got != redacted {
				t.Errorf("%T under %s prints %q", secret, verb, got)
			}
		}
	}
	text, err := json.Marshal(map[string]any{"key": key, "pointer": &key})
	if want := `{"key":"[redacted]","pointer":"[redacted]"}`; err != nil || string(text) != want {
		t.Errorf("JSON %s, %v", text, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "cloud", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "cloud", *c)
	if s := log.String(); strings.Contains(s, "171") || strings.Contains(strings.ToLower(s), "abab") {
		t.Errorf("a log has %s", s)
	}
	if fmt.Sprint(key.String(), key.GoString()) != redacted+redacted {
		t.Error("a key prints")
	}
}

func TestKey(t *testing.T) {
	a, b := NewKey(), NewKey()
	if a.Equal(b) || !a.Equal(a) || *a == (Key{}) {
		t.Error("two keys are equal, or one is not itself")
	}
	a.Wipe()
	if *a != (Key{}) {
		t.Error("Wipe left a key")
	}
}

func TestWipe(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	f, err := c.NewFile(TypeFile, [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	c.Wipe()
	if !isZero(c.prk) {
		t.Error("Wipe left the cloud's key")
	}
	records, want := sealed(t, f, 100, 0) // a file outlives its cloud
	wantOpen(t, f, want, records, 0)
	f.Wipe()
	got := make([]WriteID, 1)
	defer func() {
		recover() // using a wiped key may panic; what it may not is work
		if got[0] == want.ids[0] {
			t.Error("Wipe left a file's keys")
		}
	}()
	_ = f.PeekIDs(got, records, len(records))
}

func TestIDs(t *testing.T) {
	id := NewID()
	if id.IsZero() || id == NewID() || !(ID{}).IsZero() {
		t.Errorf("drew %v", id)
	}
	var read ID
	if err := read.UnmarshalText([]byte(id.String())); err != nil || read != id {
		t.Errorf("%v is read as %v, %v", id, read, err)
	}
	if want := "000102030405060708090a0b0c0d0e0f"; (ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}).String() != want {
		t.Error("an id is not its hexadecimal digits")
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32)} {
		if got := id; got.UnmarshalText([]byte(bad)) == nil || got != id {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
	var back struct{ ID ID }
	text, err := json.Marshal(struct{ ID ID }{id})
	if err != nil || json.Unmarshal(text, &back) != nil || back.ID != id {
		t.Errorf("%s is %v, want %v", text, back.ID, id)
	}
}

func TestWriteIDs(t *testing.T) {
	for _, counter := range []uint64{0, 1, 1 << 32, MaxCounter - 1} {
		id := NewWriteID(0xfffffffe, counter, [6]byte{1, 2, 3, 4, 5, 6})
		if id.Writer() != 0xfffffffe || id.Counter() != counter || !bytes.Equal(id[10:], []byte{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%v: writer %x, counter %d", id, id.Writer(), id.Counter())
		}
	}
	if got := NewWriteID(1, 2, [6]byte{3}).String(); got != "00000001.000000000002.030000000000" {
		t.Error(got)
	}
	if !(WriteID{}).IsZero() || NewWriteID(0, 1, [6]byte{}).IsZero() {
		t.Error("IsZero")
	}
}

func TestTypes(t *testing.T) {
	for _, s := range []Suite{AES128, AES256} {
		if got, err := ParseSuite(s.String()); err != nil || got != s {
			t.Errorf("ParseSuite(%v) = %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "aes", "AES-256", "suite 2"} {
		if s, err := ParseSuite(bad); err == nil {
			t.Errorf("ParseSuite(%q) = %v", bad, s)
		}
	}
	seen := map[string]bool{}
	for n := range 10 {
		typ, known := Type(n), n == 1 || n >= 3 && n <= 8
		if typ.valid() != known || typ.Special() != (n >= 3 && n <= 7) || strings.HasPrefix(typ.String(), "type ") == known || seen[typ.String()] {
			t.Errorf("type %d is %v", n, typ)
		}
		seen[typ.String()] = true
	}
	if got := fmt.Sprint(Suite(9), Equal, Less, Greater, Concurrent); got != "suite 9 equal less greater concurrent" {
		t.Error(got)
	}
}

func TestDevices(t *testing.T) {
	d := Device{0x01020304, 0x05060708}
	wantBytes(t, "content", d.Content(), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	if got, err := ParseDevice(d.Content()); err != nil || got != d {
		t.Errorf("ParseDevice = %v, %v", got, err)
	}
	for _, n := range []int{0, 7, 9} {
		if _, err := ParseDevice(make([]byte, n)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
