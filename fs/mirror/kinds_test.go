package mirror_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
)

// A kind is something at a name: as it is made there, synced or not, and how it goes.
type kind struct {
	name string
	dir  bool
	make func(s *scene, x string, sync bool)
	gone []string // what goes, in this order, below the name
}

var lostKinds = []kind{
	{"file", false, func(s *scene, x string, sync bool) { s.put(x, "content", sync) }, []string{""}},
	{"symlink", false, func(s *scene, x string, _ bool) { s.steps(step{op: opSymlink, path: x, to: "content"}) }, []string{""}},
	{"empty directory", true, func(s *scene, x string, _ bool) { s.steps(step{op: opMkdir, path: x, mode: 0o755}) }, []string{""}},
	{"directory", true, func(s *scene, x string, sync bool) {
		s.steps(step{op: opMkdir, path: x, mode: 0o755}, step{op: opMkdir, path: x + "/d", mode: 0o755})
		s.put(x+"/d/f", "content", sync)
	}, []string{"/d/f", "/d", ""}},
}

// comingKinds are what comes in the place of the other, beside what is made there.
var comingKinds = []kind{
	{"file of another name", false, func(s *scene, x string, _ bool) { s.steps(step{op: opRename, path: "g", to: x}) }, nil},
	{"directory with what was moved", true, func(s *scene, x string, _ bool) {
		s.steps(step{op: opMkdir, path: x, mode: 0o755}, step{op: opRename, path: "moved", to: x + "/moved"})
	}, nil},
}

// lostKind is a name at which a directory came after something else, or the other
// way round, and the log has lost all that told of it.
type lostKind struct {
	n       int
	x       string
	was, is kind
	moved   bool // what was there was not removed
	indexed bool // it is in the index, and not in the log
}

func (l lostKind) String() string {
	return fmt.Sprintf("%d clouds, %s, then %s, moved %v, indexed %v", l.n, l.was.name, l.is.name, l.moved, l.indexed)
}

// TestLostKinds: whatever a cloud has of either after a power cut can be read after the
// next mount, under some name, and all clouds have the same names; also where that
// mount was killed, or its power cut.
func TestLostKinds(t *testing.T) {
	for i, l := range lostKindsOf() {
		if i%everyScene != 0 {
			continue
		}
		t.Run(l.String(), func(t *testing.T) {
			if i%2 == 1 {
				l.x = spell("L") // with a sidecar
			}
			telling(t, l.n, l.play)
		})
	}
}

func lostKindsOf() (list []lostKind) {
	for _, was := range lostKinds {
		for _, is := range append(lostKinds[:len(lostKinds):len(lostKinds)], comingKinds...) {
			for at := range 12 {
				l := lostKind{n: 1 + at/4, x: "x", was: was, is: is, moved: at&1 != 0, indexed: at&2 != 0}
				if was.dir != is.dir && (l.moved || is.name != "directory with what was moved") && !(l.moved && was.dir) {
					list = append(list, l)
				}
			}
		}
	}
	return list
}

func (l lostKind) play(s *scene) {
	s.put("g", "of another name", true)
	s.steps(step{op: opMkdir, path: "e", mode: 0o755})
	s.put("e/f", "in a directory", true)
	s.remount()
	l.was.make(s, l.x, true)
	s.steps(step{op: opSyncDir})
	if l.indexed {
		s.remount()
	}
	logged := s.logSize()
	if l.moved {
		s.steps(step{op: opRename, path: l.x, to: "moved"})
	} else {
		for _, below := range l.was.gone {
			op := opUnlink
			if l.was.dir && below != "/d/f" {
				op = opRmdir
			}
			s.steps(step{op: op, path: l.x + below})
		}
	}
	l.is.make(s, l.x, false)
	for seed := range uint64(lostKindCuts) {
		rng := rand.New(rand.NewPCG(seed, 27))
		c := &scene{box: s.clone()}
		c.loseLog(rng, logged)
		c.loseEnds(rng)
		c.recover(rng, c.inClouds())
	}
}

// lostKindCuts is how many power cuts are tried of each.
const lostKindCuts = 12

func (s *scene) logSize() (size int64) {
	d := s.disk.Dir(s.logs)
	list, err := d.ReadDir("")
	s.must(err)
	for _, e := range list {
		info, err := d.Stat(e.Name)
		s.must(err)
		size += info.Size
	}
	return size
}

// loseLog takes the power from the log's disk, which loses all that it did not have at
// that size.
func (s *scene) loseLog(rng *rand.Rand, size int64) {
	s.state.powerCut()
	for range 1000 {
		d := s.disk.Clone()
		d.PowerCut(rng, s.logs)
		c := &scene{box: s.on(d)}
		if c.logSize() <= size {
			s.box = c.box
			return
		}
	}
	s.failf("no power cut takes that from the log")
}

// loseEnds takes the power from the clouds' disks. Some of them have written everything.
func (s *scene) loseEnds(rng *rand.Rand) {
	for k := range s.n {
		if rng.IntN(2) == 0 {
			s.must(s.disk.Dir(cloudName(k)).Syncfs())
		}
		s.disk.PowerCut(rng, cloudName(k))
	}
}

// inClouds is what any cloud has, whole.
func (s *scene) inClouds() map[audit.Sum]string {
	all := map[audit.Sum]string{}
	for k := range s.n {
		tree, err := s.box.audit(k)
		s.must(err)
		for path, n := range tree.Nodes {
			if n.Err == nil && !n.Dir {
				all[n.Sum] = fmt.Sprintf("%q of cloud %d", unspell(path), k)
			}
		}
	}
	return all
}

// recover mounts, at times after mounts that were cut short, and wants to find it all.
func (s *scene) recover(rng *rand.Rand, all map[audit.Sum]string) {
	for range rng.IntN(3) {
		at, trial := rng.IntN(40), s.clone()
		var left *box
		trial.disk.SnapshotAfter(trial.disk.Ops()+at, rng.IntN(3), func(d *cloudtest.Disk) { left = trial.on(d) })
		m, err := trial.open()
		s.must(err)
		s.must(m.Close())
		if left == nil {
			continue
		}
		s.box = left
		if rng.IntN(2) == 0 {
			s.disk.Kill()
		} else {
			s.disk.PowerCut(rng)
			s.state.powerCut()
		}
	}
	s.mount()
	seen := look(s.m)
	for _, g := range seen {
		if g.err == nil && g.kind != 'd' {
			delete(all, audit.Sum{Size: int64(len(g.data)), SHA256: sha256.Sum256([]byte(g.data))})
		}
	}
	for _, what := range all {
		s.failf("%s is not in %v", what, seen)
	}
	s.nobodyOwes()
	s.unmount()
	s.must(s.sameNames(nil))
}

// TestForeignDirectory: another machine makes a directory of a file that was edited here,
// and a sync client brings that to some clouds before the mount after a power cut. The
// edit keeps the name if any cloud still has the file, and nothing of the other machine's
// is lost.
func TestForeignDirectory(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for some := 1; some < 1<<n; some++ {
			for seed := range uint64(6) {
				telling(t, n, func(s *scene) {
					s.put("x", "first", true)
					s.remount()
					theirs := s.theirs(9, func(o *scene) {
						o.steps(step{op: opUnlink, path: "x"}, step{op: opMkdir, path: "x", mode: 0o755})
						o.put("x/theirs", "of the other machine", true)
					})
					s.must(s.patch("x", "edited", 0))
					s.cut(seed)
					for k := range n {
						if some>>k&1 != 0 {
							s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "x"), theirs.Dir(cloudName(k)))))
							s.must(s.disk.Dir(cloudName(k)).Syncfs())
						}
					}
					s.recover(rand.New(rand.NewPCG(seed, 28)), nil)
					s.mount()
					s.kept("of the other machine")
					if some < 1<<n-1 {
						s.holds("x", "edited")
					}
				})
			}
		}
	}
}
