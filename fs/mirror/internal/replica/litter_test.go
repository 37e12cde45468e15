package replica_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// TestSidecar: it is written where it is missing, torn or another's, left alone
// where it is right, and a short name has none.
func TestSidecar(t *testing.T) {
	c := newCloud(t, 0)
	n := long(t, c)
	for _, before := range [][]byte{nil, {}, n.SidecarData[:10], make([]byte, len(n.SidecarData)), append(bytes.Clone(n.SidecarData), 1, 2, 3), n.SidecarData} {
		c.Dir.Remove(string(n.Sidecar))
		if before != nil {
			put(t, c.Dir, string(n.Sidecar), before)
		}
		must(t, c.PutSidecar("", n))
		if got := get(t, c.Dir, string(n.Sidecar)); !bytes.Equal(got, n.SidecarData) {
			t.Errorf("over %d bytes: %d bytes, want %d", len(before), len(got), len(n.SidecarData))
		}
	}
	before, err := c.Dir.Stat(string(n.Sidecar))
	must(t, err)
	must(t, c.PutSidecar("", n))
	if after, err := c.Dir.Stat(string(n.Sidecar)); err != nil || !after.Ctime.Equal(before.Ctime) {
		t.Errorf("a sidecar that was right was touched (%v)", err)
	}
	plain, err := c.Keys.EncodeName("short")
	must(t, err)
	must(t, c.PutSidecar("", plain))
	if entries, err := c.Dir.ReadDir(""); err != nil || len(entries) != 1 {
		t.Errorf("a short name left %v (%v)", entries, err)
	}
}

// TestReadSidecarIsBounded: whatever lies in a sidecar's place, no more is read
// than a sidecar can be.
func TestReadSidecarIsBounded(t *testing.T) {
	c := newCloud(t, 0)
	n := long(t, c)
	put(t, c.Dir, "right", n.SidecarData)
	if data, err := c.ReadSidecar("right"); err != nil || !bytes.Equal(data, n.SidecarData) {
		t.Errorf("it reads %d bytes (%v)", len(data), err)
	}
	f, err := c.Dir.Create("huge", 0o600)
	must(t, err)
	must(t, f.Truncate(6<<30))
	must(t, f.Close())
	watched := &reads{Dir: c.Dir}
	bounded := *c
	bounded.Dir = watched
	if _, err := bounded.ReadSidecar("huge"); !errors.Is(err, cipher.ErrSidecar) {
		t.Errorf("a huge one gives %v", err)
	}
	if watched.bytes > 4096 {
		t.Errorf("%d bytes of it were read", watched.bytes)
	}
	must(t, c.Dir.(interface{ Plant(string) error }).Plant("fifo"))
	if _, err := c.ReadSidecar("fifo"); !errors.Is(err, cloud.ErrNotRegular) {
		t.Errorf("a FIFO gives %v", err)
	}
	if _, err := c.ReadSidecar("nothing"); !replica.Missing(err) {
		t.Errorf("nothing gives %v", err)
	}
}

// reads counts the bytes that are asked for.
type reads struct {
	cloud.Dir
	bytes int
}

func (r *reads) Open(path string, write bool) (cloud.File, error) {
	f, err := r.Dir.Open(path, write)
	return counted{f, r}, err
}

type counted struct {
	cloud.File
	r *reads
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	c.r.bytes += len(p)
	return c.File.ReadAt(p, off)
}

// TestLitter: only what carries this program's shape and verifies, or is blank,
// goes with its directory.
func TestLitter(t *testing.T) {
	c, other := newCloud(t, 0), newCloud(t, 1)
	n := long(t, c)
	write(t, c, "ours").Close()
	write(t, other, "theirs").Close()
	ours, theirs := get(t, c.Dir, "ours"), get(t, other.Dir, "theirs")
	elsewhere, err := c.Keys.EncodeName(cipher.PlainName(strings.Repeat("other", 40)))
	must(t, err)
	for _, test := range []struct {
		name, entry string
		data        []byte
		want        bool
	}{
		{"a temporary file of ours", ".~0123456789abcdef.tmp", ours, true},
		{"one that was just made", ".~0123456789abcdef.tmp", []byte{}, true},
		{"one without a header yet", ".~0123456789abcdef.tmp", make([]byte, 600), true},
		{"a foreign lock file", ".~lock.tmp", bytes.Repeat([]byte("user@host "), 60), false},
		{"another vault's", ".~0123456789abcdef.tmp", theirs, false},
		{"a sidecar", string(n.Sidecar), n.SidecarData, true},
		{"a sidecar that was just made", string(n.Sidecar), []byte{}, true},
		{"a sidecar of zeros", string(n.Sidecar), make([]byte, len(n.SidecarData)), true},
		{"a sidecar of another name", string(n.Sidecar), elsewhere.SidecarData, false},
		{"a foreign file of a sidecar's length that begins with y", "y" + strings.Repeat("a", 40), []byte("yesterday's notes"), false},
		{"a foreign file that begins with y", "yesterday", []byte("notes"), false},
		{"a foreign file", "notes.txt", []byte("notes"), false},
		{"a file of ours under its name", "0123", ours, false},
		{"the marker", cipher.MarkerName, c.Keys.Marker(), false},
	} {
		c.Dir.Remove(test.entry)
		put(t, c.Dir, test.entry, test.data)
		if got := c.Litter("", cloud.Entry{Name: test.entry, Regular: true}); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		c.Dir.Remove(test.entry)
	}
	for _, e := range []cloud.Entry{{Name: ".~0123456789abcdef.tmp", Dir: true}, {Name: string(n.Sidecar)}, {Name: ".~0123.tmp"}} {
		if c.Litter("", e) {
			t.Errorf("%+v is litter", e)
		}
	}
}

// TestLitterIsBounded: a huge file in a sidecar's place is not read to be told
// from one.
func TestLitterIsBounded(t *testing.T) {
	c := newCloud(t, 0)
	n := long(t, c)
	f, err := c.Dir.Create(string(n.Sidecar), 0o600)
	must(t, err)
	must(t, f.Truncate(6<<30))
	must(t, f.Close())
	watched := &reads{Dir: c.Dir}
	c.Dir = watched
	if c.Litter("", cloud.Entry{Name: string(n.Sidecar), Regular: true}) || watched.bytes > 4096 {
		t.Errorf("%d bytes were read", watched.bytes)
	}
}

func TestEntry(t *testing.T) {
	c := newCloud(t, 0)
	n := long(t, c)
	if plain, special := replica.Entry(n, false), replica.Entry(n, true); special != plain+"w" {
		t.Errorf("the entries are %q and %q", plain, special)
	}
	if replica.Join("", "a") != "a" || replica.Join("a/b", "c") != "a/b/c" {
		t.Error("paths are joined wrongly")
	}
}
