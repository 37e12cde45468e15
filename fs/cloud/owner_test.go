package cloud_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
)

const nobody = 65534

// asUser runs fn as an ordinary user: ourselves, or if that is root, nobody,
// on a thread that ends with it. The error, if any, is fn's.
func asUser(t *testing.T, fn func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		if os.Geteuid() == 0 {
			// Never unlocked: no other goroutine gets this thread. The raw
			// call, unlike that of package syscall, is for one thread only.
			runtime.LockOSThread()
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
				done <- errno
				return
			}
		}
		done <- fn()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// userDir makes a directory that belongs to the user of asUser, and a file of
// his with that mode.
func userDir(t *testing.T, mode os.FileMode) (dir, file string) {
	t.Helper()
	// The parents that TempDir makes are closed to others.
	dir, err := os.MkdirTemp("", "cloud")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	file = filepath.Join(dir, "f")
	must(t, os.WriteFile(file, []byte("content"), 0o600))
	if os.Geteuid() == 0 {
		must(t, os.Chown(dir, nobody, nobody))
		must(t, os.Chown(file, nobody, nobody))
	}
	must(t, os.Chmod(file, mode))
	return dir, file
}

func TestOwnerIsNotKeptOut(t *testing.T) {
	for _, mode := range []os.FileMode{0o400, 0o200, 0o444, 0} {
		dir, file := userDir(t, mode)
		d := openDir(t, dir)
		for _, write := range []bool{false, true} {
			asUser(t, func() error {
				f, err := d.Open("f", write)
				if err != nil {
					return err
				}
				defer f.Close()
				if _, err := f.ReadAt(make([]byte, 7), 0); err != nil {
					return err
				}
				if write {
					_, err = f.WriteAt([]byte("CONTENT"), 0)
				}
				return err
			})
		}
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode() != mode {
			t.Errorf("mode was %v, is %v", mode, info.Mode())
		}
	}
}

func TestOwnersOpenTogether(t *testing.T) {
	dir, file := userDir(t, 0o400)
	d := openDir(t, dir)
	done := make(chan struct{})
	for range 3 {
		go func() {
			defer func() { done <- struct{}{} }()
			asUser(t, func() error {
				for range 50 {
					f, err := d.Open("f", true)
					if err != nil {
						return err
					}
					info, err := f.Stat()
					f.Close()
					if err != nil {
						return err
					}
					if info.Mode != 0o400 {
						t.Errorf("saw mode %04o", info.Mode)
					}
				}
				return nil
			})
		}()
	}
	for range 3 {
		<-done
	}
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode() != 0o400 {
		t.Errorf("left mode %v", info.Mode())
	}
}

func TestOthersAreKeptOut(t *testing.T) {
	// A file of root in a directory of root; without root, one of the system.
	dir, file := "/etc", "hostname"
	if os.Geteuid() == 0 {
		var err error
		dir, err = os.MkdirTemp("", "cloud")
		must(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		must(t, os.Chmod(dir, 0o755))
		file = "f"
		must(t, os.WriteFile(filepath.Join(dir, file), nil, 0o644))
	}
	d := openDir(t, dir)
	asUser(t, func() error {
		_, err := d.Open(file, true)
		refuse(t, "open for writing", syscall.EACCES, err)
		_, err = d.Create("new", 0o600)
		refuse(t, "create", syscall.EACCES, err)
		f, err := d.Open(file, false)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

// TestReadingLeavesAtime reads files whose atime is older than their mtime, which moves the atime on most mounts.
func TestReadingLeavesAtime(t *testing.T) {
	path := t.TempDir()
	must(t, os.WriteFile(filepath.Join(path, "opened"), []byte("content"), 0o600))
	d, err := cloud.OpenDir(path)
	must(t, err)
	defer d.Close()
	opened, err := d.Open("opened", true)
	must(t, err)
	defer opened.Close()
	made, err := d.Create("made", 0o600)
	must(t, err)
	defer made.Close()
	_, err = made.WriteAt([]byte("content"), 0)
	must(t, err)
	for name, f := range map[string]cloud.File{"opened": opened, "made": made} {
		old, now := time.Unix(1_000_000_000, 0), time.Now()
		must(t, f.Chtimes(cloud.Times{Atime: &old, Mtime: &now}))
		_, err = f.ReadAt(make([]byte, 7), 0)
		must(t, err)
		info, err := f.Stat()
		must(t, err)
		if !info.Atime.Equal(old) {
			t.Errorf("%s: the atime is %v", name, info.Atime)
		}
	}
}
