package cipher

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overcast-fs/overcast/cipher/siv"
)

// noSidecar is the sidecar function of a directory that has none.
func noSidecar(EntryName) ([]byte, error) { return nil, errNoSidecar }

var errNoSidecar = errors.New("no such file")

// sidecarOf is that of a directory with the sidecar of one name.
func sidecarOf(n Name) func(EntryName) ([]byte, error) {
	return func(e EntryName) ([]byte, error) {
		if e == n.Sidecar && e != "" {
			return n.SidecarData, nil
		}
		return nil, errNoSidecar
	}
}

func encode(t testing.TB, c *Cloud, name PlainName) Name {
	t.Helper()
	n, err := c.EncodeName(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEncodeNameRefuses(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	for _, bad := range []string{"", ".", "..", "/", "a/b", "a\x00", "\x00", strings.Repeat("n", 256)} {
		if n, err := c.EncodeName(PlainName(bad)); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v, %v", bad, n, err)
		}
	}
}

func TestNameFor(t *testing.T) {
	n := Name{Entry: "entry"}
	for typ, want := range map[Type]EntryName{
		TypeFile: "entry", TypeSymlink: "entryw", TypeFIFO: "entryw", TypeSocket: "entryw",
		TypeChar: "entryw", TypeBlock: "entryw", TypeGone: "entry",
	} {
		if got := n.For(typ); got != want {
			t.Errorf("For(%v) = %s, want %s", typ, got, want)
		}
	}
}

// TestNameLengths puts the limit between entry and sidecar where it belongs.
func TestNameLengths(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	for n := 1; n <= MaxName; n++ {
		name := PlainName(strings.Repeat("ñ", n)[:n])
		got := encode(t, c, name)
		long := n > maxShortName
		want := (n+15)/16*16 + 16
		switch {
		case long && (len(got.Entry) != 41 || got.Entry[0] != 'x' || got.Sidecar != "y"+got.Entry[1:] || len(got.SidecarData) != want):
			t.Errorf("%d bytes: entry %s, sidecar %s of %d bytes", n, got.Entry, got.Sidecar, len(got.SidecarData))
		case !long && (len(got.Entry) != (want*8+4)/5 || got.Sidecar != "" || got.SidecarData != nil):
			t.Errorf("%d bytes: entry of %d characters, sidecar %q", n, len(got.Entry), got.Sidecar)
		}
		if len(got.SidecarData) > MaxSidecar {
			t.Errorf("%d bytes: sidecar of %d", n, len(got.SidecarData))
		}
		if d, err := c.DecodeEntry(got.Entry, sidecarOf(got)); err != nil || d != (Decoded{Name: name}) {
			t.Errorf("%d bytes: %+v, %v", n, d, err)
		}
		if d, err := c.DecodeEntry(got.For(TypeSymlink), sidecarOf(got)); err != nil || d != (Decoded{Name: name, Special: true}) {
			t.Errorf("%d bytes, symlink: %+v, %v", n, d, err)
		}
	}
}

// TestDecodeCopies decodes what sync tools make of entries.
func TestDecodeCopies(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	suffixes := []string{
		" (1)", "(1)", " - Copy", "-HOST", "-HOST-2", ".sync-conflict-20260102-030405-ABCDEFG", " (X's conflicted copy 2026-01-02)",
		"_conf(1)", "~", ".", " ", "\xff", "é", ".~1~", "#1",
	}
	for _, name := range []PlainName{"report.pdf", PlainName(strings.Repeat("long ", 40))} {
		n := encode(t, c, name)
		for _, special := range []bool{false, true} {
			entry := string(n.Entry)
			if special {
				entry += "w"
			}
			check := func(e, suffix string) {
				t.Helper()
				want := Decoded{Name: name, Special: special, Copy: true, Suffix: suffix}
				if d, err := c.DecodeEntry(EntryName(e), sidecarOf(n)); err != nil || d != want {
					t.Errorf("%q: %+v, %v, want %+v", e, d, err, want)
				}
			}
			for _, suffix := range suffixes {
				check(entry+suffix, suffix)
				check(strings.ToUpper(entry)+suffix, suffix)
			}
			check(strings.ToUpper(entry), "")
			check(strings.ToUpper(entry[:20])+entry[20:], "")
			if special {
				check(entry[:len(entry)-1]+"W", "")
				check(entry+"working", "working")
			}
		}
	}
	// After x and forty characters everything is the provider's text.
	n := encode(t, c, PlainName(strings.Repeat("long ", 40)))
	if d, err := c.DecodeEntry(n.Entry+"1", sidecarOf(n)); err != nil || !d.Copy || d.Suffix != "1" {
		t.Errorf("a long entry with a digit behind: %+v, %v", d, err)
	}
	// A long spelling of a short name is not its own entry.
	ct := c.names.Seal(nil, []byte("short\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), nameContext)
	long := Name{Entry: EntryName("x" + sidecarHash(ct)), Sidecar: EntryName("y" + sidecarHash(ct)), SidecarData: ct}
	if d, err := c.DecodeEntry(long.Entry, sidecarOf(long)); err != nil || d != (Decoded{Name: "short", Copy: true}) {
		t.Errorf("a short name with a sidecar: %+v, %v", d, err)
	}
}

func TestDecodeOthers(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	short, long := encode(t, c, "report.pdf"), encode(t, c, PlainName(strings.Repeat("long ", 40)))
	key := Key{1}
	other, err := NewCloud(CloudParams{Key: &key, Suite: AES256, ChunkLog2: MinChunkLog2})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		entry EntryName
		want  error
	}{
		{MarkerName, ErrMetadata},
		{"z", ErrMetadata},
		{"zebra.txt", ErrMetadata},
		{NewTempName(), ErrMetadata},
		{long.Sidecar, ErrMetadata},
		{long.Sidecar + " (1)", ErrMetadata},
		{short.Entry + "z", ErrMetadata},
		{long.Entry + "z", ErrMetadata},
		{short.Entry + "z (1)", ErrMetadata},
		{GoneName, ErrMetadata},
		{RecoveryName, ErrMetadata},
		{short.Entry + "x", ErrMetadata},
		{short.Entry + "Y", ErrMetadata},
		{"", ErrForeign},
		{".", ErrForeign},
		{".DS_Store", ErrForeign},
		{"desktop.ini", ErrForeign},
		{"README.md", ErrForeign},
		{"x", ErrForeign},
		{"yes", ErrForeign},
		{"y", ErrForeign},
		{".~lock.tmpx", ErrForeign},
		{"tmp.tmp", ErrForeign},
		{"x-ray and forty other characters or some more", ErrForeign},
		{"copy of " + short.Entry, ErrForeign},
		{short.Entry + "0", ErrForeign},
		{short.Entry[1:], ErrForeign},
		{short.Entry[:len(short.Entry)-1], ErrForeign},
		{short.Entry + short.Entry, ErrForeign},
		{EntryName(strings.Repeat("0", 205)), ErrForeign},
		{EntryName(strings.Repeat("0", 10000)), ErrForeign},
		{encode(t, other, "report.pdf").Entry, ErrForeign},
		{"x" + long.Entry[2:] + "0", ErrSidecar},
	} {
		if d, err := c.DecodeEntry(test.entry, sidecarOf(long)); !errors.Is(err, test.want) || d != (Decoded{}) {
			t.Errorf("%q: %+v, %v, want %v", test.entry, d, err, test.want)
		}
	}
}

func TestDecodeSidecars(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	n := encode(t, c, PlainName(strings.Repeat("long ", 40)))
	if _, err := c.DecodeEntry(n.Entry, noSidecar); !errors.Is(err, ErrSidecar) || !errors.Is(err, errNoSidecar) {
		t.Errorf("without its sidecar: %v", err)
	}
	for what, content := range map[string][]byte{
		"empty": {}, "cut": n.SidecarData[:len(n.SidecarData)-1], "longer": append(n.SidecarData, 0),
		"another": encode(t, c, PlainName(strings.Repeat("other ", 40))).SidecarData,
	} {
		_, err := c.DecodeEntry(n.Entry, func(EntryName) ([]byte, error) { return content, nil })
		if !errors.Is(err, ErrSidecar) {
			t.Errorf("with a sidecar that is %s: %v", what, err)
		}
	}
	// A provider can address any content; what authenticates it is the key.
	for _, content := range [][]byte{make([]byte, 272), make([]byte, 15), make([]byte, MaxSidecar+1)} {
		entry := EntryName("x" + sidecarHash(content))
		_, err := c.DecodeEntry(entry, func(EntryName) ([]byte, error) { return content, nil })
		if want := map[bool]error{false: ErrForeign, true: ErrSidecar}[len(content) > MaxSidecar]; !errors.Is(err, want) {
			t.Errorf("a made-up sidecar of %d bytes: %v, want %v", len(content), err, want)
		}
	}
}

// TestDecodeForged decodes names that authenticate and break a rule.
func TestDecodeForged(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	zeros := strings.Repeat("\x00", 48)
	for _, padded := range []string{
		"", "a", "0123456789abcde", "0123456789abcdef" + zeros[:1], // not whole blocks
		zeros[:16], "." + zeros[:15], ".." + zeros[:14], "a/b" + zeros[:13], "a\x00b" + zeros[:13], "\x00a" + zeros[:14],
		"0123456789abcdef" + zeros[:16], "a" + zeros[:31], // more padding than it takes
		strings.Repeat("n", 256),
	} {
		n := encodeSealed(c.names.Seal(nil, []byte(padded), nameContext))
		if d, err := c.DecodeEntry(n.Entry, sidecarOf(n)); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: %+v, %v", padded, d, err)
		}
	}
	n := encodeSealed(c.names.Seal(nil, []byte("0123456789abcdef"), []byte("other")))
	if d, err := c.DecodeEntry(n.Entry, noSidecar); !errors.Is(err, siv.ErrOpen) {
		t.Errorf("other associated data: %+v, %v", d, err)
	}
}

func TestNameProperties(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	names := rapid.Custom(func(t *rapid.T) PlainName {
		b := rapid.SliceOfN(rapid.Byte(), 1, MaxName).Draw(t, "name")
		return PlainName(bytes.ReplaceAll(bytes.ReplaceAll(b, []byte{0}, []byte{1}), []byte{'/'}, []byte{'_'}))
	}).Filter(func(n PlainName) bool { return n.check() == nil })
	rapid.Check(t, func(t *rapid.T) {
		name := names.Draw(t, "name")
		n, err := c.EncodeName(name)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := c.EncodeName(name); again.Entry != n.Entry {
			t.Fatal("a name has two entries")
		}
		if len(n.For(TypeSymlink)) > 206 || countDigits(string(n.Entry[1:])) != len(n.Entry)-1 {
			t.Fatalf("entry %s", n.Entry)
		}
		if d, err := c.DecodeEntry(n.Entry, sidecarOf(n)); err != nil || d.Name != name || d.Copy {
			t.Fatalf("%+v, %v", d, err)
		}
	})
}

// TestCheckSidecar takes for a sidecar only what the cloud could need as one.
func TestCheckSidecar(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	n, other := encode(t, c, PlainName(strings.Repeat("long ", 40))), encode(t, c, PlainName(strings.Repeat("other ", 40)))
	if err := c.CheckSidecar(n.Sidecar, n.SidecarData); err != nil || !n.Sidecar.IsSidecar() {
		t.Errorf("%s: %v", n.Sidecar, err)
	}
	made := bytes.Repeat([]byte{1}, 144)
	short := c.names.Seal(nil, []byte("sixteen-bytes-!!"), nameContext)
	for what, test := range map[string]struct {
		entry   EntryName
		content []byte
		named   bool
	}{
		"another's":       {n.Sidecar, other.SidecarData, true},
		"empty":           {n.Sidecar, nil, true},
		"longer":          {n.Sidecar, append(n.SidecarData, 0), true},
		"made up":         {EntryName(sidecarPrefix + sidecarHash(made)), made, true},
		"too long":        {EntryName(sidecarPrefix + sidecarHash(make([]byte, MaxSidecar+1))), make([]byte, MaxSidecar+1), true},
		"of a short name": {EntryName(sidecarPrefix + sidecarHash(short)), short, true},
		"nothing at all":  {"", nil, false},
		"an entry":        {n.Entry, n.SidecarData, false},
		"a copy":          {n.Sidecar + " (1)", n.SidecarData, false},
		"in capitals":     {EntryName(strings.ToUpper(string(n.Sidecar))), n.SidecarData, false},
		"capitals":        {"y" + EntryName(strings.ToUpper(string(n.Sidecar[1:]))), n.SidecarData, false},
		"foreign":         {"yet another file of forty-one characters.", n.SidecarData, false},
	} {
		if err := c.CheckSidecar(test.entry, test.content); !errors.Is(err, ErrForeign) || test.entry.IsSidecar() != test.named {
			t.Errorf("%s: %v, named like one: %v", what, err, test.entry.IsSidecar())
		}
	}
}

func TestTempNameOf(t *testing.T) {
	for n, want := range map[uint64]EntryName{0: ".~0000000000000000.tmp", 0xfedcba9876543210: ".~fedcba9876543210.tmp"} {
		if got := TempNameOf(n); got != want || !got.IsTemp() || !got.MayBeOwnTemp() {
			t.Errorf("%#x is named %s, want %s", n, got, want)
		}
	}
}

func TestIsSpecial(t *testing.T) {
	for _, name := range []PlainName{"link", PlainName(strings.Repeat("long", 50))} {
		n, err := testCloud(t, AES256, MinChunkLog2).EncodeName(name)
		if err != nil {
			t.Fatal(err)
		}
		if n.Entry.IsSpecial() || n.For(TypeFile).IsSpecial() || !n.For(TypeSymlink).IsSpecial() || !n.For(TypeBlock).IsSpecial() {
			t.Errorf("%s: %s is told apart wrongly", name, n.Entry)
		}
	}
}

func TestTempNames(t *testing.T) {
	a, b := NewTempName(), NewTempName()
	if a == b || !a.IsTemp() || !strings.HasPrefix(string(a), ".~") || !strings.HasSuffix(string(a), ".tmp") {
		t.Errorf("temporary names %s and %s", a, b)
	}
	for _, not := range []EntryName{"", ".~", ".tmp", ".~.tm", "a.tmp", ".~a"} {
		if not.IsTemp() {
			t.Errorf("%q counts as temporary", not)
		}
	}
	if own := EntryName(".~0123456789abcdef.tmp"); !a.MayBeOwnTemp() || !own.MayBeOwnTemp() {
		t.Errorf("%s and %s count as foreign", a, own)
	}
	for _, foreign := range []EntryName{
		"", a[1:], a + "x", ".~lock.report.odt#", ".~lock.tmp", ".~.tmp", ".~0123456789abcde.tmp", ".~0123456789abcdefg.tmp",
		".~0123456789abcdeF.tmp", ".~0123456789abcde-.tmp",
	} {
		if foreign.MayBeOwnTemp() {
			t.Errorf("%q counts as our own", foreign)
		}
	}
}

func TestBackingModes(t *testing.T) {
	for _, test := range []struct {
		mode, still, moved uint32
	}{
		{0o644, 0o644, 0o1644},
		{0o777, 0o777, 0o1777},
		{0o400, 0o400, 0o1400},
		{0, 0o1400, 0o1400},
		{0o200, 0o1600, 0o1600},
		{0o4755, 0o1755, 0o1755},
		{0o2755, 0o1755, 0o1755},
		{0o1644, 0o1644, 0o1644},
		{0o7000, 0o1400, 0o1400},
	} {
		still, moved := BackingMode(test.mode, false), BackingMode(test.mode, true)
		if still != test.still || moved != test.moved {
			t.Errorf("%#o is kept as %#o, and moved as %#o; want %#o and %#o", test.mode, still, moved, test.still, test.moved)
		}
		if !HeaderDecides(moved) || !HeaderDecides(still) && still != test.mode {
			t.Errorf("%#o is kept as %#o, and nothing says so", test.mode, still)
		}
	}
}

// TestIsCopyOfLong: what is put behind a long name's entry tells a copy; the letter of special files does not.
func TestIsCopyOfLong(t *testing.T) {
	long := "x" + strings.Repeat("0a", 20)
	for entry, want := range map[string]bool{
		long: false, long + "w": false, long + " (1)": true, long + "w (1)": true, long + "y": false, long + "w.conflict": true,
		long[:20]: false, long[:20] + " (1)": false, "y" + long[1:] + " (1)": false, strings.ToUpper(long) + "~": true, "": false,
	} {
		if got := EntryName(entry).IsCopyOfLong(); got != want {
			t.Errorf("%q: %v", entry, got)
		}
	}
}
