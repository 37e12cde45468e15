package index

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/index/internal/reserve"
)

// insideNamespace, when set, says that the test runs where it may mount.
const insideNamespace = "INDEX_TEST_NAMESPACE"

// leaveMounts lets go of the mounts of other tests, which could not end while this namespace has them, too.
func leaveMounts() {
	mounts, _ := mountinfo.GetMounts(mountinfo.FSTypeFilter("fuse.overcast"))
	for _, m := range mounts {
		_ = unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
	}
}

// inNamespace runs the calling test again, alone, in a mount namespace of its own, which takes every mount with it when it
// ends. It reports whether this is that run.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideNamespace) != "" {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
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

// rowsFrom is a batch of n files from a number on.
func rowsFrom(first, n int) *Batch {
	var b Batch
	for i := range n {
		p := at1(Root, fmt.Sprint("file ", first+i))
		b.SetName(p, isFile(first+i, 1))
		b.SetCopy(p, Copy{Cloud: alphaID, InPlace: version(1), Stat: Stat{Ino: uint64(i)}})
	}
	return &b
}

// On a full disk a transaction takes the reserve, which is there again as soon as there is room.
func TestFullDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := newBench(t)
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", 4*room)))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	must(t, b.Close())
	b.conf.Path, b.conf.Reserve = filepath.Join(dir, "index"), room
	b.open()
	must(t, b.Apply(rowsFrom(0, 1000)))

	held := func(want bool) {
		t.Helper()
		info, err := os.Stat(b.conf.Path + ".reserve")
		if got := err == nil && info.Size() == room; got != want {
			t.Errorf("the reserve is held: %v (%v)", got, err)
		}
	}
	held(true)
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	const batch = room * 5000 / reserve.Enough
	next := 1000
	for err := error(nil); err == nil; next += batch {
		if err = b.Apply(rowsFrom(next, batch)); errors.Is(err, syscall.ENOSPC) {
			break // the reserve is used up
		}
		must(t, err)
		held(false)
		if next == 1000 {
			fill(t, filler+"2") // the rest is for what the next ones need
			must(t, os.Truncate(filler+"2", 0))
		}
	}
	if next < 1000+2*batch {
		t.Errorf("the reserve was enough for %d rows", next-1000)
	}
	for n := range next {
		if r, err := b.Name(at1(Root, fmt.Sprint("file ", n))); err != nil || r.Known.Kind != IsFile {
			t.Fatalf("file %d of %d: %+v, %v", n, next, r, err)
		}
	}
	equal(t, "a file that found no room", b.known(at1(Root, fmt.Sprint("file ", next))), Known{})
	must(t, os.Remove(filler))
	must(t, b.Apply(rowsFrom(next, batch)))
	held(true)
	must(t, b.Check(t.Context()))
	b.reopen()
	held(true)
	equal(t, "told", b.told, nil)
}

// fill takes all the room that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	must(t, f.Close())
}

// Without room for a reserve the index works as long as there is room for itself.
func TestNoRoomForTheReserve(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := newBench(t)
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	must(t, b.Close())
	b.conf.Path, b.conf.Reserve = filepath.Join(dir, "index"), 0
	b.open()
	must(t, b.Apply(rowsFrom(0, 1000)))
	if _, err := os.Stat(b.conf.Path + ".reserve"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve: %v", err)
	}
	if err := b.Apply(rowsFrom(0, 24000)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("more than there is room for: %v", err)
	}
	equal(t, "a file", b.known(at1(Root, "file 7")).Kind, IsFile)
	must(t, b.Apply(rowsFrom(1000, 1000)))
	must(t, b.Check(t.Context()))
}
