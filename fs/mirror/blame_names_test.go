//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// onNames are operations on names, with the one of a cloud that does each.
var onNames = []struct {
	op string
	st step
}{
	{"create", step{op: opCreate, path: "new", h: 1, mode: 0o644}}, {"mkdir", step{op: opMkdir, path: "new", mode: 0o755}},
	{"create", step{op: opSymlink, path: "new", to: "target"}}, {"link", step{op: opLink, path: "a", to: "new"}},
	{"rename", step{op: opRename, path: "a", to: "new"}}, {"rename", step{op: opRename, path: "a", to: "b"}},
	{"rename", step{op: opRename, path: "full", to: "empty"}}, {"rename", step{op: opRename, path: "full", to: "new"}},
	{"exchange", step{op: opExchange, path: "a", to: "full"}}, {"remove", step{op: opUnlink, path: "a"}}, {"rmdir", step{op: opRmdir, path: "empty"}},
}

// TestOneCloudRefusesAName: what all clouds together allow, one alone refuses, for what it has at that name. The program hears nothing of
// that, no cloud is put out, and that one has it later. What all refuse is the program's error.
func TestOneCloudRefusesAName(t *testing.T) {
	for _, on := range onNames {
		for _, errno := range []syscall.Errno{syscall.EEXIST, syscall.ENOTEMPTY, syscall.EISDIR, syscall.ENOTDIR, syscall.ELOOP, syscall.EXDEV} {
			for who, refuse := range [][]int{{0}, {1}, {0, 1}} {
				t.Run(fmt.Sprintf("%v, %v, %v", on.st, errno, refuse), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.put("a", "content of a", true)
						s.put("b", "content of b", true)
						s.steps(step{op: opMkdir, path: "empty", mode: 0o755}, step{op: opMkdir, path: "full", mode: 0o755})
						s.put("full/in", "content", true)
						s.must(s.m.Sync())
						was := look(s.m)
						if errno == syscall.ENOTDIR && (on.op == "remove" || on.op == "rmdir") {
							return // it says that nothing is there
						}
						for _, k := range refuse {
							s.inject(k, cloudtest.Rule{Op: on.op, From: 1, To: 1, Err: errno})
						}
						err := s.do(on.st)
						if who == 2 {
							if !errors.Is(err, errno) {
								s.failf("all refuse, and the program hears: %v", err)
							}
							s.sees(was)
							return
						}
						s.must(err)
						for _, c := range s.m.Status().Clouds {
							if c.State != "ok" && c.State != "owes" {
								s.failf("%s is %s", c.Name, c.State)
							}
						}
						want := look(s.m)
						if on.st.to != "target" && on.st.path != "new" && on.st.op != opLink && on.st.op != opRmdir {
							want = after(was, on.st)
						}
						s.sees(want)
						s.mend()
						s.settles(want, 0, 1)
					})
				})
			}
		}
	}
}

// TestRmdirOfWhatOneCloudFills: a directory in which programs see nothing goes, though one cloud has something in it that is not
// shown; what is foreign keeps it everywhere.
func TestRmdirOfWhatOneCloudFills(t *testing.T) {
	ways := map[string]step{"removed": {op: opRmdir, path: "d"}, "replaced": {op: opRename, path: "e", to: "d"}}
	for how, st := range ways {
		for _, there := range putThere[:5] {
			for i := range 6 {
				k, when := i%2, []string{"before", "before a remount", "at that moment"}[i/2]
				t.Run(fmt.Sprintf("%s, %s, in cloud %d, %s", how, there.name, k, when), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.stock(func(s *scene, path string) { s.steps(step{op: opMkdir, path: path, mode: 0o755}) }, "d", "e")
						if when == "before a remount" {
							s.unmount()
						}
						plant := func() { there.move(s, k, s.entryAt(k, "d/hidden")) }
						if when == "at that moment" {
							s.inject(k, cloudtest.Rule{Op: "change", From: 1, To: 1, Act: acts(plant)})
						} else {
							plant()
							s.clock.pass(time.Hour)
						}
						if when == "before a remount" {
							s.mount()
						}
						if _, there := look(s.m)["d/hidden"]; there {
							s.failf("it is shown")
						}
						s.steps(st)
						s.mend()
						for _, c := range s.m.Status().Clouds {
							if c.State != "ok" && c.State != "owes" {
								s.failf("%s is %s", c.Name, c.State)
							}
						}
						want := look(s.m)
						if _, err := s.m.Walk(st.path); !errors.Is(err, fs.ErrNotExist) {
							s.failf("%q is still there: %v", st.path, err)
						}
						s.settles(want, 1-k)
					})
				})
			}
		}
	}
}

type acts func()

func (a acts) Act() { a() }

func (a acts) String() string { return "somebody acts" }

// TestRmdirOfWhatIsForeign: no cloud loses the directory in which one of them has something foreign.
func TestRmdirOfWhatIsForeign(t *testing.T) {
	for k := range 2 {
		telling(t, 2, func(s *scene) {
			s.steps(step{op: opMkdir, path: "d", mode: 0o755})
			s.must(s.m.Sync())
			s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "d")+"/.sync-tool.lock", []byte("theirs"))))
			if err := s.do(step{op: opRmdir, path: "d"}); !errors.Is(err, mirror.ErrNotEmpty) {
				s.failf("it goes: %v", err)
			}
			s.everywhere()
		})
	}
}
