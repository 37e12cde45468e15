//go:build !race || long

package mirror_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// specials are the kinds of what is neither a file nor a directory.
var specials = map[string]step{
	"symlink": {op: opSymlink, path: "c", to: "target"},
	"FIFO":    {op: opMknod, path: "c", mode: unix.S_IFIFO | 0o644},
	"device":  {op: opMknod, path: "c", mode: unix.S_IFCHR | 0o644, n: int64(unix.Mkdev(1, 3))},
}

// TestSpecialMeddled: somebody takes away a special file in one cloud, or puts garbage in its place, while a program works with it,
// which notices nothing.
func TestSpecialMeddled(t *testing.T) {
	for kind, made := range specials {
		for _, use := range []step{
			{op: opUtimens, path: "c", n: 1e9}, {op: opChown, path: "c", n: 1000}, {op: opLink, path: "c", to: "d"},
			{op: opRename, path: "c", to: "d"}, {op: opUnlink, path: "c"},
		} {
			for _, harm := range []string{"deleted", "replaced", "rewritten"} {
				for at := 1; at <= 4; at++ { // operations of the cloud
					for k := range 2 {
						t.Run(fmt.Sprintf("%s, %s, %s before operation %d of cloud %d", kind, use.op, harm, at, k), func(t *testing.T) {
							telling(t, 2, func(s *scene) {
								s.steps(made)
								s.remount()
								entry := s.entryAt(k, "c") + "w"
								move := map[string]cloudtest.Move{
									"deleted": cloudtest.Delete(entry), "replaced": cloudtest.Replace(entry, []byte("garbage")),
									"rewritten": cloudtest.Rewrite(entry, make([]byte, 2000)),
								}[harm]
								s.inject(k, cloudtest.Rule{From: at, To: at, Act: s.them(k).Then(move)})
								s.steps(use)
								want := tell([]step{made, use})
								s.must(want.exactly(look(s.m), 2, 2))
								s.remount()
								s.must(want.exactly(look(s.m), 2, 2))
							})
						})
					}
				}
			}
		}
	}
}

// TestMadeWhereSomethingIs: a name that is free for programs can be made, though one cloud has something there that appears just then.
func TestMadeWhereSomethingIs(t *testing.T) {
	for _, makes := range []step{
		{op: opCreate, path: "c", mode: 0o644}, {op: opMkdir, path: "c", mode: 0o755}, {op: opLink, path: "f", to: "c"},
		specials["symlink"], specials["FIFO"],
	} {
		for k := range 2 {
			t.Run(fmt.Sprintf("%s %o, cloud %d", makes.op, makes.mode, k), func(t *testing.T) {
				telling(t, 2, func(s *scene) {
					p := &player{b: s.box, m: s.m, handles: map[int]*played{}}
					s.must(p.play([]step{{op: opCreate, path: "f", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 7}, {op: opClose, h: 1}}))
					entry, op := s.entryAt(k, "c"), map[string]string{opMkdir: "mkdir", opLink: "link"}[makes.op]
					if makes.op == opSymlink || makes.op == opMknod {
						entry += "w"
					}
					if op == "" {
						op = "create"
					}
					s.inject(k, cloudtest.Rule{Op: op, Glob: entry, From: 1, To: 1, Act: s.them(k).Then(cloudtest.Plant(s.entryAt(k, "f"), entry, true))})
					s.steps(makes)
					want := tell([]step{{op: opCreate, path: "f", h: 1, mode: 0o644}, {op: opWrite, h: 1, n: 7}, {op: opClose, h: 1}, makes})
					s.must(want.exactly(look(s.m), 4, 4))
					s.remount()
					s.must(want.exactly(look(s.m), 4, 4))
					s.honest(1 - k)
				})
			})
		}
	}
}

// TestDirectTornInOne: what was written to an open file, and is in no version yet, is read and counted from the other cloud where one
// has lost it, also when the file's own names come and go meanwhile.
func TestDirectTornInOne(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 2000)
	for _, committed := range []bool{false, true} {
		for _, linked := range []bool{false, true} {
			for k := range 2 {
				t.Run(fmt.Sprintf("committed %v, a link less %v, cloud %d", committed, linked, k), func(t *testing.T) {
					telling(t, 2, func(s *scene) {
						s.put("f", "", committed)
						s.steps(step{op: opLink, path: "f", to: "g"})
						h := s.handle("f")
						s.must(h.Truncate(100)) // and so it may have holes
						_, err := h.WriteAt([]byte(content), 8192)
						s.must(err)
						s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "f"), make([]byte, 2000))))
						_, err = h.WriteAt([]byte(content), 65536)
						s.must(err)
						if linked {
							s.reads(h, content, 8192)
							s.steps(step{op: opUnlink, path: "g"})
						}
						s.reads(h, content, 8192)
						s.must(h.Truncate(20000))
						s.reads(h, content[:20000-8192], 8192)
						s.must(h.Sync())
						s.must(h.Close())
						want := string(make([]byte, 8192)) + content[:20000-8192]
						s.holds("f", want)
						s.remount()
						s.holds("f", want)
						s.honest(1 - k)
					})
				})
			}
		}
	}
}

// TestMissedExchange: one cloud goes without an exchange, since somebody else has put garbage at one of both names. What is linked,
// written or moved afterwards is what programs have there, and what that cloud has left is not shown again.
func TestMissedExchange(t *testing.T) {
	a, b := step{op: opMknod, path: "a", mode: unix.S_IFIFO | 0o644}, specials["device"]
	b.path = "b"
	for name, steps := range map[string][]step{
		"a special is linked": {a, b, {op: opExchange, path: "a", to: "b"}, {op: opLink, path: "a", to: "L"}},
		"an open file is written": {
			{op: opCreate, path: "a", h: 1, mode: 0o644}, {op: opCreate, path: "b", h: 2, mode: 0o644}, {op: opRound, n: 1},
			{op: opExchange, path: "a", to: "b"}, {op: opUtimens, path: "b", n: 1e9}, {op: opUtimens, path: "a", n: 1e9},
			{op: opWrite, h: 1, n: 5000, seed: 1}, {op: opWrite, h: 2, n: 5000, seed: 2},
		},
		"a file moves on from where a directory was": {
			{op: opCreate, path: "a", h: 1, mode: 0o644}, {op: opMkdir, path: "b", mode: 0o755}, {op: opRound, n: 1},
			{op: opExchange, path: "a", to: "b"}, {op: opRename, path: "b", to: "a/b"},
		},
	} {
		for at := range steps {
			if steps[at].op != opExchange {
				continue
			}
			for k := range 2 {
				for _, path := range []string{"a", "b"} {
					t.Run(fmt.Sprintf("%s, garbage at %s in cloud %d", name, path, k), func(t *testing.T) {
						telling(t, 2, func(s *scene) {
							p := &player{b: s.box, m: s.m, handles: map[int]*played{}}
							p.before = func(i int, _ *model) error {
								if entry, file := s.harmed(k, path); i == at && file {
									return s.them(k).Do(cloudtest.Replace(entry, []byte("garbage")))
								}
								return nil
							}
							s.must(p.play(steps))
							s.must(p.letGo())
							h, last := tell(steps), len(steps)
							s.must(h.exactly(look(s.m), last, last))
							s.remount()
							s.must(h.exactly(look(s.m), last, last))
							s.honest(1 - k)
						})
					})
				}
			}
		}
	}
}

// harmed is the entry of a path, in the spelling that is there, and tells whether it is no directory.
func (s *scene) harmed(k int, path string) (entry string, file bool) {
	entry = s.entryAt(k, path)
	if _, err := s.disk.Dir(cloudName(k)).Stat(entry + "w"); err == nil {
		return entry + "w", true
	}
	info, err := s.disk.Dir(cloudName(k)).Stat(entry)
	return entry, err == nil && !info.Dir
}

// reads wants an open file to have that content at an offset.
func (s *scene) reads(h *mirror.Handle, want string, off int64) {
	got := make([]byte, len(want))
	if _, err := h.ReadAt(got, off); err != nil || string(got) != want {
		s.failf("the open file reads wrong at %d: %v", off, err)
	}
}
