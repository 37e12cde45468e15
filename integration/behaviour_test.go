package integration

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stillness is how soon a mount must notice a cloud that has gone: it syncs every 5 s.
const stillness = 15 * time.Second

// contents are all names under a directory with what is in them, so that any change shows.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		all[name] = d.Type().String()
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			all[name] = string(content)
			return err
		}
		return nil
	}))
	return all
}

func demandUnchanged(t testing.TB, dir string, before map[string]string) {
	t.Helper()
	after := contents(t, dir)
	for name, content := range before {
		if got, ok := after[name]; !ok || got != content {
			t.Errorf("%s was changed or is gone", filepath.Join(dir, name))
		}
	}
	if len(after) > len(before) {
		t.Errorf("%s has %d entries, had %d", dir, len(after), len(before))
	}
}

func demandContent(t testing.TB, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is %.100q, %v; want %.100q", path, got, err, want)
	}
}

// mountWarned mounts in the background as a user does, and returns what the program says on standard error.
func (v *vault) mountWarned() string {
	v.t.Helper()
	path, err := program()
	must(v.t, err)
	r := command{}.try(v.t, path, "mount", "--passfile", v.pass, v.dir, v.root)
	if r.code != 0 {
		v.t.Fatalf("mount: exit code %d\n%s", r.code, r.stderr)
	}
	return r.stderr
}

func (v *vault) demandWarning(said, cloud, what string) {
	v.t.Helper()
	if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "overcast: warning: cloud "+cloud+" is "+what+":") {
		v.t.Errorf("mount said %q, want one warning that %s is %s", said, cloud, what)
	}
}

// TestCloudsRefused mounts clouds that are all away, or in each other's place, and finds nothing changed.
func TestCloudsRefused(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	writeIn(t, v.root, "file", []byte("content"))
	m.unmount()
	refuse := func(why string) {
		t.Helper()
		outside := func() map[string]string {
			all := contents(t, filepath.Dir(v.dir))
			maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, "vault/") }) // may tell of the attempt
			return all
		}
		before := outside()
		if said := v.refused(6, "mount", "--passfile", v.pass, v.dir, v.root); !strings.Contains(said, why) {
			t.Errorf("mount said %q", said)
		}
		if !maps.Equal(before, outside()) {
			t.Error("something was changed")
		}
	}
	must(t, exchange(v.clouds[0], v.clouds[1]))
	refuse("were folders swapped?")
	must(t, exchange(v.clouds[0], v.clouds[1]))
	for _, dir := range v.clouds {
		must(t, os.Rename(dir, dir+".away"))
	}
	refuse("no cloud is available")
	for _, dir := range v.clouds {
		must(t, os.Rename(dir+".away", dir))
	}
	m = v.mount()
	demandContent(t, v.at("file"), "content")
	m.unmount()
}

// TestEachCloudAlone reads a tree of every kind of entry from each cloud.
func TestEachCloudAlone(t *testing.T) {
	t.Parallel()
	v := newVault(t, 3)
	m := v.mount()
	plantTree(t, v.root, 4096)
	changeTree(t, v.root, 4096)
	want := treeOf(t, v.root)
	m.unmount()
	v.eachAlone(func(root string) { demandSameTree(t, treeOf(t, root), want) })
}

// TestForeignFiles puts into the clouds' directories what sync tools and people do.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	must(t, os.MkdirAll(v.at("dir", "inner"), 0o755))
	writeIn(t, v.root, "dir/file", []byte("content"))
	m.unmount()

	foreign := make(map[string]string)
	for _, cloud := range v.clouds {
		for path := range contents(t, cloud) {
			at := filepath.Join(cloud, path)
			if info, err := os.Lstat(at); err != nil || !info.IsDir() {
				continue
			}
			for _, name := range []string{".DS_Store", "foo.txt", "x (conflicted copy).tmp", "~$lock", ".sync.ffs_db", "plain"} {
				foreign[filepath.Join(at, name)] = name
			}
			for copied := range contents(t, at) {
				if content, err := os.ReadFile(filepath.Join(at, copied)); err == nil && !strings.Contains(copied, "/") {
					foreign[filepath.Join(at, copied+" (1)")] = string(content)
				}
			}
		}
	}
	for path, content := range foreign {
		writeIn(t, "", path, []byte(content))
	}

	m = v.mount()
	listed := strings.Fields(command{dir: v.root}.run(t, "find", ".", "-mindepth", "1"))
	if len(listed) != 3 {
		t.Errorf("listed are %q", listed)
	}
	demandContent(t, v.at("dir/file"), "content")
	writeIn(t, v.root, "dir/file", []byte("changed"))
	if err := unix.Rmdir(v.at("dir/inner")); err != unix.ENOTEMPTY {
		t.Errorf("rmdir of a directory with foreign files: %v", err)
	}
	if r := (command{}).try(t, "rm", "-rf", v.at("dir")); !strings.Contains(r.stderr, "not empty") {
		t.Errorf("rm -rf: %d, %q", r.code, r.stderr)
	}
	if _, err := os.Lstat(v.at("dir/file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file in it: %v", err)
	}
	m.unmount()
	for path, content := range foreign {
		demandContent(t, path, content)
	}
}

// demandNotice waits for the mount to say that a cloud is not in use. What status says of a directory that is gone is no proof.
func (v *vault) demandNotice() {
	v.t.Helper()
	v.awaitSaid("gets no changes any more", stillness)
}

// awaitSaid waits for the mount to say something in its log.
func (v *vault) awaitSaid(what string, limit time.Duration) {
	v.t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	late := time.After(limit)
	for {
		said, err := os.ReadFile(v.logs)
		must(v.t, err)
		if strings.Contains(string(said), what) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			v.t.Errorf("the mount has not said %q within %v", what, limit)
			return
		}
	}
}

// blocks calls found for every aligned block of 16 bytes in a cloud that must be like no other: all but a header's first
// 16 bytes, its salt, and holes. The marker is no secret.
func blocks(t testing.TB, cloud string, found func(block [16]byte, path string)) {
	t.Helper()
	for path, content := range contents(t, cloud) {
		if path == "z-overcast.json" || !strings.HasPrefix(content, "OVERCAST") {
			continue
		}
		for off := 32; off+16 <= len(content); off += 16 {
			if block := [16]byte([]byte(content[off : off+16])); block != [16]byte{} {
				found(block, path)
			}
		}
	}
}

// TestSecrecy looks for anything that two clouds have in common, or that tells what is in them.
func TestSecrecy(t *testing.T) {
	t.Parallel()
	v := newVault(t, 3)
	const secret = "a phrase that nobody may read"
	m := v.mount()
	must(t, os.Mkdir(v.at("telling-directory"), 0o755))
	for _, name := range []string{"telling-directory/telling-name", "telling-" + strings.Repeat("long", 50)} {
		writeIn(t, v.root, name, bytes.Repeat([]byte(secret), 2000))
	}
	writeIn(t, v.root, "twice", bytes.Repeat([]byte("0123456789abcdef"), 1024))
	must(t, os.Symlink("telling-target", v.at("telling-link")))
	must(t, unix.Setxattr(v.at("twice"), "user.telling", []byte(secret), 0))
	m.unmount()
	seen := make(map[[16]byte]string)
	look := func() {
		for i, cloud := range v.clouds {
			blocks(t, cloud, func(block [16]byte, path string) {
				at := cloudName(i) + "/" + path
				if other, ok := seen[block]; ok {
					t.Errorf("%x is in %s and in %s", block, other, at)
				}
				seen[block] = at
			})
		}
	}
	look()
	v.demandNamesDiffer()

	// The same content again, in place: every record is a new one. The other files are as they were.
	m = v.mount()
	file, err := os.OpenFile(v.at("twice"), os.O_RDWR, 0)
	must(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte("0123456789abcdef"), 1024), 0)
	must(t, errors.Join(err, file.Sync(), file.Close()))
	must(t, os.RemoveAll(v.at("telling-directory")))
	must(t, os.Remove(v.at("telling-"+strings.Repeat("long", 50))))
	must(t, os.Remove(v.at("telling-link")))
	v.demandNothingTold(secret)
	m.unmount()
	look()
	v.demandNothingTold(secret)
}

func (v *vault) demandNamesDiffer() {
	v.t.Helper()
	names := make(map[string]string)
	for i, cloud := range v.clouds {
		for path := range contents(v.t, cloud) {
			name := filepath.Base(path)
			if other, ok := names[name]; ok && name != "." && name != "z-overcast.json" {
				v.t.Errorf("%s is in the clouds %s and %s", name, other, cloudName(i))
			}
			names[name] = cloudName(i)
		}
	}
}

// demandNothingTold looks for plaintext in the clouds and in the vault, whose state has the log of what was done.
func (v *vault) demandNothingTold(secret string) {
	v.t.Helper()
	for _, dir := range append([]string{v.dir}, v.clouds...) {
		for path, content := range contents(v.t, dir) {
			for _, word := range []string{"telling", "twice", secret, "0123456789abcdef", "longlong"} {
				if strings.Contains(path, word) || strings.Contains(content, word) {
					v.t.Errorf("%s/%s tells of %q", dir, path, word)
				}
			}
		}
	}
}

// readOnly makes a directory read-only, as a disk that has failed does.
func readOnly(t *testing.T, dir string) (undo func()) {
	t.Helper()
	must(t, unix.Mount(dir, dir, "", unix.MS_BIND, ""))
	undo = func() { _ = unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) } // it may be undone already
	t.Cleanup(undo)
	must(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	return undo
}

// TestReadOnlyCloud mounts with one cloud's directory read-only, and with both.
func TestReadOnlyCloud(t *testing.T) {
	t.Parallel()
	for i := range 2 {
		t.Run(cloudName(i), func(t *testing.T) {
			v := newVault(t, 2)
			v.troubled = true
			m := v.mount()
			writeIn(t, v.root, "file", []byte("before"))
			m.unmount()
			undo := readOnly(t, v.clouds[i])
			before := contents(t, v.clouds[i])
			m = v.mount()
			demandContent(t, v.at("file"), "before")
			writeIn(t, v.root, "file", []byte("after"))
			writeIn(t, v.root, "new", []byte("new"))
			demandContent(t, v.at("file"), "after")
			m.unmount()
			undo()
			if got := v.status().Clouds[i].State; got != "owes" {
				t.Errorf("status says %q of the cloud that could not be written", got)
			}
			demandUnchanged(t, v.clouds[i], before)
			m = v.mount()
			v.awaitAllWell()
			m.unmount()
			v.eachAlone(func(root string) {
				demandContent(t, filepath.Join(root, "file"), "after")
				demandContent(t, filepath.Join(root, "new"), "new")
			})
		})
	}
	t.Run("both", func(t *testing.T) {
		v := newVault(t, 2)
		m := v.mount()
		writeIn(t, v.root, "file", []byte("before"))
		m.unmount()
		for _, cloud := range v.clouds {
			readOnly(t, cloud)
		}
		v.troubled = true
		m = v.mount()
		demandContent(t, v.at("file"), "before")
		for _, err := range []error{
			os.WriteFile(v.at("file"), []byte("after"), 0o600), os.Mkdir(v.at("dir"), 0o700), os.Remove(v.at("file")),
			os.Chmod(v.at("file"), 0o600), os.Rename(v.at("file"), v.at("other")),
		} {
			if !errors.Is(err, unix.EROFS) {
				t.Errorf("a change where nothing can be written: %v", err)
			}
		}
		m.unmount()
		v.demandStates("ok", "ok")
	})
}

// openings are the names of the files that are opened in the clouds' directories while something is done.
func (v *vault) openings(do func()) map[string]bool {
	v.t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(v.t, err)
	defer unix.Close(fd)
	for _, cloud := range v.clouds {
		must(v.t, filepath.WalkDir(cloud, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_, err = unix.InotifyAddWatch(fd, path, unix.IN_OPEN)
			}
			return err
		}))
	}
	do()
	opened := make(map[string]bool)
	events := make([]byte, 1<<20)
	for {
		n, err := unix.Read(fd, events)
		if err == unix.EAGAIN {
			return opened
		}
		must(v.t, err)
		for rest := events[:n]; len(rest) > 0; {
			mask, size := binary.NativeEndian.Uint32(rest[4:]), int(binary.NativeEndian.Uint32(rest[12:]))
			name := string(bytes.TrimRight(rest[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], "\x00"))
			if mask&unix.IN_ISDIR == 0 && name != "z-overcast.json" { // the marker tells that the directory is still there
				opened[name] = true
			}
			rest = rest[unix.SizeofInotifyEvent+size:]
		}
	}
}

// TestListingOpensNothing counts what ls -lR opens in the clouds.
func TestListingOpensNothing(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	must(t, os.MkdirAll(v.at("dir", "inner"), 0o755))
	for _, name := range []string{"a", "b", "dir/a", "dir/b", "dir/inner/a"} {
		writeIn(t, v.root, name, pycryptoNoise(10_000))
	}
	m.unmount()
	listing := func(lines int) {
		said := command{}.run(t, "ls", "-lR", v.root)
		if got := strings.Count(said, ":") + strings.Count(said, "\n"); got < lines {
			t.Errorf("ls told only\n%s", said)
		}
	}
	m = v.mount()
	if opened := v.openings(func() { listing(10) }); len(opened) > 0 {
		t.Errorf("ls -lR opened %d files", len(opened))
	}
	m.unmount()

	// These are the ones whose names, types or modes are in them.
	m = v.mount()
	must(t, os.Symlink("a", v.at("dir", "link")))
	must(t, unix.Mkfifo(v.at("fifo"), 0o600))
	must(t, os.Chmod(v.at("dir/a"), 0o644|os.ModeSticky))
	must(t, os.Chmod(v.at("dir/b"), 0))
	writeIn(t, v.root, strings.Repeat("long", 50), []byte("long"))
	m.unmount()
	m = v.mount()
	// Of each cloud: four headers and one sidecar.
	if opened := v.openings(func() { listing(14) }); len(opened) == 0 || len(opened) > 2*5 {
		t.Errorf("ls -lR opened %d files", len(opened))
	}
	m.unmount()
}
