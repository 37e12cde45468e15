package mirror_test

import (
	"strings"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// limitAttacks: replays by a user who is not root, on a full disk, and of large
// holes.
var limitAttacks = []finding{
	{"R41 a read-only directory is made again by a user", 1, readOnlyMadeByUser},
	{"R42 a read-only directory is removed by a user", 1, readOnlyRemovedByUser},
	{"R43 the only cloud is full", 1, onlyCloudFull},
	{"R44 a large hole, same boot", 1, func(s *scene) { largeHole(s, true) }},
	{"R44 a large hole, another boot", 1, func(s *scene) { largeHole(s, false) }},
}

// asUser refuses what a directory's mode refuses to its owner.
type asUser struct{ cloud.Dir }

func (u asUser) refuse(paths ...string) error {
	for _, p := range paths {
		dir, _ := split(p)
		if info, err := u.Stat(dir); err == nil && info.Mode&0o200 == 0 {
			return syscall.EACCES
		}
	}
	return nil
}

func (u asUser) Create(path string, perm uint32) (cloud.File, error) {
	if err := u.refuse(path); err != nil {
		return nil, err
	}
	return u.Dir.Create(path, perm)
}

func (u asUser) Mkdir(path string, perm uint32) error {
	if err := u.refuse(path); err != nil {
		return err
	}
	return u.Dir.Mkdir(path, perm)
}

func (u asUser) Remove(path string) error {
	if err := u.refuse(path); err != nil {
		return err
	}
	return u.Dir.Remove(path)
}

func (u asUser) Rmdir(path string) error {
	if err := u.refuse(path); err != nil {
		return err
	}
	return u.Dir.Rmdir(path)
}

func (u asUser) Rename(old, new string) error {
	if err := u.refuse(old, new); err != nil {
		return err
	}
	return u.Dir.Rename(old, new)
}

// byUser lets a user mount who is not root, from now on.
func (s *scene) byUser() {
	s.wrap = func(_ int, d cloud.Dir) cloud.Dir { return asUser{d} }
	s.remount()
}

// readOnlyMadeByUser unpacks a tree and makes it read-only. The power cut takes
// it from the cloud, and the log has it.
func readOnlyMadeByUser(s *scene) {
	s.byUser()
	s.must(s.m.Sync())
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "content", true)
	s.steps(step{op: opChmod, path: "d", mode: 0o555}, step{op: opSyncDir})
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return !c.exists("d")[0] }, 0)
	s.keeps("content")
}

// readOnlyRemovedByUser makes a read-only tree writable and removes it, as go
// clean -modcache does.
func readOnlyRemovedByUser(s *scene) {
	s.byUser()
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	s.put("d/f", "content", false)
	s.put("g", "other", false)
	s.steps(step{op: opChmod, path: "d", mode: 0o555})
	s.must(s.m.Sync())
	s.steps(
		step{op: opChmod, path: "d", mode: 0o755},
		step{op: opUnlink, path: "d/f"},
		step{op: opRmdir, path: "d"},
		step{op: opSyncDir},
	)
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool {
		info, err := c.disk.Dir(cloudName(0)).Stat(c.entryAt(0, "d"))
		return err == nil && info.Mode == 0o555
	}, 0)
	s.keeps("other")
}

// onlyCloudFull mounts all the same, or nobody could make room.
func onlyCloudFull(s *scene) {
	s.put("large", strings.Repeat("x", 10000), false)
	s.must(s.m.Sync())
	s.put("f", "content", true)
	s.disk.Kill()
	s.cutClouds(func(c *scene) bool { return !c.exists("f")[0] }, 0)
	for _, op := range []string{"create", "mkdir"} {
		s.inject(0, cloudtest.Rule{Op: op, Err: syscall.ENOSPC})
	}
	s.mount()
	s.steps(step{op: opUnlink, path: "large"})
	_ = s.m.Close()
	s.disk.Kill()
	s.mend()
	s.keeps("content")
}

// largeHole replays a hole of 64 GiB, which takes no time; chunk by chunk it
// would take minutes.
func largeHole(s *scene, boot bool) {
	s.put("f", "content", false)
	s.must(s.m.Sync())
	s.killedIn("f", false, synced(func(h *mirror.Handle) error { return h.Truncate(64 << 30) }))
	if !boot {
		s.state.powerCut()
	}
	start := time.Now()
	s.mount()
	took := time.Since(start)
	s.unmount()
	if took > 2*time.Second {
		s.failf("64 GiB of hole take %v", took)
	}
}
