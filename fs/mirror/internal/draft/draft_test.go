package draft_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/vault"
)

const chunk = 4096

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quiet is the state, the log and the owner of one file.
type quiet struct {
	entries []*journal.Entry
	syncs   int
}

func (*quiet) Owes() map[cipher.ID]vault.Owes       { return nil }
func (*quiet) MarkOwes(cipher.ID, vault.Owes) error { return nil }
func (*quiet) ClearOwes(cipher.ID) error            { return nil }
func (*quiet) Ino() uint64                          { return 1 }
func (*quiet) CheckLater(*copies.Check)             {}
func (q *quiet) Sync() error                        { q.syncs++; return nil }
func (q *quiet) Append(e *journal.Entry, _ ...[]byte) error {
	q.entries = append(q.entries, e)
	return nil
}

// newDraft is a new file in some clouds.
func newDraft(t *testing.T, n int) (*draft.Draft, *quiet) {
	t.Helper()
	q := &quiet{}
	var list []clouds.Config
	for k := range n {
		keys, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{byte(k)}, Suite: cipher.AES256, ChunkLog2: 12})
		must(t, err)
		list = append(list, clouds.Config{Name: fmt.Sprint(k), ID: cipher.ID{byte(k)}, Dir: cloudtest.NewMem(), Cipher: keys})
	}
	logger := slog.New(slog.DiscardHandler)
	all, err := clouds.New(list, clouds.Options{State: q, Logger: logger})
	must(t, err)
	counter := uint64(0)
	reserve := func(n int, above uint64) (uint64, error) {
		next := max(counter, above) + 1
		counter = next + uint64(n) - 1
		return next, nil
	}
	env := &draft.Env{
		Env: &copies.Env{Clouds: all, Layout: cipher.Layout{ChunkLog2: 12}, Logger: logger}, Clock: time.Now, Reserve: reserve,
		Writer: func() uint32 { return 7 },
	}
	d := &draft.Draft{Env: env, Log: q, Layers: layer.NewStack(), Accs: make([]cipher.Acc, n)}
	d.Copies.Env, d.Copies.Owner = env.Env, q
	for k, cl := range all.All() {
		c := copies.New(cl, [16]byte{byte(k)})
		must(t, c.Make("file", 0o600, cipher.ID{9}))
		d.Copies.List = append(d.Copies.List, c)
	}
	return d, q
}

// TestDraft changes a file at random, and holds what is read of it against plain bytes, its acc against all of its records, and
// the memory that is charged against the layers.
func TestDraft(t *testing.T) {
	for seed := range uint64(60) {
		rng := mrand.New(mrand.NewPCG(seed, 1))
		d, _ := newDraft(t, 1+int(seed%2))
		var want []byte
		for range 25 {
			want = change(t, rng, d, want, 6*chunk)
			compare(t, seed, d, want)
		}
	}
}

// TestNameless goes on with a file whose last name is removed: nothing of what is written waits in memory for long,
// and it reads as it should. Before anything changes in place the log is durable, and the headers stay as they are.
func TestNameless(t *testing.T) {
	for seed := range uint64(12) {
		rng := mrand.New(mrand.NewPCG(seed, 2))
		d, q := newDraft(t, 2)
		var want []byte
		for range 4 {
			want = change(t, rng, d, want, 3<<20)
		}
		d.Nameless, d.Sealed.Head.Type = true, cipher.TypeFile
		must(t, draft.Spill(d))
		for range 10 {
			want = change(t, rng, d, want, 3<<20)
			must(t, draft.Spill(d))
			if spilled := d.Copies.Stored.Committed(); spilled && q.syncs != 1 {
				t.Fatalf("seed %d: the log was synced %d times", seed, q.syncs)
			}
			if d.Reserved >= 1<<20 {
				t.Fatalf("seed %d: %d bytes are in memory", seed, d.Reserved)
			}
			compare(t, seed, d, want)
		}
		for _, c := range d.Copies.List {
			if d.Layers.Draft.Empty() && len(d.Layers.Direct) == 0 && d.Covered > 0 && c.Head.Acc != d.Accs[c.On.Index] {
				t.Errorf("seed %d: the header of cloud %s has another acc", seed, c.On.Name)
			}
			if h, err := c.On.Header("file"); err == nil && len(h.Version) > 0 {
				t.Errorf("seed %d: cloud %s has a header of %v", seed, c.On.Name, h.Version)
			}
		}
	}
}

// change is one change at random of a file of up to so many bytes and a half more; what it should hold comes back.
func change(t *testing.T, rng *mrand.Rand, d *draft.Draft, want []byte, span int64) []byte {
	t.Helper()
	off, n := rng.Int64N(span), 1+rng.Int64N(span/3)
	switch rng.IntN(5) {
	case 0:
		must(t, d.Resize(off))
		return resized(want, off)
	case 1:
		_, err := d.Allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, off+n)
		must(t, err)
		if off < int64(len(want)) {
			clear(want[off:min(off+n, int64(len(want)))])
		}
	default:
		p := bytes.Repeat([]byte{byte(1 + rng.IntN(255))}, int(n))
		must(t, d.Write(p, off))
		want = resized(want, max(int64(len(want)), off+n))
		copy(want[off:], p)
	}
	return want
}

func resized(p []byte, n int64) []byte {
	if n <= int64(len(p)) {
		return p[:n]
	}
	return append(p, make([]byte, n-int64(len(p)))...)
}

func compare(t *testing.T, seed uint64, d *draft.Draft, want []byte) {
	t.Helper()
	got := make([]byte, len(want)+1)
	n, err := d.ReadAt(got, 0)
	if !errors.Is(err, io.EOF) || !bytes.Equal(got[:n], want) {
		t.Fatalf("seed %d: %d bytes, %v, not the %d that were written", seed, n, err, len(want))
	}
	if d.Reserved != d.Layers.Memory() || d.Env.Memory.Load() != d.Reserved {
		t.Fatalf("seed %d: charged are %d bytes, the layers have %d", seed, d.Reserved, d.Layers.Memory())
	}
	accs := make([]cipher.Acc, len(d.Accs))
	for i := range d.Env.Layout.Records(d.Length) {
		c, where := d.Find(i)
		if where == layer.InLayer && c == d.Layers.Kept.Chunks[i] && c.Data != nil {
			d.Copies.Terms(accs, i, []cipher.WriteID{c.ID}, nil)
		}
		if where != layer.OnClouds {
			continue
		}
		r := replica.NewRun(i, 1, make([]byte, d.ChunkLen(i)))
		must(t, d.Fetch(r))
		d.Copies.Terms(accs, i, r.IDs, r.States)
	}
	for k := range accs {
		if accs[k] != d.Accs[k] {
			t.Fatalf("seed %d: the acc of cloud %d is not that of its records", seed, k)
		}
	}
}

// TestDirect writes where nothing is and then over it: the first goes to the clouds, the second into the draft, and the log
// knows of each before.
func TestDirect(t *testing.T) {
	d, q := newDraft(t, 2)
	must(t, d.Write(make([]byte, 2*chunk), 0))
	if got := d.Layers.Direct; len(got) != 1 || got[0] != (journal.Span{Lo: 0, Hi: 2}) || !d.Layers.Draft.Empty() {
		t.Errorf("direct are %v", got)
	}
	must(t, d.Write([]byte("x"), chunk))
	if got := d.Layers.Direct; len(got) != 1 || got[0] != (journal.Span{Lo: 0, Hi: 1}) || len(d.Layers.Draft.Chunks) != 1 {
		t.Errorf("direct are %v, with %d chunks in the draft", got, len(d.Layers.Draft.Chunks))
	}
	if len(q.entries) != 2 || q.entries[0].Op != journal.OpDirect || q.entries[1].Op != journal.OpWrite {
		t.Errorf("the log has %d entries", len(q.entries))
	}
}
