package mirror_test

import "github.com/overcast-fs/overcast/fs/cloud/cloudtest"

// sidecarAttacks: another machine makes a symbolic link of a long name that is
// taken from a file here. Both entries have one sidecar, without which nobody can
// tell the link's name any more, on no machine.
var sidecarAttacks = []finding{
	{"R48 a link of a long name, removed, killed", 1, func(s *scene) { linkOfLongName(s, step{op: opUnlink, path: "L"}, true) }},
	{"R48 a link of a long name, renamed, killed", 1, func(s *scene) { linkOfLongName(s, step{op: opRename, path: "L", to: "f"}, true) }},
	{"R48 a link of a long name, removed", 1, func(s *scene) { linkOfLongName(s, step{op: opUnlink, path: "L"}, false) }},
	{"R48 a link of a long name, renamed", 1, func(s *scene) { linkOfLongName(s, step{op: opRename, path: "L", to: "f"}, false) }},
}

// linkOfLongName has the link arrive after the step and a kill, or right before.
func linkOfLongName(s *scene, st step, killed bool) {
	s.put(spell("L"), "ours", true)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) {
		other.steps(step{op: opUnlink, path: "L"}, step{op: opSymlink, path: "L", to: "theirs"})
	})
	arrives := func() {
		for k := range s.n {
			entry := s.entryAt(k, spell("L"))
			for _, at := range []string{entry + "w", "y" + entry[1:]} {
				s.must(s.them(k).Do(cloudtest.Rollback(at, theirs.Dir(cloudName(k)))))
			}
		}
	}
	if killed {
		s.steps(st)
		s.disk.Kill()
		arrives()
		s.mount()
	} else {
		h := s.handle(spell("L"))
		done := false
		op := map[string]string{opUnlink: "remove", opRename: "rename"}[st.op]
		s.inject(0, cloudtest.Rule{Op: op, From: 1, To: 1, Act: act(func() { done = true; arrives() })})
		s.steps(st)
		s.must(h.Close())
		if !done {
			s.t.Fatal("nothing arrived")
		}
		s.remount()
	}
	if g := look(s.m)["L"]; g.kind != 'l' || g.data != "theirs" {
		s.failf("the link is %v, and there is %v", g, look(s.m))
	}
	s.unmount()
}
