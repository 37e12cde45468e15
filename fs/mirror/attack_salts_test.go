package mirror_test

import "github.com/overcast-fs/overcast/fs/cloud/cloudtest"

// saltAttacks: in one cloud another file is in the place of one that is changed
// here. The log tells nothing of that other one, and neither does its salt.
var saltAttacks = []finding{
	{"R47 another file in the place, removed", 2, func(s *scene) { anotherInPlace(s, step{op: opUnlink, path: "f"}) }},
	{"R47 another file in the place, replaced", 2, func(s *scene) { anotherInPlace(s, step{op: opRename, path: "h", to: "f"}) }},
	{"R47 another file in the place, moved", 2, func(s *scene) { anotherInPlace(s, step{op: opRename, path: "f", to: "e"}) }},
	{"R47 another file in the place, exchanged", 2, func(s *scene) { anotherInPlace(s, step{op: opExchange, path: "h", to: "f"}) }},
}

// anotherInPlace has the only copy of g under the name of f, in one cloud: half of
// another machine's rename has arrived there, and the other half in the other one.
func anotherInPlace(s *scene, then step) {
	s.put("g", "content of g", false)
	s.must(s.m.Sync())
	s.put("h", "content of h", false)
	s.put("f", "content of f", false)
	s.must(s.m.Sync())
	s.remount()
	s.must(s.them(1).Do(cloudtest.Rename(s.entryAt(1, "g"), s.entryAt(1, "f"))))
	s.must(s.them(0).Do(cloudtest.Delete(s.entryAt(0, "g"))))
	s.must(s.patch("f", "CONTENT", 0))
	s.must(s.m.Commit())
	s.steps(then)
	s.disk.Kill()
	s.mount()
	s.backAgain()
	s.kept("content of g", "content of h")
	s.unmount()
}
