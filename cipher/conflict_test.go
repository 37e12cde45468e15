package cipher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestConflictNames says in plain words what the known answers say in bytes.
func TestConflictNames(t *testing.T) {
	const day = 1704164645 // 2024-01-02 03:04:05 UTC
	id := ID{0xab, 0xcd, 0xef}
	for _, test := range []struct {
		name  string
		mtime int64
		want  string
	}{
		{"report.pdf", day, "report (conflict 2024-01-02 030405 abcd).pdf"},
		{"report", day, "report (conflict 2024-01-02 030405 abcd)"},
		{".bashrc", day, ".bashrc (conflict 2024-01-02 030405 abcd)"},
		{".config.json", day, ".config (conflict 2024-01-02 030405 abcd).json"},
		{"a.b.c", day, "a.b (conflict 2024-01-02 030405 abcd).c"},
		{"photos.tar.gz", day, "photos (conflict 2024-01-02 030405 abcd).tar.gz"},
		{"Mr. Smith", day, "Mr. Smith (conflict 2024-01-02 030405 abcd)"},
		{"ends in a dot.", day, "ends in a dot. (conflict 2024-01-02 030405 abcd)"},
		{"moon", -14182940, "moon (conflict 1969-07-20 201740 abcd)"},
		{"before the calendar", -1 << 63, "before the calendar (conflict 0001-01-01 000000 abcd)"},
		{"after it", 1<<63 - 1, "after it (conflict 9999-12-31 235959 abcd)"},
		{strings.Repeat("ü", 127) + ".c", day, strings.Repeat("ü", 109) + " (conflict 2024-01-02 030405 abcd).c"},
	} {
		got := ConflictName(PlainName(test.name), test.mtime, id)
		if string(got) != test.want {
			t.Errorf("%q becomes %q, want %q", test.name, got, test.want)
		}
		if !IsConflictName(got) || IsConflictName(PlainName(test.name)) {
			t.Errorf("%q is not told from %q", got, test.name)
		}
	}
}

// wantConflictName holds the name of a conflict's loser to what is promised.
func wantConflictName(t interface{ Errorf(string, ...any) }, name PlainName, mtime int64, id ID) {
	got := ConflictName(name, mtime, id)
	if err := got.check(); err != nil || got == name {
		t.Errorf("%q becomes %q: %v", name, got, err)
	}
	if utf8.ValidString(string(name)) && !utf8.ValidString(string(got)) {
		t.Errorf("%q becomes %q, which is no text any more", name, got)
	}
	if other := ConflictName(name, mtime, ID{id[0], ^id[1]}); other == got {
		t.Errorf("%q: two commits become %q", name, got)
	}
	if !IsConflictName(got) {
		t.Errorf("%q is not known for the name of a conflict's loser", got)
	}
	stem, ext := splitExtension(string(name))
	if stem+ext != string(name) || stem == "" || !strings.HasSuffix(string(got), ext) {
		t.Errorf("%q is cut into %q and %q", name, stem, ext)
	}
}

func TestConflictNameLengths(t *testing.T) {
	for _, letter := range []string{"n", "é", "日", "😀", "\x80", "."} {
		for _, ext := range []string{"", ".txt", ".tar.gz", ".123456789012345"} {
			for n := range MaxName - len(ext) {
				wantConflictName(t, PlainName("x"+strings.Repeat(letter, n)[:n]+ext), 0, ID{1})
			}
		}
	}
}

// drawHeaders draws headers of a few commits, each of which has one time.
func drawHeaders(t *rapid.T, vectors *rapid.Generator[Vector]) (headers []*Header) {
	for _, commit := range rapid.SliceOfN(rapid.ByteRange(1, 5), 1, 6).Draw(t, "commits") {
		headers = append(headers, &Header{
			CommitID: ID{commit}, MtimeSec: int64(commit%3) - 1, MtimeNsec: uint32(commit % 2),
			Version: vectors.Draw(t, "version").With(99, 1),
		})
	}
	return headers
}

// describe tells a settlement without places.
func (s Settlement) describe(headers []*Header) string {
	out := fmt.Sprint(headers[s.Winner].CommitID, s.Version)
	for _, l := range s.Losers {
		out += fmt.Sprint("; ", headers[l.Place].CommitID, l.Version)
	}
	return out
}

// TestSettleOrder settles in any order alike, vectors that are full included.
func TestSettleOrder(t *testing.T) {
	vectors := rapid.Custom(func(t *rapid.T) Vector { return drawVector(t, "vector") })
	rapid.Check(t, func(t *rapid.T) {
		headers := drawHeaders(t, vectors)
		shuffled := rapid.Permutation(headers).Draw(t, "shuffled")
		if a, b := Settle(headers).describe(headers), Settle(shuffled).describe(shuffled); a != b {
			t.Fatalf("settled as %s, in another order as %s", a, b)
		}
	})
}

// TestSettleLosesNothing: what neither goes on nor is kept is less than what does.
func TestSettleLosesNothing(t *testing.T) {
	vectors := rapid.Custom(func(t *rapid.T) (v Vector) {
		for range rapid.IntRange(0, 3).Draw(t, "writers") {
			v = v.With(rapid.Uint32Range(1, 3).Draw(t, "writer"), rapid.Uint64Range(1, 3).Draw(t, "counter"))
		}
		return v
	})
	rapid.Check(t, func(t *rapid.T) {
		headers := drawHeaders(t, vectors)
		got := Settle(headers)
		kept := append(slices.Clone(got.Losers), Loser{got.Winner, got.Version})
		for _, h := range headers {
			if !slices.ContainsFunc(kept, func(l Loser) bool {
				return headers[l.Place].CommitID == h.CommitID || Compare(h.Version, l.Version) == Less
			}) {
				t.Fatalf("%v at %v is lost: %s", h.CommitID, h.Version, got.describe(headers))
			}
		}
		// With the losers gone to names of their own, what is left is settled.
		winner := *headers[got.Winner]
		winner.Version = got.Version
		left := []*Header{&winner}
		for _, h := range headers {
			if !slices.ContainsFunc(got.Losers, func(l Loser) bool { return headers[l.Place].CommitID == h.CommitID }) {
				left = append(left, h)
			}
		}
		if again := Settle(left); again.Winner != 0 || len(again.Losers) > 0 || !slices.Equal(again.Version, got.Version) {
			t.Fatalf("settled as %s, and then as %s", got.describe(headers), again.describe(left))
		}
	})
}

// TestSettleDoesNotChange holds that the headers stay as they were.
func TestSettleDoesNotChange(t *testing.T) {
	a := &Header{CommitID: ID{1}, Version: Vector{{1, 1}, {3, 1}}}
	b := &Header{CommitID: ID{1}, Version: Vector{{1, 2}}}
	if got := Settle([]*Header{a, b, a}); !slices.Equal(got.Version, Vector{{1, 2}, {3, 1}}) || got.Winner != 0 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(a.Version, Vector{{1, 1}, {3, 1}}) || !slices.Equal(b.Version, Vector{{1, 2}}) {
		t.Errorf("the headers have become %v and %v", a.Version, b.Version)
	}
}
