package vault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/vault/internal/place"
)

// insideNamespace, when set, says that the test runs where it may mount.
const insideNamespace = "VAULT_TEST_NAMESPACE"

// leaveMounts lets go of the mounts of other tests, which could not end while this namespace has them, too.
func leaveMounts() {
	mounts, _ := mountinfo.GetMounts(mountinfo.FSTypeFilter("fuse.overcast"))
	for _, m := range mounts {
		_ = unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
	}
}

// inNamespace runs the calling test again, alone, in a mount namespace of its
// own, which takes every mount with it when it ends. It reports whether this is
// that run.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideNamespace) != "" {
		check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		leaveMounts()
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in a mount namespace: %v\n%s", err, out)
	}
	return false
}

// mount mounts what unix.Mount would, and unmounts it after the test.
func mount(t *testing.T, target string, call func(target string) error) {
	t.Helper()
	check(t, os.MkdirAll(target, 0o700))
	if err := call(target); err != nil {
		t.Fatalf("mounting on %s: %v", target, err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(target, unix.MNT_DETACH)) })
}

func TestBindMounts(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	root := t.TempDir()
	for _, dir := range []string{"clouds/a/inner/most", "free"} {
		check(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	bind := func(source, target string) {
		mount(t, root+target, func(target string) error {
			return unix.Mount(root+source, target, "", unix.MS_BIND, "")
		})
	}
	bind("/clouds", "/again")
	bind("/clouds/a", "/same")
	bind("/clouds/a/inner", "/within")
	bind("/free", "/unrelated")
	survey := place.NewSurveyor()
	a := survey.Place(root + "/clouds/a")
	for _, tt := range []struct {
		path            string
		inside, outside bool // of cloud a
	}{
		{"/same", true, true},
		{"/same/x", true, false},
		{"/again", false, true},
		{"/again/a", true, true},
		{"/again/b", false, false},
		{"/within", true, false},
		{"/within/most", true, false},
		{"/within/missing", true, false},
		{"/unrelated", false, false},
		{"/free", false, false},
	} {
		p := survey.Place(root + tt.path)
		if inside, outside := a.Contains(p), p.Contains(a); inside != tt.inside || outside != tt.outside {
			t.Errorf("%s: inside %v, around %v; want %v, %v", tt.path, inside, outside, tt.inside, tt.outside)
		}
	}
	check(t, os.RemoveAll(root+"/clouds/a/inner/most"))
	o := options(root)
	o.Clouds = []CloudSpec{{"a", root + "/clouds/x"}, {"b", root + "/again/x"}}
	wantError(t, Init(root+"/vault", o), ErrUnusable, "one directory")
	o.Clouds = []CloudSpec{{"a", root + "/clouds/x/y"}}
	wantError(t, Init(root+"/again/x/y/vault", o), ErrUnusable, "keys would be synced")
}

// A read-only directory refuses its marker, and what was made before goes.
func TestInitReadOnlyCloud(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	root := t.TempDir()
	mount(t, root+"/clouds/b", func(target string) error {
		return unix.Mount("tmpfs", target, "tmpfs", unix.MS_RDONLY, "")
	})
	before := tree(t, root)
	wantError(t, Init(root+"/vault", options(root)), syscall.EROFS, `cloud "b"`)
	if after := tree(t, root); len(after) != len(before) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
}

// A mount whose process died answers every question with ENOTCONN.
func TestDeadMountpoint(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	v := testVault(t)
	dead := filepath.Join(t.TempDir(), "dead")
	device, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	check(t, err)
	mount(t, dead, func(target string) error {
		return unix.Mount("dead", target, "fuse", unix.MS_NOSUID|unix.MS_NODEV,
			fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", device))
	})
	check(t, unix.Close(device))
	if _, err := os.Stat(dead); err == nil {
		t.Fatal("the mount answers")
	}
	wantError(t, v.CheckMountpoint(dead), ErrMountpoint, "a mount whose process died is still on it")
	// The same under a cloud: it is absent, and every path beside it is judged.
	v.Clouds[1].Dir = dead
	free := t.TempDir()
	check(t, v.CheckMountpoint(free))
}
