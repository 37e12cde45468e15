package heal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
)

const chunk = 4096

// A box is a vault in memory: some clouds on one crash disk.
type box struct {
	t     testing.TB
	n     int
	disk  *cloudtest.Disk
	state *state
	know  compare.Memory
	only  int
	lacks map[int][]cloudtest.Feature

	behind []bool
}

// state is a vault's state in memory.
type state struct {
	mirror.State
	writer  uint32
	mu      sync.Mutex
	counter uint64
}

func (s *state) Writer() uint32                 { return s.writer }
func (s *state) Observed(cipher.Vector) error   { return nil }
func (s *state) Owes() map[cipher.ID]vault.Owes { return nil }
func (s *state) SameBoot() bool                 { return true }
func (s *state) Cut() bool                      { return false }
func (s *state) MarkBoot() error                { return nil }
func (s *state) MarkClean() error               { return nil }

func (s *state) Reserve(n int, above uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := max(s.counter, above) + 1
	s.counter = first + uint64(n) - 1
	return first, nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBox(t testing.TB, n int) *box {
	b := &box{t: t, n: n, disk: cloudtest.NewDisk(), state: &state{writer: 7}, know: compare.Nothing{}, only: -1}
	for k := range n {
		f, err := b.dir(k).Create(cipher.MarkerName, 0o644)
		must(t, err)
		_, err = f.WriteAt(b.keys(k).Marker(), 0)
		must(t, errors.Join(err, f.Close()))
	}
	return b
}

func (b *box) clone() *box {
	c := *b
	c.disk = b.disk.Clone()
	c.state = &state{writer: b.state.writer, counter: b.state.counter}
	return &c
}

func (b *box) dir(k int) *cloudtest.Mem { return b.disk.Dir(fmt.Sprint("cloud", k)) }

func (b *box) keys(k int) *cipher.Cloud {
	c, err := cipher.NewCloud(cipher.CloudParams{
		Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{2, byte(k)}, Suite: cipher.AES256, ChunkLog2: 12,
	})
	must(b.t, err)
	return c
}

// now is long after everything that the disk's clock has seen.
func now() time.Time { return time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC) }

// clouds are all of them, or those that are there.
func (b *box) clouds() (list []*replica.Cloud) {
	for k := range b.n {
		var d cloud.Dir = b.dir(k)
		if len(b.lacks[k]) > 0 {
			d = cloudtest.NewFaulty(d, cloudtest.Without(b.lacks[k]...)...)
		}
		list = append(list, &replica.Cloud{Index: k, Name: fmt.Sprint("cloud", k), Dir: d, Keys: b.keys(k)})
	}
	return list
}

func (b *box) comparison() compare.Config {
	return compare.Config{Clouds: b.clouds(), Memory: b.know, Clock: now, SettleTime: 30 * time.Second, Asked: true, Content: true, Only: b.only, Workers: 2, Behind: b.behind}
}

func (b *box) healer() *heal.Healer {
	return heal.New(heal.Config{
		Config: b.comparison(), Owners: true, Alone: true,
		Draw: func(n int, above uint64) (uint32, uint64, error) {
			first, err := b.state.Reserve(n, above)
			return b.state.writer, first, err
		},
	})
}

// mount opens a mirror over the clouds.
func (b *box) mount() *mirror.Mirror {
	b.t.Helper()
	key := [32]byte{1}
	log, err := redo.Open(store{b.disk.Store("log")}, &key)
	must(b.t, err)
	c := mirror.Config{State: b.state, Log: log, Owners: true, Manual: true, Clock: func() time.Time { return time.Unix(1_600_000_000, 0) }}
	for k := range b.n {
		c.Clouds = append(c.Clouds, mirror.CloudConfig{Name: fmt.Sprint("cloud", k), ID: cipher.ID{2, byte(k)}, Cipher: b.keys(k), Dir: b.dir(k)})
	}
	m, err := mirror.New(c)
	must(b.t, err)
	return m
}

type store struct{ *cloudtest.Store }

func (s store) Create(name string) (redo.Segment, error) { return s.Store.Create(name) }

// with does something to the tree through a mirror.
func (b *box) with(do func(m *mirror.Mirror)) {
	b.t.Helper()
	m := b.mount()
	do(m)
	must(b.t, m.Close())
}

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

// write makes or replaces a file; holes are where content is zero for a chunk.
func (b *box) write(m *mirror.Mirror, path string, content []byte) {
	b.t.Helper()
	dir, name := split(path)
	d, err := m.Walk(dir)
	must(b.t, err)
	defer d.Forget()
	n, h, err := d.Create(name, 0o644, mirror.Owner{})
	if errors.Is(err, fs.ErrExist) {
		n, err = d.Lookup(name)
		must(b.t, err)
		h, err = n.Open(mirror.OpenOptions{Write: true, Truncate: true})
	}
	must(b.t, err)
	defer n.Forget()
	for at := 0; at < len(content); at += chunk {
		part := content[at:min(at+chunk, len(content))]
		if bytes.Count(part, []byte{0}) < len(part) {
			_, err = h.WriteAt(part, int64(at))
			must(b.t, err)
		}
	}
	must(b.t, h.Truncate(int64(len(content))))
	must(b.t, h.Close())
}

// patch changes some bytes of a file that stays where it is.
func (b *box) patch(m *mirror.Mirror, path string, at int64, content []byte) {
	b.t.Helper()
	n, err := m.Walk(path)
	must(b.t, err)
	defer n.Forget()
	h, err := n.Open(mirror.OpenOptions{Write: true})
	must(b.t, err)
	_, err = h.WriteAt(content, at)
	must(b.t, errors.Join(err, h.Close()))
}

func (b *box) mkdir(m *mirror.Mirror, path string, mode uint32) {
	b.t.Helper()
	dir, name := split(path)
	d, err := m.Walk(dir)
	must(b.t, err)
	defer d.Forget()
	n, err := d.Mkdir(name, mode, mirror.Owner{})
	must(b.t, err)
	n.Forget()
}

func (b *box) link(m *mirror.Mirror, from, to string) {
	b.t.Helper()
	n, err := m.Walk(from)
	must(b.t, err)
	defer n.Forget()
	dir, name := split(to)
	d, err := m.Walk(dir)
	must(b.t, err)
	defer d.Forget()
	must(b.t, d.Link(name, n))
}

// entry is the backing path of a plain path.
func (b *box) entry(k int, path string) string {
	b.t.Helper()
	parts := strings.Split(path, "/")
	for i, part := range parts {
		name, err := b.keys(k).EncodeName(cipher.PlainName(part))
		must(b.t, err)
		parts[i] = string(name.Entry)
	}
	return strings.Join(parts, "/")
}

// raw is a backing file's bytes.
func (b *box) raw(k int, entry string) []byte {
	b.t.Helper()
	f, err := b.dir(k).Open(entry, false)
	must(b.t, err)
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	must(b.t, err)
	return data
}

// change rewrites a backing file in place.
func (b *box) change(k int, path string, change func(data []byte) []byte) {
	b.t.Helper()
	entry := b.entry(k, path)
	b.does(k, cloudtest.Rewrite(entry, change(b.raw(k, entry))))
}

// does has somebody else do something to a cloud.
func (b *box) does(k int, moves ...cloudtest.Move) {
	b.t.Helper()
	them := cloudtest.NewForeign(b.dir(k))
	for _, m := range moves {
		must(b.t, them.Do(m))
	}
}

// verify returns the findings.
func (b *box) verify() []compare.Finding {
	b.t.Helper()
	c := compare.New(b.comparison())
	var list []compare.Finding
	must(b.t, c.Run(func(k *compare.Case) error {
		list = append(list, k.Findings...)
		return nil
	}))
	return append(list, c.Strange()...)
}

// heal heals, and expects nothing to fail.
func (b *box) heal() heal.Outcome {
	b.t.Helper()
	out, err := b.healer().Run()
	must(b.t, err)
	for k, err := range out.Errs {
		if err != nil {
			b.t.Errorf("cloud %d: %v", k, err)
		}
	}
	return out
}

// tree is what a cloud holds, as text by path.
func (b *box) tree(k int) map[string]string {
	b.t.Helper()
	t, err := audit.New(b.dir(k), b.keys(k)).Tree()
	must(b.t, err)
	out := map[string]string{}
	for path, n := range t.Nodes {
		switch {
		case strings.HasPrefix(path, cipher.GoneName):
		case n.Err != nil:
			out[path] = "bad: " + n.Err.Error()
		case n.Dir:
			out[path] = fmt.Sprintf("directory %o", n.Mode)
		default:
			out[path] = fmt.Sprintf("%v %v %v %o %x at %v", n.Header.FileID, n.Header.CommitID, n.Header.Version, n.Header.Mode, n.Sum.SHA256[:8], n.Header.MtimeSec)
		}
	}
	return out
}

// strange is what a cloud holds that leads to no name.
func (b *box) strange(k int) (list []string) {
	b.t.Helper()
	t, err := audit.New(b.dir(k), b.keys(k)).Tree()
	must(b.t, err)
	for _, path := range t.Strange {
		if _, err := b.keys(k).DecodeEntry(cipher.EntryName(strings.TrimPrefix(path, cipher.GoneName+"/")), nil); err != nil && path != cipher.GoneName {
			list = append(list, path)
		}
	}
	return list
}

// equal wants every cloud to hold what is wanted, readable by itself.
func (b *box) equal(want map[string]string) {
	b.t.Helper()
	for k := range b.n {
		if got := b.tree(k); !maps.Equal(got, want) {
			b.t.Errorf("cloud %d differs:\n%s", k, difference(got, want))
		}
	}
}

func difference(got, want map[string]string) string {
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			lines = append(lines, fmt.Sprintf("%q: %q, want %q", path, got[path], want[path]))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if want[path] == "" {
			lines = append(lines, fmt.Sprintf("%q: %q, want nothing", path, got[path]))
		}
	}
	return strings.Join(lines, "\n")
}

// clean wants verify to find nothing.
func (b *box) clean() {
	b.t.Helper()
	for _, f := range b.verify() {
		b.t.Errorf("%q: %v", f.Path, f)
	}
}

// finds wants verify to find exactly one kind at a path in a cloud.
func (b *box) finds(k int, path string, kinds ...compare.Kind) {
	b.t.Helper()
	found := map[compare.Kind]bool{}
	for _, f := range b.verify() {
		if f.Cloud != k || f.Path != path {
			b.t.Errorf("it finds at %q: %v", f.Path, f)
			continue
		}
		found[f.Kind] = true
	}
	got := slices.Sorted(maps.Keys(found))
	slices.Sort(kinds)
	if !slices.Equal(got, kinds) {
		b.t.Errorf("at %q in cloud %d it finds %q, want %q", path, k, got, kinds)
	}
}

func random(rng *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rng.Uint32()) | 1
	}
	return data
}

// sample is a tree with something of everything.
func sample(t testing.TB, n int) *box {
	b := newBox(t, n)
	rng := rand.New(rand.NewPCG(1, 2))
	b.with(func(m *mirror.Mirror) {
		b.mkdir(m, "dir", 0o750)
		b.mkdir(m, "dir/sub", 0o700)
		b.mkdir(m, "empty", 0o755)
		b.write(m, "small", random(rng, 100))
		b.write(m, "nothing", nil)
		b.write(m, "dir/three", random(rng, 2*chunk+1000))
		sparse := make([]byte, 5*chunk)
		copy(sparse[2*chunk:], random(rng, chunk))
		b.write(m, "dir/sub/sparse", sparse)
		b.write(m, strings.Repeat("long", 50), random(rng, 5000))
		b.link(m, "dir/three", "linked")
		r := m.Root()
		s, err := r.Symlink("symlink", "dir/three", mirror.Owner{})
		must(t, err)
		s.Forget()
	})
	return b
}
