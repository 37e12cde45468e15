//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// An only is a file of which one cloud alone, and the log, have what was fsynced
// last: the power was cut in all other clouds.
type only struct {
	name string
	make func(s *scene, before, after string)
}

var onlies = []only{
	{"new", func(s *scene, _, after string) { s.put("d/f", after, true) }},
	{"rewritten", func(s *scene, before, after string) {
		s.put("d/f", before, true)
		s.must(s.m.Sync())
		s.put("d/f", after, true)
	}},
	{"grown", func(s *scene, before, after string) {
		s.put("d/f", before, true)
		s.must(s.m.Sync())
		s.must(withFile(s.m, "d/f", false, synced(func(h *mirror.Handle) error {
			return errors.Join(writes(after[:len(before)], 0)(h), writes(after[len(before):], int64(len(before)))(h))
		})))
	}},
	{"made by a rename", func(s *scene, before, after string) {
		s.put("d/f", before, true)
		s.must(s.m.Sync())
		s.put("d/f.new", after, true)
		s.steps(step{op: opRename, path: "d/f.new", to: "d/f"})
		s.must(withFile(s.m, "d/f", false, (*mirror.Handle).Sync))
	}},
}

// A stay is what happens between the power cut and the end, in which all clouds
// are there and every debt is paid. It may move the file, and tells where it is
// then; "" where it was removed.
type stay struct {
	name   string
	clouds int
	play   func(s *scene, rng *rand.Rand) (path string)
}

func (s *scene) without(do func(), absent ...int) {
	s.mount(absent...)
	if do != nil {
		do()
	}
	s.unmount()
}

var stays = []stay{
	{"back at once", 2, func(*scene, *rand.Rand) string { return "d/f" }},
	{"away once", 2, func(s *scene, _ *rand.Rand) string {
		s.without(nil, 0)
		return "d/f"
	}},
	{"away for several mounts", 2, func(s *scene, _ *rand.Rand) string {
		for i := range 4 {
			s.without(func() { s.put(fmt.Sprint("other", i), text(5000, i), i%2 == 0) }, 0)
		}
		return "d/f"
	}},
	{"away, and killed", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.put("other", "x", true)
		s.crash(0)
		s.put("other", "y", false)
		s.disk.Kill()
		return "d/f"
	}},
	{"away, and another power cut", 2, func(s *scene, rng *rand.Rand) string {
		s.mount(0)
		s.put("other", text(3<<20, 7), true)
		s.cut(rng.Uint64())
		s.without(nil, 0)
		return "d/f"
	}},
	{"the others away in turn", 2, func(s *scene, _ *rand.Rand) string {
		s.without(func() { s.put("one", "1", true) }, 0)
		s.without(func() { s.put("two", "2", true) }, 1)
		s.without(nil, 0)
		s.without(nil, 1)
		return "d/f"
	}},
	{"moved meanwhile", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.clock.pass(time.Minute)
		s.steps(step{op: opMkdir, path: "e", mode: 0o755}, step{op: opRename, path: "d", to: "e/d"})
		s.steps(step{op: opRename, path: "e/d/f", to: "e/g"})
		s.unmount()
		return "e/g"
	}},
	{"removed meanwhile", 2, func(s *scene, _ *rand.Rand) string {
		s.without(func() {
			s.clock.pass(time.Minute)
			s.steps(step{op: opUnlink, path: "d/f"})
		}, 0)
		return ""
	}},
	{"killed in the recovery", 2, func(s *scene, rng *rand.Rand) string {
		s.without(nil, 0)
		for range 4 {
			s.disk.CrashAfter(s.disk.Ops() + rng.IntN(60))
			if m, err := s.open(); err == nil {
				_ = m.Close()
			}
			s.disk.Kill()
		}
		return "d/f"
	}},
	{"killed in the recovery without it", 2, func(s *scene, rng *rand.Rand) string {
		for range 4 {
			s.disk.CrashAfter(s.disk.Ops() + rng.IntN(60))
			if m, err := s.open(0); err == nil {
				_ = m.Close()
			}
			s.disk.Kill()
		}
		return "d/f"
	}},
	{"the other one away", 2, func(s *scene, _ *rand.Rand) string {
		s.without(nil, 1)
		return "d/f"
	}},
	{"one of three away", 3, func(s *scene, _ *rand.Rand) string {
		s.without(nil, 0)
		return "d/f"
	}},
	{"two of three away", 3, func(s *scene, _ *rand.Rand) string {
		s.without(nil, 0, 2)
		s.without(nil, 0, 1)
		return "d/f"
	}},
	{"fails in the recovery", 2, func(s *scene, rng *rand.Rand) string {
		s.inject(0, cloudtest.Rule{From: 1 + rng.IntN(30), Err: syscall.EIO})
		s.without(nil)
		s.mend()
		return "d/f"
	}},
	{"back while mounted", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.tend()
		s.unmount()
		return "d/f"
	}},
	{"killed while it comes back", 2, func(s *scene, rng *rand.Rand) string {
		for range 4 {
			s.mount(0)
			s.clock.pass(time.Minute)
			s.disk.CrashAfter(s.disk.Ops() + rng.IntN(40))
			_ = s.m.Tend()
			s.disk.Kill()
		}
		return "d/f"
	}},
	{"the others fail while it comes back", 2, func(s *scene, rng *rand.Rand) string {
		s.mount(0)
		s.inject(1, cloudtest.Rule{Op: "change", From: 1 + rng.IntN(10), Err: syscall.EIO})
		s.clock.pass(time.Minute)
		_ = s.m.Tend()
		s.mend()
		s.tend()
		s.unmount()
		return "d/f"
	}},
	{"no room in the others", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.inject(1, cloudtest.Rule{Op: "change", Err: syscall.ENOSPC})
		s.clock.pass(time.Minute)
		_ = s.m.Tend()
		_ = s.m.Close()
		s.disk.Kill()
		_, _ = s.open()
		s.disk.Kill()
		s.mend()
		return "d/f"
	}},
	{"no room in the others for a while", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.inject(1, cloudtest.Rule{Op: "change", Err: syscall.ENOSPC})
		for range 3 {
			s.clock.pass(time.Minute)
			_ = s.m.Tend()
		}
		s.mend()
		s.tend()
		s.unmount()
		return "d/f"
	}},
	{"moved, and back while mounted", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.clock.pass(time.Minute)
		s.steps(step{op: opMkdir, path: "e", mode: 0o755}, step{op: opRename, path: "d", to: "e/d"})
		s.steps(step{op: opRename, path: "e/d/f", to: "e/g"})
		s.tend()
		s.unmount()
		return "e/g"
	}},
	{"removed, and back while mounted", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.clock.pass(time.Minute)
		s.steps(step{op: opUnlink, path: "d/f"})
		s.put("d/f", "another", true)
		s.steps(step{op: opUnlink, path: "d/f"})
		s.tend()
		s.unmount()
		return ""
	}},
	{"moved, and then alone", 2, func(s *scene, _ *rand.Rand) string {
		s.without(func() {
			s.clock.pass(time.Minute)
			s.steps(step{op: opMkdir, path: "e", mode: 0o755}, step{op: opRename, path: "d", to: "e/d"})
			s.steps(step{op: opRename, path: "e/d/f", to: "e/g"})
		}, 0)
		s.without(nil, 1)
		s.without(nil, 0)
		return "e/g"
	}},
	{"moved, killed, and moved again", 2, func(s *scene, _ *rand.Rand) string {
		s.mount(0)
		s.clock.pass(time.Minute)
		s.steps(step{op: opMkdir, path: "e", mode: 0o755}, step{op: opRename, path: "d", to: "e/d"}, step{op: opSyncDir})
		s.crash(0)
		s.clock.pass(time.Minute)
		s.steps(step{op: opRename, path: "e/d/f", to: "e/g"})
		s.unmount()
		return "e/g"
	}},
}

// TestKept lets one cloud alone have what the log builds on, and be away: the
// version is there once it is back.
func TestKept(t *testing.T) {
	before, after := text(40000, 1), text(5<<18, 2)
	for _, o := range onlies {
		for _, st := range stays {
			t.Run(o.name+"/"+st.name, func(t *testing.T) {
				err := tellScene(t, st.clouds, layout{reuse: true}, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755})
					s.must(s.m.Sync())
					o.make(s, before, after)
					s.disk.Kill()
					for seed := range uint64(keptCuts) {
						c := &scene{box: s.clone()}
						c.keptCut(seed)
						c.endsWith(st.play(c, rand.New(rand.NewPCG(seed, 2))), after)
					}
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

const keptCuts = 2

// TestKeptBesideAnother lets another machine change the file, in what the other
// cloud has of it, while the cloud is away that has this machine's version: both
// contents are there in the end.
func TestKeptBesideAnother(t *testing.T) {
	before, after := text(40000, 1), text(5<<18, 2)
	for _, mounted := range []bool{false, true} {
		err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
			s.steps(step{op: opMkdir, path: "d", mode: 0o755})
			onlies[1].make(s, before, after)
			s.disk.Kill()
			s.keptCut(1)
			other := &scene{box: s.machine(9)}
			other.mount(0)
			other.put("d/f", "theirs", true)
			other.unmount()
			s.clock.pass(time.Minute)
			if mounted {
				s.mount(0)
			} else {
				s.mount()
			}
			for range 4 {
				s.tend()
			}
			s.kept(after, "theirs")
			s.remount()
			s.kept(after, "theirs")
		})
		if err != nil {
			t.Errorf("back while mounted: %v: %v", mounted, err)
		}
	}
}

// TestKeptInALongLog changes so much while a cloud is away, on which a file waits,
// that the log would grow past every bound. It does not, the file is there once
// the cloud is back, and so it is where that happens later on.
func TestKeptInALongLog(t *testing.T) {
	const chunk, bound = 8 << 20, 170 << 20
	before, after := text(40000, 1), text(5<<18, 2)
	err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("other", text(chunk, 3), true)
		s.must(s.m.Sync())
		onlies[1].make(s, before, after)
		s.disk.Kill()
		s.keptCut(1)
		s.mount(0)
		s.clock.pass(time.Minute)
		s.steps(step{op: opRename, path: "d", to: "e"})
		first, longest := s.log.Mark(), int64(0)
		for i := range 22 {
			s.must(s.patch("other", text(chunk, i), 0))
			s.must(s.m.Sync())
			longest = max(longest, s.log.Size())
		}
		if longest < bound/2 || longest > bound || s.log.Mark() == first {
			s.failf("the log had up to %d bytes, and is kept from %d on", longest, s.log.Mark())
		}
		c := &scene{box: s.clone()}
		s.tend()
		s.holds("e/f", after)
		s.unmount()
		s.endsWith("e/f", after)
		c.disk.Kill()
		c.endsWith("e/f", after)
	})
	if err != nil {
		t.Error(err)
	}
}

// keptCut takes the power from all clouds but the first.
func (s *scene) keptCut(seed uint64) {
	for k := 1; k < s.n; k++ {
		s.disk.PowerCut(rand.New(rand.NewPCG(seed, uint64(k))), cloudName(k))
	}
	s.state.powerCut()
}

// endsWith mounts with all clouds, and wants each of them to have the file, and
// to owe nothing.
func (s *scene) endsWith(path, content string) {
	s.mount()
	for range 4 {
		s.tend()
	}
	if path == "" {
		s.missing("d/f")
	} else {
		s.holds(path, content)
	}
	s.must(s.m.Sync())
	s.nobodyOwes()
	all := make([]int, s.n)
	for k := range all {
		all[k] = k
	}
	s.honest(all...)
	s.unmount()
	if path != "" {
		for k := range s.n {
			s.alone(k, path, content)
		}
	}
}
