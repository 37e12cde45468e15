package mirror_test

import (
	"strings"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// arrivingAttacks: two versions of a file are settled by a replay, and one cloud
// has something at the name that may be arriving, or that only a later program
// knows. It stays.
var arrivingAttacks = []finding{
	{"R49 what does not verify, beside two versions", 2, func(s *scene) { besideTwoVersions(s, random(3000)) }},
	{"R49 no header yet, beside two versions", 2, func(s *scene) { besideTwoVersions(s, make([]byte, 4096)) }},
	{"R49 a new file that is DIRTY, beside two versions", 2, func(s *scene) { besideTwoVersions(s, s.theirNew(1, "new", dirty)) }},
	{"R49 a newer format, beside two versions", 2, func(s *scene) {
		s.put("g", "content", true)
		besideTwoVersions(s, s.newer(1, "g"))
	}},
}

func besideTwoVersions(s *scene, content []byte) {
	s.put("f.txt", strings.Repeat("first", 2000), false)
	s.must(s.m.Sync())
	theirs := s.theirs(8, func(other *scene) { other.put("f.txt", "theirs", false) })
	mine := strings.Repeat("mine!", 2000)
	s.killedIn("f.txt", true, synced(writes(mine, 0)))
	at := s.entryAt(0, "f.txt")
	s.must(s.them(0).Do(cloudtest.Rollback(at, theirs.Dir(cloudName(0)))))
	s.must(s.them(1).Do(cloudtest.Replace(s.entryAt(1, "f.txt"), content)))
	s.mount()
	s.stays(1, "f.txt", content)
	s.unmount()
	s.must(s.them(1).Do(cloudtest.Delete(s.entryAt(1, "f.txt"))))
	s.mount()
	s.backAgain()
	s.kept("theirs", mine)
	s.unmount()
}
