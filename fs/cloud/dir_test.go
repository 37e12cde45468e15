package cloud_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/conformance"
)

// openers are the two ways to resolve a path.
var openers = map[string]func(string) (cloud.Dir, error){
	"openat2":  cloud.OpenDir,
	"stepwise": cloud.OpenDirStepwise,
}

func TestConformance(t *testing.T) {
	for name, openDir := range openers {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) cloud.Dir {
				d, err := openDir(t.TempDir())
				must(t, err)
				return d
			})
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refuse(t *testing.T, what string, want, err error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// openDir opens path until the test ends.
func openDir(t *testing.T, path string) cloud.Dir {
	t.Helper()
	d, err := cloud.OpenDir(path)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOpenDirAbsent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := cloud.OpenDir(file)
	refuse(t, "a file", cloud.ErrAbsent, err)
	_, err = cloud.OpenDir(file + "-missing")
	refuse(t, "missing", cloud.ErrAbsent, err)
	refuse(t, "missing", fs.ErrNotExist, err)
	if _, err := os.Lstat(file + "-missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the missing directory was made")
	}
}

func TestCheck(t *testing.T) {
	base := t.TempDir()
	path, away := filepath.Join(base, "cloud"), filepath.Join(base, "away")
	must(t, os.Mkdir(path, 0o700))
	link := filepath.Join(base, "link")
	must(t, os.Symlink(path, link)) // the user's own path may lead through links
	marker := filepath.Join(path, cipher.MarkerName)
	must(t, os.WriteFile(marker, nil, 0o600))
	d := openDir(t, link)
	must(t, d.Check())

	must(t, os.Rename(path, away))
	refuse(t, "moved away", cloud.ErrAbsent, d.Check())
	must(t, os.Mkdir(path, 0o700))
	must(t, os.WriteFile(marker, nil, 0o600))
	refuse(t, "another directory in its place", cloud.ErrAbsent, d.Check())
	f, err := d.Create("f", 0o600)
	must(t, err)
	must(t, f.Close())
	if _, err := os.Lstat(filepath.Join(away, "f")); err != nil {
		t.Errorf("an operation left the directory that was opened: %v", err)
	}
	must(t, os.RemoveAll(path))
	must(t, os.Rename(away, path))
	must(t, d.Check())
	must(t, os.Rename(marker, marker+".real"))
	must(t, os.Symlink(marker+".real", marker))
	refuse(t, "a link for a marker", cloud.ErrAbsent, d.Check())
	must(t, d.Close())
	refuse(t, "closed", os.ErrClosed, d.Check())
}

// plant makes a directory with everything in it that must never be opened or
// followed, and one outside that must never change.
func plant(t *testing.T) (inside, outside string) {
	t.Helper()
	inside, outside = t.TempDir(), t.TempDir()
	must(t, os.Mkdir(filepath.Join(inside, "real"), 0o700))
	for _, f := range []string{filepath.Join(inside, "real", "f"), filepath.Join(outside, "f"), filepath.Join(inside, "file")} {
		must(t, os.WriteFile(f, []byte("untouched"), 0o600))
	}
	for name, target := range map[string]string{
		"to-file": "file", "to-dir": "real", "to-outside": outside, "to-outside-file": filepath.Join(outside, "f"),
		"dangling": "nothing", "to-self": "to-self", "to-parent": "..",
	} {
		must(t, os.Symlink(target, filepath.Join(inside, name)))
	}
	must(t, unix.Mkfifo(filepath.Join(inside, "fifo"), 0o600))
	return inside, outside
}

func TestNothingPlantedIsFollowed(t *testing.T) {
	for name, openDir := range openers {
		t.Run(name, func(t *testing.T) {
			inside, outside := plant(t)
			d, err := openDir(inside)
			must(t, err)
			defer d.Close()
			entries, err := d.ReadDir("")
			must(t, err)
			special := 0
			for _, e := range entries {
				if !e.Dir && !e.Regular {
					special++
					tryLast(t, d, e.Name)
				}
			}
			if special != 8 {
				t.Errorf("%d entries are neither file nor directory, want 8", special)
			}
			for _, link := range []string{"to-dir", "to-outside", "to-parent", "to-self", "fifo", "to-file"} {
				tryWay(t, d, link)
			}
			for _, f := range []string{filepath.Join(inside, "real", "f"), filepath.Join(outside, "f"), filepath.Join(inside, "file")} {
				info, err := os.Lstat(f)
				must(t, err)
				content, err := os.ReadFile(f)
				must(t, err)
				if string(content) != "untouched" || info.Mode() != 0o600 || info.ModTime().Before(time.Unix(1e9, 0)) {
					t.Errorf("%s was changed: %q, %v", f, content, info.Mode())
				}
			}
			left, err := os.ReadDir(outside)
			must(t, err)
			if len(left) != 1 {
				t.Errorf("outside there is now %v", left)
			}
		})
	}
}

// tryLast does everything to an entry that is neither file nor directory.
func tryLast(t *testing.T, d cloud.Dir, path string) {
	t.Helper()
	old := time.Unix(1, 0)
	for _, write := range []bool{false, true} {
		_, err := d.Open(path, write)
		refuse(t, "open "+path, cloud.ErrNotRegular, err)
		refuse(t, "open "+path, syscall.ENXIO, err)
	}
	_, err := d.Create(path, 0o600)
	refuse(t, "create "+path, syscall.EEXIST, err)
	info, err := d.Stat(path)
	if err != nil || info.Dir || info.Regular {
		t.Errorf("stat %s: %+v, %v", path, info, err)
	}
	_, err = d.ReadDir(path)
	refuse(t, "readdir "+path, syscall.ENOTDIR, err)
	_, err = d.Getxattr(path, "user.x")
	refuse(t, "getxattr "+path, cloud.ErrNotRegular, err)
	_, err = d.Handle(path)
	refuse(t, "handle "+path, cloud.ErrNotRegular, err)
	refuse(t, "chmod "+path, cloud.ErrNotRegular, d.Chmod(path, 0o777))
	refuse(t, "chown "+path, cloud.ErrNotRegular, d.Chown(path, -1, -1))
	refuse(t, "chtimes "+path, cloud.ErrNotRegular, d.Chtimes(path, cloud.Times{Mtime: &old}))
	refuse(t, "setxattr "+path, cloud.ErrNotRegular, d.Setxattr(path, "user.x", nil, 0))
	refuse(t, "syncdir "+path, syscall.ENOTDIR, d.SyncDir(path))
}

// tryWay does everything to a file behind something that is no directory.
func tryWay(t *testing.T, d cloud.Dir, link string) {
	t.Helper()
	path, old := link+"/f", time.Unix(1, 0)
	_, open := d.Open(path, true)
	_, create := d.Create(link+"/new", 0o600)
	_, stat := d.Stat(path)
	_, readdir := d.ReadDir(link)
	_, handle := d.Handle(path)
	for op, err := range map[string]error{
		"open": open, "create": create, "stat": stat, "readdir": readdir, "handle": handle,
		"mkdir":       d.Mkdir(link+"/new", 0o700),
		"remove":      d.Remove(path),
		"rmdir":       d.Rmdir(path),
		"rename from": d.Rename(path, "new"),
		"rename to":   d.Rename("file", link+"/new"),
		"exchange":    d.Exchange("file", path),
		"link from":   d.Link(path, "new"),
		"link to":     d.Link("file", link+"/new"),
		"chmod":       d.Chmod(path, 0o777),
		"chown":       d.Chown(path, -1, -1),
		"chtimes":     d.Chtimes(path, cloud.Times{Mtime: &old}),
		"setxattr":    d.Setxattr(path, "user.x", nil, 0),
		"syncdir":     d.SyncDir(link),
	} {
		refuse(t, op+" by "+link, syscall.ENOTDIR, err)
	}
}

// TestRacingLink swaps a directory for a link to the outside all the time.
func TestRacingLink(t *testing.T) {
	inside, outside := t.TempDir(), t.TempDir()
	way, spare := filepath.Join(inside, "way"), filepath.Join(inside, "spare")
	must(t, os.Mkdir(way, 0o700))
	must(t, os.Symlink(outside, spare))
	d := openDir(t, inside)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if err := unix.Renameat2(unix.AT_FDCWD, way, unix.AT_FDCWD, spare, unix.RENAME_EXCHANGE); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	made := 0
	for i := 0; i < 2000 || made == 0 && i < 1_000_000; i++ { // the other may be held up where the link stands
		f, err := d.Create(fmt.Sprintf("way/%d", i), 0o600)
		if err == nil {
			made++
			must(t, f.Close())
		} else if !errors.Is(err, syscall.ENOTDIR) {
			t.Fatal(err)
		}
	}
	close(stop)
	must(t, <-stopped)
	entries, err := os.ReadDir(outside)
	must(t, err)
	if len(entries) != 0 || made == 0 {
		t.Errorf("%d files made, %d of them outside", made, len(entries))
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	before := count()
	for name, openDir := range openers {
		inside, _ := plant(t)
		d, err := openDir(inside)
		must(t, err)
		must(t, os.MkdirAll(filepath.Join(inside, "a/b/c"), 0o700))
		f, err := d.Create("a/b/c/f", 0o600)
		must(t, err)
		must(t, f.Close())
		for _, path := range []string{"", "a/b/c", "a/b/c/f", "a/b/missing", "a/missing/c", "to-dir", "to-dir/f", "fifo", "file/x"} {
			if f, err := d.Open(path, true); err == nil {
				must(t, f.Close())
			}
			if f, err := d.Create(path, 0o600); err == nil {
				must(t, f.Close())
			}
			d.Stat(path)
			d.ReadDir(path)
			d.Chmod(path, 0o700)
			d.Listxattr(path)
			d.Link(path, "a/b/link")
			d.Rename(path, strings.Repeat("n", 300))
			d.Rename("a/missing", path)
			d.Mkdir(path+"/x", 0o700)
			d.SyncDir(path)
		}
		must(t, d.Close())
		if after := count(); after != before {
			t.Errorf("%s: %d descriptors before, %d after", name, before, after)
		}
	}
	for _, missing := range []string{"/nonexistent", "/dev/null"} {
		if _, err := cloud.OpenDir(missing); err == nil {
			t.Errorf("opened %s", missing)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after failed opens", before, after)
	}
}

func TestInheritedSetgidIsUndone(t *testing.T) {
	path := t.TempDir()
	must(t, os.Chmod(path, 0o700|fs.ModeSetgid))
	d := openDir(t, path)
	must(t, d.Mkdir("a", 0o750))
	info, err := d.Stat("a")
	must(t, err)
	if info.Mode != 0o750 {
		t.Errorf("mode %04o", info.Mode)
	}
}
