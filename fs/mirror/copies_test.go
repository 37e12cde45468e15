//go:build !race || long

package mirror_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// copyTexts are what sync tools put behind an entry whose both versions they rename.
var copyTexts = []struct{ tool, one, other string }{
	{"rclone bisync", ".conflict1", ".conflict2"},
	{"rclone bisync before", "..path1", "..path2"},
	{"Syncthing", ".sync-conflict-20240101-120000-ABCDEFG", ".sync-conflict-20240101-120001-HIJKLMN"},
	{"Dropbox", " (X's conflicted copy 2024-01-01)", " (Y's conflicted copy 2024-01-01)"},
	{"Nextcloud", " (conflicted copy 2024-01-01 120000)", " (conflicted copy 2024-01-01 120001)"},
	{"OneDrive", "-HOST", "-OTHER"},
	{"Google Drive", " (1)", " (2)"},
}

// moves renames in cloud k what is at a path, and gives it that text.
func (s *scene) moves(k int, path, text string) {
	entry := s.entryIn(k, path)
	s.must(s.them(k).Do(cloudtest.Rename(entry, entry+text)))
}

// entryIn is the entry of a path in cloud k, with the letter w where it has that.
func (s *scene) entryIn(k int, path string) string {
	entry := s.entryAt(k, path)
	if _, err := s.disk.Dir(cloudName(k)).Stat(entry); err != nil {
		entry += "w"
	}
	return entry
}

// both has every cloud with both versions of a file, neither at its own entry.
func (s *scene) both(path, one, other string, clouds ...int) {
	theirs := s.theirs(8, func(o *scene) { o.put(path, "theirs", true) })
	s.put(path, "ours", true)
	s.must(s.m.Sync())
	for _, k := range clouds {
		entry := s.entryAt(k, path)
		s.moves(k, path, one)
		s.must(s.them(k).Do(cloudtest.Replace(entry+other, s.backing(theirs, k, path))))
	}
}

// shows wants what tools have made of names to be settled, some time after somebody has looked.
func (s *scene) shows(want ...string) {
	look(s.m)
	s.backAgain()
	s.kept(want...)
	s.remount()
	s.kept(want...)
	s.heal()
	s.kept(want...)
	s.everywhere()
}

// TestToolCopies: sync tools rename both versions of a file, so that none is left at its own entry. Both are shown, one of them under the
// name, and are in all clouds. The same for what is not a file, and for directories.
func TestToolCopies(t *testing.T) {
	long := strings.Repeat("long", 60)
	for _, text := range copyTexts {
		for n := 1; n <= 3; n++ {
			for _, path := range []string{"f", "d/f", "d/" + long} {
				for _, part := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %.8s, %d clouds, in one %v", text.tool, path, n, part), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							s.steps(step{op: opMkdir, path: "d", mode: 0o755})
							s.put(path, "first", true)
							s.must(s.m.Sync())
							in := []int{0, 1, 2}[:n]
							if part {
								in = in[n-1:]
							}
							s.both(path, text.one, text.other, in...)
							s.shows("ours", "theirs")
						})
					})
				}
			}
		}
	}
}

// toolChanges are other things that tools do, in each of some clouds, and what is to be seen then.
var toolChanges = []struct {
	name  string
	make  func(s *scene)
	do    func(s *scene, k int, text string)
	after func(s *scene)
}{
	{"a file renamed", func(s *scene) { s.put("x", "content", true) }, func(s *scene, k int, text string) { s.moves(k, "x", text) },
		func(s *scene) { s.holds("x", "content") }},
	{"a symlink renamed", func(s *scene) { s.steps(step{op: opSymlink, path: "x", to: "target"}) }, func(s *scene, k int, text string) { s.moves(k, "x", text) },
		func(s *scene) {
			if g := look(s.m)["x"]; g.kind != 'l' || g.data != "target" {
				s.failf("x is %v", g)
			}
		}},
	{"a file copied", func(s *scene) { s.put("x", "content", true) }, func(s *scene, k int, text string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "x"), s.entryAt(k, "x")+text, false)))
	}, func(s *scene) {
		s.holds("x", "content")
		s.seesOnly("x")
	}},
	{"an older version as a copy", func(s *scene) {
		s.put("x", "content", true)
		s.must(s.m.Sync())
	}, func(s *scene, k int, text string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "x"), s.entryAt(k, "x")+text, false)))
		s.put("x", "later", true)
	}, func(s *scene) {
		s.holds("x", "later")
		s.seesOnly("x")
	}},
	{"what was removed as a copy", func(s *scene) {
		s.put("x", "content", true)
		s.put("y", "other", true)
		s.must(s.m.Sync())
	}, func(s *scene, k int, text string) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "x"), s.entryAt(k, "x")+text, false)))
		_ = s.do(step{op: opUnlink, path: "x"})
	}, func(s *scene) { s.seesOnly("y") }},
	{"a directory renamed", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755}, step{op: opMkdir, path: "x/in", mode: 0o755})
		s.put("x/in/f", "content", true)
	}, func(s *scene, k int, text string) { s.moves(k, "x", text) },
		func(s *scene) {
			s.holds("x/in/f", "content")
			s.seesOnly("x", "x/in", "x/in/f")
		}},
	{"a directory renamed, and a copy of it, with another machine's files in it", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755}, step{op: opMkdir, path: "x/in", mode: 0o755})
		s.put("x/f", "content", true)
		s.put("x/in/g", "inner", true)
	}, func(s *scene, k int, text string) {
		entry := s.entryAt(k, "x")
		if _, err := s.disk.Dir(cloudName(k)).Stat(entry); err != nil {
			return
		}
		f, in := s.backing(s.disk, k, "x/f"), strings.TrimPrefix(s.entryAt(k, "x/in"), entry)
		_, g := split(s.entryAt(k, "x/in/g"))
		theirs := newTheirs(s)
		s.moves(k, "x", text)
		dir := s.disk.Dir(cloudName(k))
		s.must(dir.Mkdir(entry+text+".2", 0o755))
		s.must(dir.Mkdir(entry+text+".2"+in, 0o755))
		_, name := split(s.entryAt(k, "x/f"))
		s.must(s.them(k).Do(cloudtest.Replace(entry+text+".2/"+name, f)))
		s.must(s.them(k).Do(cloudtest.Replace(entry+text+".2"+in+"/"+g, theirs[k])))
	}, func(s *scene) {
		s.holds("x/f", "content")
		s.holds("x/in/g", "theirs")
		s.seesOnly("x", "x/f", "x/in", "x/in/g")
	}},
	{"a file in capitals", func(s *scene) { s.put("x", "content", true) }, func(s *scene, k int, _ string) {
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "x"), strings.ToUpper(s.entryAt(k, "x")))))
	}, func(s *scene) { s.holds("x", "content") }},
	{"a directory with a long name renamed", func(s *scene) {
		s.steps(step{op: opMkdir, path: spell("L"), mode: 0o755})
		s.put(spell("L")+"/f", "content", true)
	}, func(s *scene, k int, text string) { s.moves(k, spell("L"), text) },
		func(s *scene) { s.holds(spell("L")+"/f", "content") }},
	{"a directory copied", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755})
		s.put("x/f", "content", true)
	}, func(s *scene, k int, text string) { s.copies(k, "x", text) },
		func(s *scene) {
			s.holds("x/f", "content")
			s.seesOnly("x", "x/f")
		}},
	{"a directory copied, and the file only there", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755})
		s.put("x/f", "content", true)
	}, func(s *scene, k int, text string) {
		s.copies(k, "x", text)
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "x/f"))))
	}, func(s *scene) {
		s.holds("x/f", "content")
		s.seesOnly("x", "x/f")
	}},
	{"a directory copied, with another machine's new file in it", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755})
		s.put("x/f", "content", true)
	}, func(s *scene, k int, text string) {
		theirs := s.theirs(8, func(o *scene) { o.put("x/new", "theirs", true) })
		s.copies(k, "x", text)
		_, name := split(s.entryAt(k, "x/new"))
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "x")+text+"/"+name, s.backing(theirs, k, "x/new"))))
	}, func(s *scene) { s.kept("content", "theirs") }},
	{"a directory copied, with another machine's new file in it, and removed", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755}, step{op: opMkdir, path: "x/y", mode: 0o755})
		s.put("x/y/f", "content", true)
	}, func(s *scene, k int, text string) {
		if _, err := s.m.Walk("x/y"); err != nil {
			return // one cloud has shown it
		}
		theirs := s.theirs(8, func(o *scene) { o.put("x/y/new", "theirs", true) })
		s.copies(k, "x/y", text)
		_, name := split(s.entryAt(k, "x/y/new"))
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "x/y")+text+"/"+name, s.backing(theirs, k, "x/y/new"))))
		s.steps(step{op: opUnlink, path: "x/y/f"}, step{op: opRmdir, path: "x/y"})
		if err := s.do(step{op: opRmdir, path: "x"}); err == nil {
			s.failf("the directory is removed, with what is nowhere else")
		}
	}, func(s *scene) { s.kept("theirs") }},
	{"a directory copied, with another machine's edit in it", func(s *scene) {
		s.steps(step{op: opMkdir, path: "x", mode: 0o755})
		s.put("x/f", "content", true)
	}, func(s *scene, k int, text string) {
		theirs := s.theirs(8, func(o *scene) { o.put("x/f", "theirs", true) })
		s.copies(k, "x", text)
		_, name := split(s.entryAt(k, "x/f"))
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "x")+text+"/"+name, s.backing(theirs, k, "x/f"))))
	}, func(s *scene) { s.holds("x/f", "theirs") }},
}

// newTheirs is another machine's edit of x/in/g, by cloud. The clouds may not all have it at its place any more.
func newTheirs(s *scene) (list [][]byte) {
	if s.edits == nil {
		from := s.theirs(8, func(o *scene) { o.put("x/in/g", "theirs", true) })
		for k := range s.n {
			s.edits = append(s.edits, s.backing(from, k, "x/in/g"))
		}
	}
	return s.edits
}

// copies copies a directory of files in cloud k.
func (s *scene) copies(k int, path, text string) {
	entry, dir := s.entryAt(k, path), s.disk.Dir(cloudName(k))
	s.must(dir.Mkdir(entry+text, 0o755))
	list, err := dir.ReadDir(entry)
	s.must(err)
	for _, e := range list {
		s.must(s.them(k).Do(cloudtest.Plant(entry+"/"+e.Name, entry+text+"/"+e.Name, false)))
	}
}

// seesOnly wants nothing else to be listed.
func (s *scene) seesOnly(paths ...string) {
	for path := range look(s.m) {
		if !slices.Contains(paths, path) {
			s.failf("%q is there", path)
		}
	}
}

// TestToolChanges: what tools have renamed or copied in some clouds is as it should be again in all of them, and what they have copied
// and nobody needs is never shown.
func TestToolChanges(t *testing.T) {
	for _, change := range toolChanges {
		for _, text := range copyTexts {
			for _, in := range [][]int{{0}, {0, 1}, {1}, {0, 1, 2}, {1, 2}} {
				n := 1 + slices.Max(in)
				for _, mounted := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, %s, in %v, mounted %v", change.name, text.tool, in, mounted), func(t *testing.T) {
						telling(t, n, func(s *scene) {
							change.make(s)
							s.must(s.m.Sync())
							if !mounted {
								s.remount()
							}
							for _, k := range in {
								change.do(s, k, text.one)
							}
							if !mounted {
								s.remount()
							}
							look(s.m)
							s.backAgain()
							change.after(s)
							s.remount()
							change.after(s)
							s.heal()
							change.after(s)
							s.everywhere()
						})
					})
				}
			}
		}
	}
}

// TestToolCopiesOfRemoved: what a program has removed goes with its directory, whatever copies a tool has made of it; what is nowhere else, or
// foreign, keeps the directory, and the log says so.
func TestToolCopiesOfRemoved(t *testing.T) {
	for _, text := range copyTexts {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprintf("%s, %d clouds", text.tool, n), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/e", mode: 0o755})
					s.put("d/e/f", "f", true)
					s.put("d/g", "g", true)
					s.must(s.m.Sync())
					for k := range s.n {
						s.copies(k, "d/e", text.one)
						s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "d/g"), s.entryAt(k, "d/g")+text.one, false)))
					}
					s.steps(step{op: opUnlink, path: "d/e/f"}, step{op: opRmdir, path: "d/e"}, step{op: opUnlink, path: "d/g"}, step{op: opRmdir, path: "d"})
					s.seesOnly()
					s.remount()
					s.seesOnly()
					s.everywhere()
				})
				telling(t, n, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "d/e", mode: 0o755})
					s.must(s.m.Sync())
					entry := s.entryAt(0, "d/e") + text.one
					s.must(s.disk.Dir(cloudName(0)).Mkdir(entry, 0o755))
					f, err := s.disk.Dir(cloudName(0)).Create(entry+"/foreign.txt", 0o600)
					s.must(err)
					s.must(f.Close())
					s.steps(step{op: opRmdir, path: "d/e"})
					if err := s.do(step{op: opRmdir, path: "d"}); err == nil {
						s.failf("the directory is removed")
					}
					_, name := split(entry)
					if !strings.Contains(s.said.String(), name) || !slices.Contains(s.backingNames(0), "foreign.txt") {
						s.failf("left are %q, and the log says %s", s.backingNames(0), s.said)
					}
				})
			})
		}
	}
}

// TestToolCopiesTold: verify tells of copies.
func TestToolCopiesTold(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.put("f", "content", true)
		s.must(s.m.Sync())
		s.must(s.them(0).Do(cloudtest.Plant(s.entryAt(0, "f"), s.entryAt(0, "f")+" (1)", false)))
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.must(s.disk.Dir(cloudName(0)).Mkdir(s.entryAt(0, "d")+" (1)", 0o755))
		var told []string
		for _, f := range s.heal().Findings {
			if f.Kind == "duplicate" {
				told = append(told, f.Path)
			}
		}
		slices.Sort(told)
		if !slices.Equal(told, []string{"d", "f"}) {
			s.failf("told are %q", told)
		}
	})
}

// TestToolCopiesKilled kills the process at each operation of settling them: nothing is lost, and the next mount goes on.
func TestToolCopiesKilled(t *testing.T) {
	for _, path := range []string{"f", "d/f"} {
		for n := 1; n <= 2; n++ {
			t.Run(fmt.Sprintf("%s, %d clouds", path, n), func(t *testing.T) {
				telling(t, n, func(s *scene) {
					s.steps(step{op: opMkdir, path: "d", mode: 0o755})
					s.put(path, "first", true)
					s.must(s.m.Sync())
					s.both(path, ".conflict1", ".conflict2", []int{0, 1}[:n]...)
					if path != "f" {
						for k := range n {
							s.moves(k, "d", " (1)")
						}
					}
					s.unmount()
					for at, done := 0, false; !done; at++ {
						c := &scene{box: s.clone()}
						c.mount()
						look(c.m)
						c.disk.CrashAfter(c.disk.Ops() + at)
						c.state.crashed = c.disk.Crashed
						for range 6 {
							c.clock.pass(time.Minute)
							_ = c.m.Tend()
							look(c.m)
						}
						done = !c.disk.Crashed()
						c.state.crashed = nil
						c.crash()
						for range 2 {
							look(c.m)
							c.backAgain()
						}
						c.kept("ours", "theirs")
						c.remount()
						c.kept("ours", "theirs")
						c.heal()
						c.everywhere()
					}
				})
			})
		}
	}
}

// liars are what a hostile cloud does with tools' spellings beside an honest one.
var liars = []struct {
	name string
	do   func(s *scene, k int)
}{
	{"another file as a copy", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "y"), s.entryAt(k, "x")+" (1)", false)))
	}},
	{"another file as a copy, and the file gone", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "y"), s.entryAt(k, "x")+" (1)", false)))
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "x"))))
	}},
	{"a file as the copy of a name that is free", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "y"), s.entryAt(k, "free")+" (1)", false)))
	}},
	{"a removed file as a copy of its name", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "gone")+" (1)", s.backing(s.disk, k, "y"))))
	}},
	{"a file renamed to a copy of another", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "y"), s.entryAt(k, "x")+" (1)")))
	}},
	{"files that are each other's copies", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "y"), s.entryAt(k, "x")+" (1)")))
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "x"), s.entryAt(k, "y")+" (1)")))
	}},
	{"a directory as a copy of another", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "d"), s.entryAt(k, "e")+" (1)")))
	}},
	{"a directory as a copy of a file", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "d"), s.entryAt(k, "x")+" (1)")))
		s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "x"))))
	}},
	{"a file as a copy of a directory", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Plant(s.entryAt(k, "y"), s.entryAt(k, "d")+" (1)", false)))
	}},
	{"garbage as a copy", func(s *scene, k int) {
		s.must(s.them(k).Do(cloudtest.Rename(s.entryAt(k, "x"), s.entryAt(k, "x")+" (1)")))
		s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "x")+" (1)", random(3000))))
	}},
}

// TestToolCopiesOfALiar: nothing that one cloud makes look like a tool's copy changes what is seen.
func TestToolCopiesOfALiar(t *testing.T) {
	for _, lie := range liars {
		for n := 2; n <= 3; n++ {
			for k := range n {
				t.Run(fmt.Sprintf("%s, cloud %d of %d", lie.name, k, n), func(t *testing.T) {
					telling(t, n, func(s *scene) {
						s.steps(step{op: opMkdir, path: "d", mode: 0o755}, step{op: opMkdir, path: "e", mode: 0o755})
						for _, path := range []string{"x", "y", "d/f", "e/g", "gone"} {
							s.put(path, path, true)
						}
						s.steps(step{op: opUnlink, path: "gone"})
						s.must(s.m.Sync())
						want := look(s.m)
						lie.do(s, k)
						for range 2 {
							s.backAgain()
							s.same(want)
							s.remount()
							s.same(want)
						}
						s.heal()
						s.same(want)
						for other := range n {
							if other != k {
								s.eachAlone(func(at int, got map[string]seen) {
									if at == other && len(got) != len(want) {
										s.failf("cloud %d alone has %v", at, got)
									}
								})
							}
						}
					})
				})
			}
		}
	}
}
