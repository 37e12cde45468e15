package cipher

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func testRemovals() []Removal {
	return []Removal{
		{FileEnded, ID{1}, Vector{{7, 60}}, 1700000000, ""},
		{FileMoved, ID{2}, full(), -1, ""},
		{DirEnded, ID{}, Vector{{7, 61}}, 0, "photos/2019"},
		{DirMade, ID{}, Vector{{7, 61}, {8, MaxCounter - 1}}, 1, strings.Repeat("d", MaxName)},
	}
}

func appendAll(t testing.TB, removals []Removal) (content []byte) {
	t.Helper()
	for i := range removals {
		var err error
		if content, err = AppendRemoval(content, &removals[i]); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

func TestRemovals(t *testing.T) {
	want := testRemovals()
	content := appendAll(t, want)
	got, err := ParseRemovals(content)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := fmt.Sprintf("%v, %v, %v, %v, %v", FileEnded, FileMoved, DirEnded, DirMade, RemovalKind(9)); got !=
		"ended, moved, directory ended, directory made again, kind 9" {
		t.Error(got)
	}
	// What has been read does not change with the memory it was read from.
	clear(content)
	if !reflect.DeepEqual(got, want) {
		t.Error("the removals lie in the content")
	}
}

func TestAppendRemovalRefuses(t *testing.T) {
	file, dir := testRemovals()[0], testRemovals()[2]
	for what, change := range map[string]func(file, dir *Removal){
		"kind 0":          func(file, _ *Removal) { file.Kind = 0 },
		"kind 5":          func(file, _ *Removal) { file.Kind = 5 },
		"no version":      func(file, _ *Removal) { file.Version = nil },
		"28 writers":      func(file, _ *Removal) { file.Version = append(full(), Version{1000, 1}) },
		"writers":         func(file, _ *Removal) { file.Version = Vector{{2, 1}, {1, 1}} },
		"counter 0":       func(file, _ *Removal) { file.Version = Vector{{1, 0}} },
		"no file":         func(file, _ *Removal) { file.File = ID{} },
		"file, with path": func(file, _ *Removal) { file.Path = "a" },
		"dir, with file":  func(_, dir *Removal) { dir.File = ID{1} },
		"root":            func(_, dir *Removal) { dir.Path = "" },
		"absolute":        func(_, dir *Removal) { dir.Path = "/a" },
		"slash behind":    func(_, dir *Removal) { dir.Path = "a/" },
		"two slashes":     func(_, dir *Removal) { dir.Path = "a//b" },
		"dot dot":         func(_, dir *Removal) { dir.Path = "a/../b" },
		"NUL":             func(_, dir *Removal) { dir.Path = "a\x00" },
		"long name":       func(_, dir *Removal) { dir.Path = strings.Repeat("d", MaxName+1) },
		"long path":       func(_, dir *Removal) { dir.Path = strings.Repeat("d/", 1<<15) },
	} {
		f, d := file, dir
		change(&f, &d)
		bad := &f
		if reflect.DeepEqual(f, file) {
			bad = &d
		}
		if got, err := AppendRemoval([]byte("before"), bad); !errors.Is(err, ErrInvalid) || string(got) != "before" {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

// TestRemovalsLimits fills an entry, and a batch, to the last byte.
func TestRemovalsLimits(t *testing.T) {
	longest := Removal{Kind: DirEnded, Version: full(), Path: strings.Repeat(strings.Repeat("d", 255)+"/", 255) + strings.Repeat("e", 255)}
	if len(longest.Path) != maxPath {
		t.Fatalf("the longest path has %d bytes", len(longest.Path))
	}
	if got, err := ParseRemovals(appendAll(t, []Removal{longest})); err != nil || !reflect.DeepEqual(got, []Removal{longest}) {
		t.Errorf("the longest entry: %v", err)
	}

	small := testRemovals()[0]
	one := appendAll(t, []Removal{small})
	content := bytes.Repeat(one, MaxGone/len(one))
	if got, err := ParseRemovals(content); err != nil || len(got) != MaxGone/len(one) {
		t.Errorf("a full batch: %d removals, %v", len(got), err)
	}
	if more, err := AppendRemoval(content, &small); !errors.Is(err, ErrSize) || len(more) != len(content) {
		t.Errorf("one more: %v", err)
	}
	if got, err := ParseRemovals(make([]byte, MaxGone+1)); !errors.Is(err, ErrSize) || got != nil {
		t.Errorf("a batch that is too long: %d removals, %v", len(got), err)
	}
}

func TestParseGoneEntryRefuses(t *testing.T) {
	for _, bad := range []PlainName{
		"", "-", "0a0b0c0d", "0a0b0c0d-", "0a0b0c0d-010203040506 ", "0A0B0C0D-010203040506", "0a0b0c0d-01020304050g",
		"a0b0c0d-010203040506", "0a0b0c0d-10203040506", "00a0b0c0d-010203040506", "0a0b0c0d-0010203040506", "0a0b0c0d_010203040506",
		"+a0b0c0d-010203040506", "0a0b0c0d-+10203040506", "0x0b0c0d-010203040506", "0a0b0c0d-000000000000", "0a0b0c0d-0102-3040506",
	} {
		if v, err := ParseGoneEntry(bad); !errors.Is(err, ErrForeign) || v != (Version{}) {
			t.Errorf("%q: %v, %v", bad, v, err)
		}
	}
}

func TestCheckGone(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	v := Version{0x0a0b0c0d, 5}
	good := Header{Type: TypeGone, FileID: GoneID(c.vaultID, v), Version: Vector{v}, Length: MaxGone}
	if err := c.CheckGone(GoneEntry(v), &good); err != nil {
		t.Error(err)
	}
	for what, test := range map[string]struct {
		change func(h *Header)
		want   error
	}{
		"another type":      {func(h *Header) { h.Type = TypeFile }, ErrForeign},
		"another id":        {func(h *Header) { h.FileID[0]++ }, ErrForeign},
		"another vault's":   {func(h *Header) { h.FileID = GoneID(ID{1}, v) }, ErrForeign},
		"another's":         {func(h *Header) { h.FileID = GoneID(c.vaultID, Version{v.Writer, 6}) }, ErrForeign},
		"dirty":             {func(h *Header) { h.Flags = Dirty }, ErrDamaged},
		"no version":        {func(h *Header) { h.Version = nil }, ErrDamaged},
		"another version":   {func(h *Header) { h.Version = Vector{{v.Writer, 6}} }, ErrDamaged},
		"another's version": {func(h *Header) { h.Version = Vector{v, {0xffffffff, 1}} }, ErrDamaged},
		"too long":          {func(h *Header) { h.Length = MaxGone + 1 }, ErrDamaged},
	} {
		h := good
		test.change(&h)
		if err := c.CheckGone(GoneEntry(v), &h); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	if err := c.CheckGone("report.pdf", &good); !errors.Is(err, ErrForeign) {
		t.Errorf("under a file's name: %v", err)
	}
}
