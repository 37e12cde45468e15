package mirror_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// scene is a vault in which something is told step by step. Its methods end the
// telling at the first thing that is not right, which tell gives as an error,
// so that a scene that is a known loss can fail without failing the run.
type scene struct {
	*box
	m *mirror.Mirror // or nil

	edits [][]byte // by cloud: what another machine has made of a file
}

// wrong is what a scene panics with.
type wrong struct{ error }

// tell plays a scene with n clouds.
func tellScene(t *testing.T, n int, on layout, play func(s *scene)) error {
	return tellOn(newBoxOn(t, n, on), func(s *scene) {
		s.mount()
		play(s)
	})
}

// tellOn plays a scene in a box.
func tellOn(b *box, play func(s *scene)) (err error) {
	s := &scene{box: b}
	defer func() {
		if r := recover(); r != nil {
			w, ok := r.(wrong)
			if !ok {
				panic(r)
			}
			err = s.explain("%w", w.error)
		}
	}()
	play(s)
	return nil
}

func (s *scene) failf(format string, args ...any) { panic(wrong{fmt.Errorf(format, args...)}) }

// must wants no error.
func (s *scene) must(err error) {
	if err != nil {
		panic(wrong{err})
	}
}

func (s *scene) mount(absent ...int) {
	m, err := s.open(absent...)
	if err != nil {
		s.failf("mount: %w", err)
	}
	s.m = m
}

func (s *scene) unmount() {
	if err := s.m.Close(); err != nil {
		s.failf("unmount: %w", err)
	}
}

func (s *scene) remount(absent ...int) {
	s.unmount()
	s.mount(absent...)
}

// crash kills the process, and mounts again.
func (s *scene) crash(absent ...int) {
	s.disk.Kill()
	s.mount(absent...)
}

// cut takes the power away, and mounts nothing.
func (s *scene) cut(seed uint64) {
	s.disk.PowerCut(rand.New(rand.NewPCG(seed, 1)))
	s.state.powerCut()
}

// tend lets a minute pass, and clouds that are back return.
func (s *scene) tend() {
	s.clock.pass(time.Minute)
	s.must(s.m.Tend())
}

// put makes or replaces a file; fsynced if sync.
func (s *scene) put(path, content string, sync bool) {
	s.must(tryWrite(s.m, path, []byte(content), sync))
}

// patch writes into a file, at its end if off is -1.
func (s *scene) patch(path, content string, off int64) error {
	return withFile(s.m, path, false, func(h *mirror.Handle) error {
		if off < 0 {
			a, err := h.Node().Attr()
			if err != nil {
				return err
			}
			off = a.Size
		}
		_, err := h.WriteAt([]byte(content), off)
		if err == nil {
			err = h.Sync()
		}
		return err
	})
}

func (s *scene) do(st step) error {
	p := &player{b: s.box, m: s.m, handles: map[int]*played{}}
	return p.do(st)
}

// steps are operations on names that are to succeed.
func (s *scene) steps(list ...step) {
	for _, st := range list {
		if err := s.do(st); err != nil {
			s.failf("%v: %v", st, err)
		}
	}
}

// handle opens a file for reading and writing.
func (s *scene) handle(path string) *mirror.Handle {
	n, err := s.m.Walk(path)
	s.must(err)
	h, err := n.Open(mirror.OpenOptions{Write: true})
	s.must(err)
	return h
}

// holds wants a file to have that content.
func (s *scene) holds(path, content string) {
	got, err := tryRead(s.m, path)
	if err != nil {
		s.failf("%q: %w", path, err)
	}
	if string(got) != content {
		s.failf("%q: %s, want %s", path, brief(string(got)), brief(content))
	}
}

// missing wants nothing to be at a path.
func (s *scene) missing(path string) {
	if g, there := look(s.m)[path]; there {
		s.failf("%q is there: %v", path, g)
	}
}

// kept wants each of these contents to be in some file.
func (s *scene) kept(contents ...string) {
	all := look(s.m)
	for _, c := range contents {
		found := false
		for _, g := range all {
			found = found || g.kind == 'f' && g.err == nil && g.data == c
		}
		if !found {
			s.failf("%s is in no file of %v", brief(c), all)
		}
	}
	for path, g := range all {
		if g.err != nil {
			s.failf("%q: %v", path, g)
		}
	}
}

// nobodyOwes wants no cloud to be blamed.
func (s *scene) nobodyOwes() {
	if owing := s.state.Owes(); len(owing) > 0 {
		s.failf("behind: %v", owing)
	}
}

// honest wants everything that a program sees to be in these clouds, read by
// the format alone, and none of them to owe anything.
func (s *scene) honest(clouds ...int) {
	d := demand{same: true, owes: map[int]bool{}}
	for k := range s.n {
		d.owes[k] = !slices.Contains(clouds, k)
		if why, owes := s.state.Owes()[s.ids[k]]; owes && !d.owes[k] {
			s.failf("cloud %d is behind: %v", k, why)
		}
	}
	s.must(s.m.Sync())
	s.must(s.inOrder(look(s.m), d))
}

// alone wants a file to have that content from one cloud alone, after an
// unmount.
func (s *scene) alone(k int, path, content string) {
	m, err := s.clone().open(without(s.n, k)...)
	if err != nil {
		s.failf("cloud %d alone: %w", k, err)
	}
	got, err := tryRead(m, path)
	if err != nil || string(got) != content {
		s.failf("cloud %d alone: %q: %s, want %s (%v)", k, path, brief(string(got)), brief(content), err)
	}
	s.must(m.Close())
}

// backing is the bytes of a file's entry in cloud k of a disk.
func (s *scene) backing(on *cloudtest.Disk, k int, path string) []byte {
	f, err := on.Dir(cloudName(k)).Open(s.entryAt(k, path), false)
	s.must(err)
	defer f.Close()
	info, err := f.Stat()
	s.must(err)
	buf := make([]byte, info.Size)
	if _, err := f.ReadAt(buf, 0); err != nil && info.Size > 0 {
		s.must(err)
	}
	return buf
}

// replay writes the record of a chunk as it was on another disk over what is
// there, in place.
func (s *scene) replay(k int, path string, chunk int, old *cloudtest.Disk) {
	const record = 4096 + cipher.RecordOverhead
	now, was := s.backing(s.disk, k, path), s.backing(old, k, path)
	from := cipher.HeaderSize + chunk*record
	to := min(from+record, len(now), len(was))
	copy(now[from:to], was[from:to])
	s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, path), now)))
}

// theirs edits a file on another machine, and gives the disk with the result.
func (s *scene) theirs(writer uint32, edit func(other *scene)) *cloudtest.Disk {
	c := s.clone()
	other := &scene{box: c.machine(writer)}
	other.mount()
	edit(other)
	other.unmount()
	return other.disk
}

// deliver brings what another disk has at a path into every cloud.
func (s *scene) deliver(from *cloudtest.Disk, path string) {
	for k := range s.n {
		s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, path), from.Dir(cloudName(k)))))
	}
}

// chunks is content of n chunks, each with a letter of its own.
func chunks(letters string) string {
	var b bytes.Buffer
	for _, l := range letters {
		b.WriteString(strings.Repeat(string(l), 4096))
	}
	return b.String()
}

// everywhere wants what a program sees to be in every cloud, and nothing else.
func (s *scene) everywhere() {
	var all []int
	for k := range s.n {
		all = append(all, k)
	}
	s.honest(all...)
}
