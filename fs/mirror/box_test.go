package mirror_test

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
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
)

// box is a vault in memory: clouds and log on one crash disk, and a state that
// is durable at once.
type box struct {
	t      *testing.T
	n      int
	disk   *cloudtest.Disk
	keys   []*cipher.Key
	ids    []cipher.ID
	vault  cipher.ID
	state  *memState
	index  *kept
	logs   string // the volume of the log
	log    *redo.Log
	clock  *clock
	config func(*mirror.Config)     // what is special about its mirrors, or nil
	rules  map[int][]cloudtest.Rule // by cloud; of the log at theLog
	rigged map[int]*cloudtest.Faulty
	wrap   func(k int, d cloud.Dir) cloud.Dir // what is put before each cloud, or nil
	said   *strings.Builder                   // by the last mirror that was opened
}

// theLog stands for the log where clouds are numbered.
const theLog = -1

// A layout tells what the box's disk is like.
type layout struct {
	together bool                // one filesystem for clouds and log, instead of a disk for each
	reuse    bool                // numbers of inodes are given again
	lacks    []cloudtest.Feature // by every cloud
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

// peek is a look that does not move it.
func (c *clock) peek() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// pass lets time pass.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newBox(t *testing.T, n int) *box { return newBoxOn(t, n, layout{}) }

func newBoxOn(t *testing.T, n int, on layout) *box {
	t.Helper()
	b := &box{
		t: t, n: n, disk: cloudtest.NewDisk(), vault: cipher.ID{1}, state: newMemState(7), index: newKept(t), logs: "log", clock: &clock{now: time.Unix(1_600_000_000, 0)},
		rules: map[int][]cloudtest.Rule{}, rigged: map[int]*cloudtest.Faulty{},
	}
	b.disk.ReuseInodes(on.reuse)
	if on.together {
		b.disk.Together()
	}
	for k := range n {
		b.lack(k, on.lacks...)
		// The same in every run, so that entries come in the same order.
		b.keys, b.ids = append(b.keys, &cipher.Key{byte(k + 1)}), append(b.ids, cipher.ID{byte(k + 2)})
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
func (b *box) clone() *box { return b.on(b.disk.Clone()) }

// on is the same vault on another disk, without what makes it fail.
func (b *box) on(d *cloudtest.Disk) *box {
	c := *b
	c.disk, c.state, c.index = d, b.state.clone(), b.index.clone()
	c.rules, c.rigged = map[int][]cloudtest.Rule{}, map[int]*cloudtest.Faulty{}
	return &c
}

// machine is another machine that has the same clouds, with a state and a log
// of its own.
func (b *box) machine(writer uint32) *box {
	c := *b
	c.state, c.index, c.logs = newMemState(writer), newKept(b.t), "log"+strconv.Itoa(int(writer))
	c.rules, c.rigged = map[int][]cloudtest.Rule{}, map[int]*cloudtest.Faulty{}
	return &c
}

// inject adds rules to a cloud or to the log: for the mirror that is open, and
// for those to come.
func (b *box) inject(k int, rules ...cloudtest.Rule) {
	b.rules[k] = append(b.rules[k], rules...)
	if f := b.rigged[k]; f != nil {
		f.Inject(rules...)
	}
}

// mend takes all rules away.
func (b *box) mend() {
	clear(b.rules)
	for _, f := range b.rigged {
		f.Clear()
	}
	b.state.rules.Clear()
	b.index.rules.Clear()
}

// lack takes features from cloud k for good: clones lack them, too.
func (b *box) lack(k int, features ...cloudtest.Feature) {
	if len(features) == 0 {
		return
	}
	before := b.wrap
	b.wrap = func(i int, d cloud.Dir) cloud.Dir {
		if before != nil {
			d = before(i, d)
		}
		if i != k {
			return d
		}
		return cloudtest.NewFaulty(d, cloudtest.Without(features...)...)
	}
}

// dir is a volume under the rules of cloud k.
func (b *box) dir(k int, name string) cloud.Dir {
	f := cloudtest.NewFaulty(b.disk.Dir(name), b.rules[k]...)
	b.rigged[k] = f
	return f
}

// again opens cloud k anew, if it is there.
func (b *box) again(k int) (cloud.Dir, error) {
	d := b.disk.Dir(cloudName(k))
	if err := d.Check(); err != nil {
		return nil, err
	}
	dir := b.dir(k, cloudName(k))
	if b.wrap != nil {
		dir = b.wrap(k, dir)
	}
	return dir, nil
}

// them is somebody else with access to cloud k.
func (b *box) them(k int) *cloudtest.Foreign { return cloudtest.NewForeign(b.disk.Dir(cloudName(k))) }

// entryAt is the backing path of a plain path in cloud k.
func (b *box) entryAt(k int, path string) string {
	b.t.Helper()
	keys, parts := b.cipher(k), strings.Split(path, "/")
	for i, part := range parts {
		name, err := keys.EncodeName(cipher.PlainName(part))
		check(b.t, err)
		parts[i] = string(name.Entry)
	}
	return strings.Join(parts, "/")
}

// open makes a mirror over the disk as it is; absent clouds are named.
func (b *box) open(absent ...int) (*mirror.Mirror, error) {
	ix, err := b.index.open(b)
	if err != nil {
		return nil, err
	}
	m, err := b.openOver(ix, absent)
	if err != nil {
		b.index.drop()
	}
	return m, err
}

func (b *box) openOver(ix *rigged, absent []int) (*mirror.Mirror, error) {
	key := [32]byte{1}
	a := ix.applied()
	log, err := redo.OpenWith(store{cloudtest.NewStore(b.dir(theLog, b.logs))}, &key, redo.Options{Boot: b.state.bootID(), ID: a.Log, Below: a.Below})
	if err != nil {
		return nil, err
	}
	b.log = log
	cfg := mirror.Config{State: b.state, Log: log, Index: ix, Clock: b.clock.look, Kernel: b.disk.Now, Owners: true, Manual: true}
	b.said = &strings.Builder{}
	cfg.Logger = slog.New(slog.NewTextHandler(&locked{w: b.said}, nil))
	for k := range b.n {
		c := mirror.CloudConfig{Name: cloudName(k), ID: b.ids[k], Cipher: b.cipher(k), Reason: "taken away"}
		if !slices.Contains(absent, k) {
			c.Dir = b.dir(k, cloudName(k))
			if b.wrap != nil {
				c.Dir = b.wrap(k, c.Dir)
			}
		}
		c.Open = func() (cloud.Dir, error) { return b.again(k) }
		cfg.Clouds = append(cfg.Clouds, c)
	}
	if b.config != nil {
		b.config(&cfg)
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

func readNode(n mirror.Node) ([]byte, error) {
	h, err := n.Open(mirror.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	a, err := n.Attr()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, a.Size+1) // one more, to see the end
	k, err := h.ReadAt(buf, 0)
	if err == io.EOF {
		err = nil
	}
	return buf[:k], err
}
