package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// world is what a program sees: the content of each path. Directories have
// the content "dir", symlinks "-> target".
type world map[string]string

// story is a fixed series of operations with what each of them leads to.
type story struct {
	steps  []func(*mirror.Mirror) error
	worlds []world          // worlds[i] is after i steps
	marks  []map[string]int // by path, how many steps were done when it was last synced
	linked map[string]string
}

// step adds an operation and its effect. durable names the paths that are
// synced once it returns; "*" is everything.
func (s *story) step(op func(*mirror.Mirror) error, effect func(world), durable ...string) {
	if s.worlds == nil {
		s.worlds, s.marks = []world{{}}, []map[string]int{{}}
	}
	next := maps.Clone(s.worlds[len(s.worlds)-1])
	effect(next)
	s.steps = append(s.steps, op)
	s.worlds = append(s.worlds, next)
	marks := maps.Clone(s.marks[len(s.marks)-1])
	for _, path := range durable {
		marks[path] = len(s.steps)
	}
	s.marks = append(s.marks, marks)
}

func (s *story) write(path, content string, off int, sync bool) {
	var durable []string
	if sync {
		durable = []string{path}
	}
	s.step(func(m *mirror.Mirror) error { return patch(m, path, content, off, sync) }, func(w world) {
		b := []byte(w[path])
		if need := off + len(content); need > len(b) {
			b = append(b, make([]byte, need-len(b))...)
		}
		copy(b[off:], content)
		w[path] = string(b)
		if other := s.linked[path]; other != "" {
			w[other] = w[path]
		}
	}, durable...)
}

// patch writes at an offset and closes.
func patch(m *mirror.Mirror, path, content string, off int, sync bool) error {
	return withFile(m, path, false, func(h *mirror.Handle) error {
		if _, err := h.WriteAt([]byte(content), int64(off)); err != nil {
			return err
		}
		if sync {
			return h.Sync()
		}
		return nil
	})
}

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

func (s *story) replace(path, content string) {
	s.step(func(m *mirror.Mirror) error {
		return withFile(m, path, true, func(h *mirror.Handle) error {
			_, err := h.WriteAt([]byte(content), 0)
			return err
		})
	}, func(w world) { w[path] = content })
}

func (s *story) truncate(path string, size int, sync bool) {
	var durable []string
	if sync {
		durable = []string{path}
	}
	s.step(func(m *mirror.Mirror) error {
		return withFile(m, path, false, func(h *mirror.Handle) error {
			if err := h.Truncate(int64(size)); err != nil || !sync {
				return err
			}
			return h.Sync()
		})
	}, func(w world) { w[path] = string(resized([]byte(w[path]), int64(size))) }, durable...)
}

func (s *story) rename(from, to string) {
	s.step(func(m *mirror.Mirror) error {
		return inDirs(m, from, to, func(a *mirror.Node, x string, b *mirror.Node, y string) error {
			return a.Rename(x, b, y, mirror.RenameFlags{})
		})
	}, func(w world) {
		moved := world{}
		for path, content := range w {
			if path == from || len(path) > len(from) && path[:len(from)+1] == from+"/" {
				moved[to+path[len(from):]] = content
				delete(w, path)
			}
		}
		maps.Copy(w, moved)
	})
}

func inDirs(m *mirror.Mirror, from, to string, do func(a *mirror.Node, x string, b *mirror.Node, y string) error) error {
	dir, x := split(from)
	a, err := m.Walk(dir)
	if err != nil {
		return err
	}
	defer a.Forget()
	dir, y := split(to)
	b, err := m.Walk(dir)
	if err != nil {
		return err
	}
	defer b.Forget()
	return do(a, x, b, y)
}

func (s *story) inDir(path string, do func(d *mirror.Node, name string) error, effect func(world)) {
	s.step(func(m *mirror.Mirror) error {
		dir, name := split(path)
		d, err := m.Walk(dir)
		if err != nil {
			return err
		}
		defer d.Forget()
		return do(d, name)
	}, effect)
}

func (s *story) mkdir(path string) {
	s.inDir(path, func(d *mirror.Node, name string) error {
		n, err := d.Mkdir(name, 0o755, mirror.Owner{})
		if err == nil {
			n.Forget()
		}
		return err
	}, func(w world) { w[path] = "dir" })
}

func (s *story) unlink(path string) {
	s.inDir(path, func(d *mirror.Node, name string) error { return d.Unlink(name) }, func(w world) { delete(w, path) })
}

func (s *story) rmdir(path string) {
	s.inDir(path, func(d *mirror.Node, name string) error { return d.Rmdir(name) }, func(w world) { delete(w, path) })
}

func (s *story) symlink(path, target string) {
	s.inDir(path, func(d *mirror.Node, name string) error {
		n, err := d.Symlink(name, target, mirror.Owner{})
		if err == nil {
			n.Forget()
		}
		return err
	}, func(w world) { w[path] = "-> " + target })
}

func (s *story) link(path, to string) {
	s.step(func(m *mirror.Mirror) error {
		n, err := m.Walk(path)
		if err != nil {
			return err
		}
		defer n.Forget()
		dir, name := split(to)
		d, err := m.Walk(dir)
		if err != nil {
			return err
		}
		defer d.Forget()
		return d.Link(name, n)
	}, func(w world) { w[to] = w[path] })
	s.linked = map[string]string{to: path}
}

func (s *story) sync() {
	s.step(func(m *mirror.Mirror) error { return m.Sync() }, func(world) {}, "*")
}

func text(n int, c byte) string {
	b := bytes.Repeat([]byte{c}, n)
	for i := 0; i < n; i += 64 {
		copy(b[i:], fmt.Sprintf("%c%d.", c, i))
	}
	return string(b)
}

// plot has every kind of operation next to every kind of sync.
func plot() *story {
	s := &story{}
	s.mkdir("d")
	s.write("d/new", text(5000, 'a'), 0, false)
	s.write("d/fsynced", text(9000, 'b'), 0, true)
	s.write("d/fsynced", text(3000, 'c'), 1000, true)
	s.write("d/fsynced", text(100, 'd'), 8950, false)
	s.sync()
	s.write("d/new", text(4096, 'e'), 4096, false)
	s.truncate("d/new", 6000, true)
	s.replace("d/fsynced", text(7000, 'f'))
	s.write("tmp", text(4500, 'g'), 0, false)
	s.rename("tmp", "d/fsynced")
	s.symlink("link", "d/fsynced")
	s.link("d/new", "hard")
	s.write("hard", text(50, 'h'), 10, true)
	s.linked = nil
	s.unlink("d/new")
	s.mkdir("e")
	s.rename("d", "e/d")
	s.write("e/d/late", text(20000, 'i'), 0, true)
	s.truncate("e/d/late", 0, false)
	s.write("e/d/late", text(300, 'j'), 0, true)
	s.truncate("e/d/late", 50000, false)
	s.sync()
	s.rename("e/d/late", "late")
	s.unlink("link")
	s.write("late", text(8192, 'k'), 8192, true)
	s.unlink("hard")
	s.rename("late", "e/late")
	s.mkdir("gone")
	s.rmdir("gone")
	s.write("e/late", text(1, 'l'), 49999, false)
	return s
}

// run does the story until the disk crashes and returns how many steps were
// done.
func (s *story) run(m *mirror.Mirror, crashed func() bool) int {
	for i, step := range s.steps {
		if err := step(m); err != nil || crashed() {
			return i
		}
	}
	return len(s.steps)
}

// TestKill crashes the process after every operation on clouds and log. What
// had reached the mirror is there after the next mount, in every cloud.
func TestKill(t *testing.T) {
	for _, n := range []int{1, 2} {
		s := plot()
		total := s.length(t, n)
		for at := 1; at <= total; at++ {
			b, done := s.crash(t, n, at)
			b.disk.Kill()
			b.verify(true, fmt.Sprintf("%d clouds, killed after operation %d in step %d", n, at, done), func(w world) error {
				return s.between(w, done, min(done+1, len(s.steps)))
			})
		}
	}
}

// TestPowerCut is TestKill for the machine: what was synced, or a later
// version of it, is there; of the rest nothing is a mixture.
func TestPowerCut(t *testing.T) {
	seeds := uint64(3)
	for _, n := range []int{1, 2} {
		s := plot()
		total := s.length(t, n)
		for at := 1; at <= total; at++ {
			b, done := s.crash(t, n, at)
			for seed := range seeds {
				cut := b.clone()
				cut.disk.PowerCut(rand.New(rand.NewPCG(seed, uint64(at))))
				cut.state.boot = false
				cut.verify(false, fmt.Sprintf("%d clouds, power cut after operation %d in step %d, seed %d", n, at, done, seed), func(w world) error {
					return s.durable(w, done)
				})
			}
		}
	}
}

// length is the number of operations that the story takes.
func (s *story) length(t *testing.T, n int) int {
	b := newBox(t, n)
	m := b.mount()
	before := b.disk.Ops()
	for i, step := range s.steps {
		if err := step(m); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if got := look(m); s.equal(got, s.worlds[i+1]) != nil {
			t.Fatalf("after step %d: %v", i, s.equal(got, s.worlds[i+1]))
		}
	}
	return b.disk.Ops() - before
}

// crash runs the story until operation at.
func (s *story) crash(t *testing.T, n, at int) (*box, int) {
	b := newBox(t, n)
	m := b.mount()
	b.disk.CrashAfter(b.disk.Ops() + at)
	b.state.crashed = b.disk.Crashed
	done := s.run(m, b.disk.Crashed)
	return b, done
}

// clone is the same vault on a copy of the disk.
func (b *box) clone() *box {
	c := *b
	c.disk = b.disk.Clone()
	c.state = b.state.clone()
	return &c
}

// verify mounts after a crash, holds what is there against the story, and then
// again from each cloud alone; with same every cloud must show the same.
func (b *box) verify(same bool, what string, holds func(world) error) {
	b.t.Helper()
	b.state.crashed = nil
	m, err := b.open()
	if err != nil {
		b.t.Fatalf("%s: mount: %v\n%s", what, err, b.disk.Trace())
	}
	w := look(m)
	if err := holds(w); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.disk.Trace())
	}
	if len(b.state.behind) > 0 {
		b.t.Fatalf("%s: behind: %v", what, b.state.behind)
	}
	if err := m.Close(); err != nil {
		b.t.Fatalf("%s: unmount: %v", what, err)
	}
	for k := range b.n {
		alone := b.clone()
		m, err := alone.open(without(b.n, k)...)
		if err != nil {
			b.t.Fatalf("%s: mount of cloud %d alone: %v", what, k, err)
		}
		got := look(m)
		if err := holds(got); err != nil {
			b.t.Fatalf("%s: cloud %d alone: %v", what, k, err)
		}
		if same && !maps.Equal(got, w) {
			b.t.Fatalf("%s: cloud %d alone: %v", what, k, (&story{}).equal(got, w))
		}
		if err := m.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
}

// look reads everything. What cannot be read has the content "error".
func look(m *mirror.Mirror) world {
	w := world{}
	var visit func(n *mirror.Node, path string)
	visit = func(n *mirror.Node, path string) {
		list, err := n.ReadDir()
		if err != nil {
			w[path] = "error: " + err.Error()
			return
		}
		for _, e := range list {
			at := path + e.Name
			child, err := n.Lookup(e.Name)
			if err != nil {
				w[at] = "error: " + err.Error()
				continue
			}
			w[at] = content(m, child, at)
			if child.IsDir() {
				visit(child, at+"/")
			}
			child.Forget()
		}
	}
	visit(m.Root(), "")
	return w
}

func content(m *mirror.Mirror, n *mirror.Node, path string) string {
	if n.IsDir() {
		return "dir"
	}
	if target, err := n.Readlink(); err == nil {
		return "-> " + target
	}
	b, err := tryRead(m, path)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}
