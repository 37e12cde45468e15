package mirror_test

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
)

// box is a vault in memory: clouds and log on one crash disk, and a state that
// is durable at once.
type box struct {
	t     *testing.T
	n     int
	disk  *cloudtest.Disk
	keys  []*cipher.Key
	ids   []cipher.ID
	vault cipher.ID
	state *memState
	clock *clock
	wrap  func(k int, d cloud.Dir) cloud.Dir
	log   *redo.Log
	said  *strings.Builder // by the last mirror that was opened
}

// locked is a writer for many.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// clock moves by itself at each look, a little.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) look() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// pass lets time pass.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newBox(t *testing.T, n int) *box {
	t.Helper()
	b := &box{t: t, n: n, disk: cloudtest.NewDisk(), vault: cipher.NewID(), state: newMemState(), clock: &clock{now: time.Unix(1_600_000_000, 0)}}
	for k := range n {
		b.keys, b.ids = append(b.keys, cipher.NewKey()), append(b.ids, cipher.NewID())
		d := b.disk.Dir(cloudName(k))
		f, err := d.Create(cipher.MarkerName, 0o644)
		check(t, err)
		_, err = f.WriteAt(b.cipher(k).Marker(), 0)
		check(t, err)
		check(t, f.Close())
		check(t, d.Syncfs())
	}
	return b
}

func cloudName(k int) string { return "cloud" + strconv.Itoa(k) }

func (b *box) cipher(k int) *cipher.Cloud {
	c, err := cipher.NewCloud(cipher.CloudParams{Key: b.keys[k], VaultID: b.vault, CloudID: b.ids[k], Suite: cipher.AES256, ChunkLog2: 12})
	check(b.t, err)
	return c
}

// clone is the same vault on a copy of the disk.
func (b *box) clone() *box {
	c := *b
	c.disk = b.disk.Clone()
	c.state = b.state.clone()
	return &c
}

// open makes a mirror over the disk as it is; absent clouds are named.
func (b *box) open(absent ...int) (*mirror.Mirror, error) {
	key := [32]byte{1}
	log, err := redo.Open(store{b.disk.Store("log")}, &key)
	if err != nil {
		return nil, err
	}
	b.log = log
	cfg := mirror.Config{State: b.state, Log: log, Clock: b.clock.look, Owners: true, Manual: true}
	b.said = &strings.Builder{}
	cfg.Logger = slog.New(slog.NewTextHandler(&locked{w: b.said}, nil))
	for k := range b.n {
		c := mirror.CloudConfig{Name: cloudName(k), ID: b.ids[k], Cipher: b.cipher(k), Reason: "taken away"}
		if !slices.Contains(absent, k) {
			c.Dir = b.disk.Dir(cloudName(k))
			if b.wrap != nil {
				c.Dir = b.wrap(k, c.Dir)
			}
		}
		cfg.Clouds = append(cfg.Clouds, c)
	}
	return mirror.New(cfg)
}

func (b *box) mount(absent ...int) *mirror.Mirror {
	b.t.Helper()
	m, err := b.open(absent...)
	check(b.t, err)
	return m
}

func (b *box) unmount(m *mirror.Mirror) {
	b.t.Helper()
	check(b.t, m.Close())
}

// without lists every cloud but one, to be absent; k beyond n is nobody.
func without(n, k int) []int {
	var list []int
	for i := range n {
		if k < n && i != k {
			list = append(list, i)
		}
	}
	return list
}

type store struct{ *cloudtest.Store }

func (s store) Create(name string) (redo.Segment, error) { return s.Store.Create(name) }

// memState is a vault's state, durable at once.
type memState struct {
	mu      sync.Mutex
	writer  uint32
	counter uint64
	behind  map[cipher.ID]vault.Behind
	ledger  map[cipher.ID]cipher.Version
	checked []vault.Checked
	boot    bool
	crashed func() bool // the process is dead: nothing is recorded any more
}

func (s *memState) clone() *memState {
	return &memState{writer: s.writer, counter: s.counter, behind: maps.Clone(s.behind), ledger: maps.Clone(s.ledger), boot: s.boot}
}

func newMemState() *memState {
	return &memState{writer: 7, behind: map[cipher.ID]vault.Behind{}, ledger: map[cipher.ID]cipher.Version{}, boot: true}
}

func (s *memState) Writer() uint32 { return s.writer }

func (s *memState) Reserve(n int, above uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := max(s.counter, above) + 1
	s.counter = first + uint64(n) - 1
	return first, nil
}

func (s *memState) RenewWriter() error {
	s.writer++
	return nil
}

func (s *memState) Observed(v cipher.Vector) error {
	if v.Get(s.writer) > s.counter {
		return s.RenewWriter()
	}
	return nil
}

func (s *memState) Behind() map[cipher.ID]vault.Behind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind
}

func (s *memState) MarkBehind(id cipher.ID, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed != nil && s.crashed() {
		return cloudtest.ErrCrashed
	}
	s.behind[id] = vault.Behind{Reason: reason}
	return nil
}

func (s *memState) CommittedBy(file cipher.ID) (cipher.Version, bool) {
	v, ok := s.ledger[file]
	return v, ok
}

func (s *memState) RecordCommitted(list []vault.Committed) error {
	for _, c := range list {
		s.ledger[c.FileID] = c.Version
	}
	return nil
}

func (s *memState) WasChecked(c vault.Checked) bool { return slices.Contains(s.checked, c) }

func (s *memState) RecordChecked(list []vault.Checked) error {
	s.checked = append(s.checked, list...)
	return nil
}

func (s *memState) SameBoot() bool  { return s.boot }
func (s *memState) MarkBoot() error { s.boot = true; return nil }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func random(n int) []byte {
	var seed [32]byte
	seed[0], seed[1], seed[2] = byte(n), byte(n>>8), byte(rand.Uint32())
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// write makes or replaces a file.
func write(t *testing.T, m *mirror.Mirror, path string, content []byte) {
	t.Helper()
	check(t, tryWrite(m, path, content, false))
}

func tryWrite(m *mirror.Mirror, path string, content []byte, sync bool) error {
	return withFile(m, path, true, func(h *mirror.Handle) error {
		_, err := h.WriteAt(content, 0)
		if err == nil && sync {
			err = h.Sync()
		}
		return err
	})
}

// withFile uses a file that it makes or opens.
func withFile(m *mirror.Mirror, path string, truncate bool, use func(*mirror.Handle) error) error {
	dir, name := split(path)
	d, err := m.Walk(dir)
	if err != nil {
		return err
	}
	defer d.Forget()
	n, h, err := d.Create(name, 0o644, mirror.Owner{})
	if errors.Is(err, fs.ErrExist) {
		if n, err = d.Lookup(name); err != nil {
			return err
		}
		h, err = n.Open(mirror.OpenOptions{Write: true, Truncate: truncate})
	}
	if err != nil {
		return err
	}
	defer n.Forget()
	return errors.Join(use(h), h.Close())
}

func split(path string) (dir, name string) {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i], path[i+1:]
		}
	}
	return "", path
}

func read(t *testing.T, m *mirror.Mirror, path string) []byte {
	t.Helper()
	b, err := tryRead(m, path)
	check(t, err)
	return b
}

func tryRead(m *mirror.Mirror, path string) ([]byte, error) {
	n, err := m.Walk(path)
	if err != nil {
		return nil, err
	}
	defer n.Forget()
	return readNode(n)
}

func readNode(n *mirror.Node) ([]byte, error) {
	h, err := n.Open(mirror.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	return io.ReadAll(io.NewSectionReader(h, 0, 1<<40))
}
