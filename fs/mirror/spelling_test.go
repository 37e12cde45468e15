//go:build !race || long

package mirror_test

import (
	"fmt"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// fifo makes a FIFO.
func (s *scene) fifo(name string) {
	n, err := s.m.Root().Mknod(name, unix.S_IFIFO|0o644, 0, mirror.Owner{})
	s.must(err)
	n.Forget()
}

// respellings put something at a name whose entry carries the letter w in the place of what has none, or the other way round.
var respellings = []struct {
	name         string
	first, after func(s *scene)
}{
	{"a file over a symlink", func(s *scene) {
		s.steps(step{op: opSymlink, path: "c", to: "target"})
		s.put("x", "content", true)
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a file over a symlink that has another name", func(s *scene) {
		s.steps(step{op: opSymlink, path: "a", to: "target"}, step{op: opLink, path: "a", to: "c"})
		s.put("x", "content", true)
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a name of a file over a symlink that has another name", func(s *scene) {
		s.steps(step{op: opSymlink, path: "a", to: "target"}, step{op: opLink, path: "a", to: "c"})
		s.put("x", "content", true)
		s.steps(step{op: opLink, path: "x", to: "y"})
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a file over a symlink, under a long name", func(s *scene) {
		s.steps(step{op: opSymlink, path: "L", to: "target"})
		s.put("x", "content", true)
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "L"}) }},
	{"a file over a symlink in a directory that is renamed", func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opSymlink, path: "d/c", to: "target"})
		s.put("d/x", "content", true)
	}, func(s *scene) {
		s.steps(step{op: opRename, path: "d/x", to: "d/c"}, step{op: opRename, path: "d", to: "e"})
	}},
	{"a file over a FIFO", func(s *scene) {
		s.fifo("c")
		s.put("x", "content", true)
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a symlink over a file", func(s *scene) {
		s.put("c", "content", true)
		s.steps(step{op: opSymlink, path: "x", to: "target"})
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a name of a symlink over a file that has another", func(s *scene) {
		s.put("b", "content", true)
		s.steps(step{op: opLink, path: "b", to: "c"}, step{op: opSymlink, path: "a", to: "target"}, step{op: opLink, path: "a", to: "x"})
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a FIFO over a file", func(s *scene) {
		s.put("c", "content", true)
		s.fifo("x")
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a symlink over a FIFO", func(s *scene) {
		s.fifo("c")
		s.steps(step{op: opSymlink, path: "x", to: "target"})
	}, func(s *scene) { s.steps(step{op: opRename, path: "x", to: "c"}) }},
	{"a file and a symlink change places", func(s *scene) {
		s.put("c", "content", true)
		s.steps(step{op: opSymlink, path: "x", to: "target"})
	}, func(s *scene) { s.steps(step{op: opExchange, path: "x", to: "c"}) }},
	{"a directory where a symlink was", func(s *scene) {
		s.steps(step{op: opSymlink, path: "c", to: "target"}, step{op: opMkdir, path: "z", mode: 0o755})
		s.put("z/f", "content", true)
	}, func(s *scene) {
		s.steps(step{op: opUnlink, path: "c"}, step{op: opRename, path: "z", to: "c"})
	}},
	{"a symlink where a directory was", func(s *scene) {
		s.steps(step{op: opMkdir, path: "c", mode: 0o755}, step{op: opSymlink, path: "x", to: "target"})
	}, func(s *scene) {
		s.steps(step{op: opRmdir, path: "c"}, step{op: opRename, path: "x", to: "c"})
	}},
	{"a file over a symlink, and a symlink over it", func(s *scene) {
		s.steps(step{op: opSymlink, path: "c", to: "target"}, step{op: opSymlink, path: "y", to: "other"})
		s.put("x", "content", true)
	}, func(s *scene) {
		s.steps(step{op: opRename, path: "x", to: "c"}, step{op: opRename, path: "y", to: "c"})
	}},
}

// killedThen are what comes after a kill, with a cloud away at first or with none.
var killedThen = []struct {
	name string
	sure bool // what is seen then is what a cloud that is away had, too
	play func(s *scene, away ...int)
}{
	{"killed", true, func(s *scene, away ...int) { s.crash(away...) }},
	{"killed twice", true, func(s *scene, away ...int) {
		s.crash(away...)
		s.crash(away...)
	}},
	{"the power cut", false, func(s *scene, away ...int) {
		s.cut(uint64(len(away)))
		s.mount(away...)
	}},
}

// TestRespelt: the entries that stand for a name in a cloud are one in the end, whenever the process was killed, and whichever cloud was
// away when the next one began.
func TestRespelt(t *testing.T) {
	for _, how := range respellings {
		for n := 1; n <= 2; n++ {
			var left []*box
			telling(t, n, func(s *scene) {
				how.first(s)
				s.must(s.m.Sync())
				for op := 1; op < 40; op++ {
					s.disk.SnapshotAfter(s.disk.Ops()+op, 0, func(d *cloudtest.Disk) { left = append(left, s.on(d)) })
				}
				how.after(s)
				s.must(s.m.Sync())
			})
			for _, then := range killedThen {
				for away := -1; away < n && (n > 1 || away < 0); away++ {
					t.Run(fmt.Sprintf("%s, %s, %d clouds without %d", how.name, then.name, n, away), func(t *testing.T) {
						for at, b := range left {
							if err := tellOn(b.clone(), func(s *scene) { s.respelt(then.play, then.sure, away) }); err != nil {
								t.Fatalf("at moment %d of %d: %v", at, len(left), err)
							}
						}
					})
				}
			}
		}
	}
}

// respelt goes on after a kill, and lets the cloud that is away return.
func (s *scene) respelt(then func(s *scene, away ...int), sure bool, away int) {
	if away < 0 {
		then(s)
	} else {
		then(s, away)
	}
	want := look(s.m)
	s.remount()
	s.backAgain()
	if sure {
		s.sees(want)
	}
	s.everywhere()
	s.unmount()
}

// TestRespeltInPart: the same where a cloud takes the one entry and does not give up the other.
func TestRespeltInPart(t *testing.T) {
	for _, how := range respellings {
		for k := range 2 {
			for _, end := range []func(s *scene){func(*scene) {}, func(s *scene) { s.remount() }, func(s *scene) { s.crash() }, func(s *scene) { s.crash(k); s.remount() }} {
				t.Run(how.name, func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						how.first(s)
						s.must(s.m.Sync())
						s.inject(k, cloudtest.Rule{Op: "remove", Err: syscall.EIO})
						how.after(s)
						want := look(s.m)
						s.mend()
						end(s)
						s.backAgain()
						s.sees(want)
						s.everywhere()
					})
				})
			}
		}
	}
}
