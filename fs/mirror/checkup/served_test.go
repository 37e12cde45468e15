package checkup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
)

// state is a vault's state in memory.
type state struct {
	mirror.State
	mu      sync.Mutex
	counter uint64
	owes    map[cipher.ID]vault.Owes
}

func (s *state) Writer() uint32               { return 7 }
func (s *state) Observed(cipher.Vector) error { return nil }
func (s *state) SameBoot() bool               { return true }
func (s *state) Cut() bool                    { return false }
func (s *state) MarkBoot() error              { return nil }
func (s *state) MarkClean() error             { return nil }

func (s *state) Owes() map[cipher.ID]vault.Owes {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[cipher.ID]vault.Owes{}
	for id, o := range s.owes {
		all[id] = o
	}
	return all
}

func (s *state) MarkOwes(id cipher.ID, o vault.Owes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owes[id] = o
	return nil
}

func (s *state) ClearOwes(id cipher.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.owes, id)
	return nil
}

func (s *state) Reserve(n int, above uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := max(s.counter, above) + 1
	s.counter = first + uint64(n) - 1
	return first, nil
}

type store struct{ *cloudtest.Store }

func (s store) Create(name string) (redo.Segment, error) { return s.Store.Create(name) }

// A served box is one over which a mirror is open, with a few files.
type served struct {
	*box
	state *state
	m     *mirror.Mirror
}

func newServed(t *testing.T) *served {
	b := &served{
		box:   &box{T: t, disk: cloudtest.NewDisk(), now: time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC)},
		state: &state{counter: 100, owes: map[cipher.ID]vault.Owes{}},
	}
	for k := range 2 {
		f, err := b.dir(k).Create(cipher.MarkerName, 0o644)
		b.must(err)
		_, err = f.WriteAt(b.keys(k).Marker(), 0)
		b.must(errors.Join(err, f.Close()))
	}
	key := [32]byte{1}
	log, err := redo.Open(store{b.disk.Store("log")}, &key)
	b.must(err)
	b.m, err = mirror.New(mirror.Config{
		Clouds: b.config().Clouds, State: b.state, Log: log, Owners: true, Manual: true, Clock: func() time.Time { return b.now },
	})
	b.must(err)
	t.Cleanup(func() { b.must(b.m.Close()) })
	b.mkdir("dir")
	for _, path := range []string{"a", "b", "dir/c", "dir/d"} {
		b.put(path, 10_000)
	}
	b.must(b.m.Sync())
	return b
}

// in calls do with a directory and a name in it.
func (b *served) in(path string, do func(dir mirror.Node, name string) error) {
	b.Helper()
	i := bytes.LastIndexByte([]byte(path), '/')
	dir, err := b.m.Walk(path[:max(i, 0)])
	b.must(err)
	defer dir.Forget()
	b.must(do(dir, path[i+1:]))
}

func (b *served) mkdir(path string) {
	b.in(path, func(dir mirror.Node, name string) error {
		n, err := dir.Mkdir(name, 0o755, mirror.Owner{})
		if err == nil {
			n.Forget()
		}
		return err
	})
}

// put makes or rewrites a file.
func (b *served) put(path string, size int) {
	b.in(path, func(dir mirror.Node, name string) error {
		n, h, err := dir.Create(name, 0o644, mirror.Owner{})
		if errors.Is(err, fs.ErrExist) {
			if n, err = dir.Lookup(name); err == nil {
				h, err = n.Open(mirror.OpenOptions{Write: true})
			}
		}
		if err != nil {
			return err
		}
		defer n.Forget()
		_, err = h.WriteAt(bytes.Repeat([]byte{byte(size), 1}, size/2), 0)
		return errors.Join(err, h.Close())
	})
}

// beside is the configuration of a checkup beside the mirror.
func (b *served) beside() checkup.Config {
	c := b.config()
	c.Mirror, c.Served, c.Owners, c.Owes = b.m, true, true, b.state.Owes()
	return c
}

// A program does something again and again: a step each time that it is let.
type program struct {
	step func(n int)
	all  sync.WaitGroup
	free chan struct{}
	n    int
}

func newProgram(b *served, step func(b *served, n int)) *program {
	p := &program{free: make(chan struct{}, 1)}
	p.step = func(n int) {
		step(b, n)
		b.must(b.m.Sync())
	}
	p.free <- struct{}{}
	return p
}

// Act lets the program have an instant, which is enough for a step if nobody
// keeps it from that.
func (p *program) Act() {
	late := time.After(5 * time.Millisecond)
	select {
	case <-p.free:
	case <-late:
		return
	}
	done := make(chan struct{})
	n := p.n
	p.n++
	p.all.Go(func() {
		p.step(n)
		p.free <- struct{}{}
		close(done)
	})
	select {
	case <-done:
	case <-late:
	}
}

func (p *program) String() string { return "a program" }

func (b *served) remove(path string) {
	b.in(path, func(dir mirror.Node, name string) error { return dir.Unlink(name) })
}

func (b *served) rename(from, to string) {
	b.in(to, func(dir mirror.Node, name string) error {
		b.in(from, func(old mirror.Node, was string) error { return old.Rename(was, dir, name, mirror.RenameFlags{}) })
		return nil
	})
}

// turns does one thing and its opposite in turn.
func turns(do, undo func(b *served)) func(*served, int) {
	return func(b *served, n int) {
		if n%2 == 0 {
			do(b)
		} else {
			undo(b)
		}
	}
}

// programs are what programs do.
var programs = map[string]func(b *served, n int){
	"rewrite":         func(b *served, n int) { b.put("a", 9_000+n) },
	"grow":            func(b *served, n int) { b.put("b", 20_000+5_000*n) },
	"make and remove": turns(func(b *served) { b.put("new", 5_000) }, func(b *served) { b.remove("new") }),
	"make in a new directory": turns(func(b *served) { b.mkdir("more"); b.put("more/new", 5_000) }, func(b *served) {
		b.remove("more/new")
		b.in("more", func(dir mirror.Node, name string) error { return dir.Rmdir(name) })
	}),
	"rename":             turns(func(b *served) { b.rename("dir/c", "moved") }, func(b *served) { b.rename("moved", "dir/c") }),
	"rename over":        func(b *served, n int) { b.put("other", 7_000+n); b.rename("other", "a") },
	"rename a directory": turns(func(b *served) { b.rename("dir", "moved") }, func(b *served) { b.rename("moved", "dir") }),
}

// TestVerifyBeside has a program do a step between any two operations of a
// verification on a cloud. Nothing is wrong, and nothing is found.
func TestVerifyBeside(t *testing.T) {
	for what, step := range programs {
		for cloud := range 2 {
			for from := 0; from < 20; from += 4 {
				b := newServed(t)
				c, p := b.beside(), newProgram(b, step)
				c.Clouds[cloud].Dir = cloudtest.NewFaulty(b.dir(cloud), cloudtest.Rule{From: 1 + from, Act: p})
				r, err := checkup.Verify(t.Context(), c)
				p.all.Wait()
				b.must(err)
				if !r.OK || len(r.Findings) > 0 || b.slept > 0 {
					t.Errorf("%s from operation %d of cloud %d on: after %d waits it finds %+v", what, from, cloud, b.slept, r.Findings)
				}
			}
		}
	}
}

// TestHealBeside has it do them while damage is healed.
func TestHealBeside(t *testing.T) {
	for what, step := range programs {
		for from := 1; from < 60; from += 12 {
			healBeside(t, fmt.Sprintf("%s from operation %d on", what, from), step, from)
		}
	}
}

func healBeside(t *testing.T, what string, step func(*served, int), from int) {
	b := newServed(t)
	for n, path := range []string{"a", "b", "dir/c", "dir/d"} {
		b.damage(path, n)
	}
	b.now = b.now.Add(time.Hour)
	c, p := b.beside(), newProgram(b, step)
	c.Clouds[1].Dir = cloudtest.NewFaulty(b.dir(1), cloudtest.Rule{From: from, Act: p})
	_, err := checkup.Heal(t.Context(), c)
	p.all.Wait()
	b.must(err)
	b.now = b.now.Add(time.Hour)
	b.m.Beside().Hurry()
	b.must(b.m.Tend())
	if _, err := checkup.Heal(t.Context(), b.beside()); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	r, err := checkup.Verify(t.Context(), b.beside())
	b.must(err)
	if len(r.Findings) > 0 {
		t.Errorf("%s: it leaves %+v", what, r.Findings)
	}
}

// damage damages a file in cloud 1, each in another way.
func (b *served) damage(path string, n int) {
	entry := ""
	for part := range bytes.SplitSeq([]byte(path), []byte("/")) {
		name, err := b.keys(1).EncodeName(cipher.PlainName(part))
		b.must(err)
		entry += "/" + string(name.Entry)
	}
	entry = entry[1:]
	do := cloudtest.Delete(entry)
	if at := []int{600, 100, 0, 6000}[n]; at > 0 {
		f, err := b.dir(1).Open(entry, false)
		b.must(err)
		data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
		b.must(errors.Join(err, f.Close()))
		data[at] ^= 1
		do = cloudtest.Rewrite(entry, data)
	}
	b.must(cloudtest.NewForeign(b.dir(1)).Do(do))
}

// stopping is who stops a healing.
type stopping context.CancelFunc

func (s stopping) Act()         { s() }
func (stopping) String() string { return "stop" }

// TestHealingStops: one that is to end leaves what it was doing, and another one
// goes on.
func TestHealingStops(t *testing.T) {
	for at := 1; at < 200; at += 7 {
		b := newServed(t)
		for n, path := range []string{"a", "b", "dir/c", "dir/d"} {
			b.damage(path, n)
		}
		b.now = b.now.Add(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		c := b.beside()
		c.Clouds[1].Dir = cloudtest.NewFaulty(b.dir(1), cloudtest.Rule{From: at, To: at, Act: stopping(cancel)})
		if _, err := checkup.Heal(ctx, c); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("at %d: %v", at, err)
		}
		cancel()
		c = b.beside()
		b.now = b.now.Add(time.Hour)
		if r, err := checkup.Heal(t.Context(), c); err != nil || !r.OK {
			t.Errorf("stopped at %d, and again: %+v, %v", at, r, err)
		}
	}
}
