package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// A filesystem is one of a kind that clouds lie on, with what a probe must say of it.
type filesystem struct {
	name  string
	mount func(t testing.TB, dir string)
	lacks []string
}

// local is what an ordinary local filesystem lacks.
var local []string

// The filesystems that every machine with the tests' programs has.
var filesystems = []filesystem{
	{"tmpfs", mountTmpfs, local},
	{"bridge", func(t testing.TB, dir string) { newBridge(t, dir) }, local},
	{"rclone", mountRclone(), []string{
		"no writing at an offset", "no permissions", "no hard links", "no extended attributes", "no exchange of two files", "no holes",
	}},
	{"rclone with a cache", mountRclone("--vfs-cache-mode", "writes"), []string{
		"no permissions", "no hard links", "no extended attributes", "no exchange of two files", "no holes",
	}},
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	probeEach(t, filesystems)
}

// probeEach probes filesystems, with a deadline on everything.
func probeEach(t *testing.T, filesystems []filesystem) {
	t.Helper()
	for _, on := range filesystems {
		t.Run(on.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cloud")
			must(t, os.Mkdir(dir, 0o755))
			on.mount(t, dir)
			inTime(t, answer, "the probe", func() error {
				d, err := cloud.Bounded(func() (cloud.Dir, error) { return cloud.OpenDir(dir) }, cloud.AnswerTime)
				if err != nil {
					return err
				}
				defer d.Close()
				f, err := cloud.Probe(d)
				if err != nil {
					return err
				}
				if !slices.Equal(f.Lacks(), on.lacks) {
					t.Errorf("it %v, and should lack %q", f, on.lacks)
				}
				left, err := d.ReadDir("")
				if slices.ContainsFunc(left, func(e cloud.Entry) bool { return e.Name != "lost+found" }) {
					t.Errorf("the probe left %v", left)
				}
				return err
			})
		})
	}
}

// mounting takes a mount away at the end of a test, whatever hangs in it.
func mounting(t testing.TB, dir string) {
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
}

func mountTmpfs(t testing.TB, dir string) {
	t.Helper()
	mounting(t, dir)
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"))
}

// mountRclone mounts another directory with rclone, as if that were a cloud's storage.
func mountRclone(flags ...string) func(t testing.TB, dir string) {
	return func(t testing.TB, dir string) {
		t.Helper()
		need(t, "rclone", "rclone")
		storage := dir + ".storage"
		must(t, os.Mkdir(storage, 0o755))
		cmd := exec.Command("rclone", append([]string{"mount", "--cache-dir", dir + ".cache", ":local:" + storage, dir}, flags...)...)
		cmd.Env = append(os.Environ(), "RCLONE_CONFIG=")
		must(t, cmd.Start())
		t.Cleanup(func() {
			_ = unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		inTime(t, answer, "rclone mount", func() error {
			for {
				table, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(dir))
				if err != nil || len(table) > 0 {
					return err
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
}

// A directory that cannot be a cloud is refused by init with one line, and nothing is left (finding D3); one that lacks
// something is told (D1, D2).
func TestInitTellsFeatures(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	path, err := program()
	must(t, err)
	must(t, os.WriteFile(base+"/pass", []byte("a passphrase of the tests\n"), 0o600))
	for _, name := range []string{"plain", "cached"} {
		must(t, os.Mkdir(filepath.Join(base, name), 0o755))
	}
	mountRclone()(t, base+"/plain")
	mountRclone("--vfs-cache-mode", "writes")(t, base+"/cached")
	run := func(args ...string) result {
		return command{limit: time.Minute}.try(t, append([]string{path}, args...)...)
	}
	args := []string{"init", base + "/vault", "--passfile", base + "/pass", "--scrypt-work-factor", "15", "--cloud"}

	r := run(append(args, "a="+base+"/plain")...)
	if r.code != 6 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "cannot be written at an offset") {
		t.Errorf("init over what cannot seek: exit code %d, %q", r.code, r.stderr)
	}
	for _, name := range []string{"vault", "plain.storage"} {
		left, _ := os.ReadDir(filepath.Join(base, name))
		if _, err := os.Stat(base + "/vault"); err == nil || len(left) > 0 {
			t.Errorf("%s is left: %v, %v", name, err, left)
		}
	}
	r = run(append(args, "a="+base+"/cached")...)
	const told = "cloud a: its filesystem has no permissions, no hard links"
	if r.code != 0 || !strings.Contains(r.stderr, told) {
		t.Errorf("init over what lacks something: exit code %d, %q", r.code, r.stderr)
	}
	if r = run("doctor", base+"/vault"); !strings.Contains(r.stdout, "its filesystem has no permissions") {
		t.Errorf("doctor: %q", r.stdout)
	}
}

// Filesystems that ignore a change of one time alone get both (finding D4).
func TestOneTimeAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cloud")
	must(t, os.Mkdir(dir, 0o755))
	newDeafBridge(t, dir)
	inTime(t, answer, "setting times", func() error {
		d, err := cloud.OpenDir(dir)
		if err != nil {
			return err
		}
		defer d.Close()
		f, err := d.Create("f", 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		for i, set := range []func(cloud.Times) error{f.Chtimes, func(t cloud.Times) error { return d.Chtimes("f", t) }} {
			atime, mtime := time.Unix(int64(1e9+i), 1000), time.Unix(int64(2e9+i), 1000)
			for _, times := range []cloud.Times{{Mtime: &mtime}, {Atime: &atime}} {
				if err := set(times); err != nil {
					return err
				}
			}
			info, err := d.Stat("f")
			if err != nil {
				return err
			}
			if !info.Atime.Equal(atime) || !info.Mtime.Equal(mtime) {
				t.Errorf("the times are %v and %v, want %v and %v", info.Atime, info.Mtime, atime, mtime)
			}
		}
		return nil
	})
}
