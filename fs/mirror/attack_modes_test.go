package mirror_test

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// shownMode is the mode that a directory shows, looked up and asked again.
func (s *scene) shownMode(path string) uint32 {
	n, err := s.m.Walk(path)
	s.must(err)
	defer n.Forget()
	again, err := n.Attr()
	s.must(err)
	if found := look(s.m)[path].mode; found != again.Mode&0o7777 {
		s.failf("%s is looked up with mode %o, and then has %o", path, found, again.Mode&0o7777)
	}
	return again.Mode & 0o7777
}

func (s *scene) hasMode(path string, want uint32) {
	s.t.Helper()
	if got := s.shownMode(path); got != want {
		s.failf("%s has mode %o, want %o", path, got, want)
	}
}

// theirMode gives a directory another mode behind the mirror's back.
func (s *scene) theirMode(path string, mode uint32, clouds ...int) {
	for _, k := range clouds {
		s.must(s.disk.Dir(cloudName(k)).Chmod(s.entryAt(k, path), mode))
	}
}

// TestDirModeIsKnown: no cloud alone decides who may read what is in a directory, whichever
// it is. What all of them show is another machine's doing.
func TestDirModeIsKnown(t *testing.T) {
	for k := range 2 {
		telling(t, 2, func(s *scene) {
			s.steps(step{op: opMkdir, path: "d", mode: 0o700})
			s.theirMode("d", 0o777, k)
			s.hasMode("d", 0o700)
			s.remount()
			s.hasMode("d", 0o700)
			s.remount(1 - k)
			s.hasMode("d", 0o700)
			s.remount()

			s.steps(step{op: opChown, path: "d", off: 100, n: 100})
			s.hasMode("d", 0o700)
			s.steps(step{op: opChmod, path: "d", mode: 0o750})
			s.theirMode("d", 0o711, k)
			s.hasMode("d", 0o750)
			s.crash()
			s.hasMode("d", 0o750)
			if g := look(s.m)["d"]; g.owner != (mirror.Owner{UID: 100, GID: 100}) {
				s.failf("d is shown as %v", g)
			}

			s.theirMode("d", 0o711, 0, 1)
			s.hasMode("d", 0o711)
			s.theirMode("d", 0o777, k)
			s.hasMode("d", 0o711)
			s.unmount()
		})
	}
}

// TestDirModeOfNobody: of a directory of which this machine knows nothing, and that clouds show
// with different modes, all of them allow what it shows.
func TestDirModeOfNobody(t *testing.T) {
	for k := range 2 {
		telling(t, 2, func(s *scene) {
			s.steps(step{op: opMkdir, path: "d", mode: 0o750})
			s.theirMode("d", 0o705, k)
			s.elsewhere(func(other *scene) { other.hasMode("d", 0o700) })
			s.unmount()
		})
	}
}

// TestDirModeReplayed: a mode that was set before a kill is known, though a cloud that is away does not have it.
func TestDirModeReplayed(t *testing.T) {
	telling(t, 2, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.remount()
		s.steps(step{op: opChmod, path: "d", mode: 0o700})
		s.crash(1)
		s.hasMode("d", 0o700)
		s.theirMode("d", 0o777, 0)
		s.hasMode("d", 0o700)
		s.unmount()
	})
}
