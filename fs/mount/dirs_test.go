package mount

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

var dirTests = map[string]func(*testing.T, string){
	"Listing":   dirListing,
	"Seek":      dirSeek,
	"Rewind":    dirRewind,
	"Changing":  dirChanging,
	"RemoveAll": dirRemoveAll,
	"Statfs":    dirStatfs,
	"Links":     dirLinks,
}

// entries reads what is left of an open directory.
func entries(t *testing.T, fd, bufSize int) []fuse.DirEntry {
	t.Helper()
	var all []fuse.DirEntry
	buf := make([]byte, bufSize)
	for {
		n, err := unix.ReadDirent(fd, buf)
		check(t, err)
		if n == 0 {
			return all
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e fuse.DirEntry
			rest = rest[e.Parse(rest):]
			all = append(all, e)
		}
	}
}

func fill(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		fd, err := unix.Open(fmt.Sprintf("%s/entry-%05d", dir, i), unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		check(t, err)
		check(t, unix.Close(fd))
	}
}

// Types and inode numbers of the listing are those of stat.
func dirListing(t *testing.T, dir string) {
	write(t, dir+"/file", "")
	check(t, os.Mkdir(dir+"/dir", 0o755))
	check(t, os.Symlink("x", dir+"/link"))
	check(t, unix.Mkfifo(dir+"/fifo", 0o600))
	check(t, unix.Link(dir+"/file", dir+"/hard"))
	for _, bufSize := range []int{300, 1 << 16} {
		fd := open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		seen := map[string]bool{}
		for _, e := range entries(t, fd, bufSize) {
			if seen[e.Name] {
				t.Errorf("%s is listed twice", e.Name)
			}
			seen[e.Name] = true
			st := lstat(t, dir+"/"+e.Name)
			if e.Mode&unix.S_IFMT != st.Mode&unix.S_IFMT || e.Ino != st.Ino && e.Name != ".." {
				t.Errorf("%s is listed as %o with inode %d, stat says %o and %d", e.Name, e.Mode, e.Ino, st.Mode, st.Ino)
			}
		}
		if len(seen) != 7 {
			t.Errorf("listed: %v", seen)
		}
	}
}

// telldir and seekdir over thousands of entries.
func dirSeek(t *testing.T, dir string) {
	fill(t, dir, sought)
	fd := open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	all := entries(t, fd, 4096)
	if len(all) != sought+2 {
		t.Fatalf("%d entries, want %d", len(all), sought+2)
	}
	for i := 0; i < len(all)-1; i += 97 {
		_, err := unix.Seek(fd, int64(all[i].Off), unix.SEEK_SET)
		check(t, err)
		if got := entries(t, fd, 1<<16); len(got) != len(all)-1-i || got[0].Name != all[i+1].Name {
			t.Errorf("after a seek behind entry %d: %d entries", i, len(got))
		}
	}
}

func dirRewind(t *testing.T, dir string) {
	fill(t, dir, 3)
	fd := open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if got := len(entries(t, fd, 4096)); got != 5 {
		t.Errorf("%d entries, want 5", got)
	}
	write(t, dir+"/later", "")
	check(t, unix.Unlink(dir+"/entry-00001"))
	_, err := unix.Seek(fd, 0, unix.SEEK_SET)
	check(t, err)
	names := map[string]bool{}
	for _, e := range entries(t, fd, 4096) {
		names[e.Name] = true
	}
	if len(names) != 5 || !names["later"] || names["entry-00001"] {
		t.Errorf("after a rewind: %v", names)
	}
}

// Entries that stay are listed once each, whatever comes and goes meanwhile.
func dirChanging(t *testing.T, dir string) {
	const n = 1000
	fill(t, dir, n)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			path := fmt.Sprintf("%s/passing-%d", dir, i%50)
			if i/50%2 == 0 {
				os.Mkdir(path, 0o700)
			} else {
				os.Remove(path)
			}
		}
	})
	for range 5 {
		fd := open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		seen := map[string]int{}
		for _, e := range entries(t, fd, 2048) {
			seen[e.Name]++
		}
		for i := range n {
			if name := fmt.Sprintf("entry-%05d", i); seen[name] != 1 {
				t.Errorf("%s is listed %d times", name, seen[name])
			}
		}
	}
	close(stop)
	group.Wait()
}

// Removing what was just listed, as rm does, leaves nothing out.
func dirRemoveAll(t *testing.T, dir string) {
	fill(t, dir, removed)
	fd := open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	buf := make([]byte, 1024)
	gone := 0
	for {
		n, err := unix.ReadDirent(fd, buf)
		check(t, err)
		if n == 0 {
			break
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e fuse.DirEntry
			rest = rest[e.Parse(rest):]
			if e.Name != "." && e.Name != ".." {
				check(t, unix.Unlinkat(fd, e.Name, 0))
				gone++
			}
		}
	}
	if gone != removed {
		t.Errorf("removed %d entries of %d", gone, removed)
	}
	check(t, unix.Rmdir(dir))
}

func dirStatfs(t *testing.T, dir string) {
	var s unix.Statfs_t
	check(t, unix.Statfs(dir, &s))
	if s.Type != unix.FUSE_SUPER_MAGIC || s.Namelen != 255 || s.Bsize < 512 || s.Blocks == 0 || s.Bavail > s.Bfree || s.Bfree > s.Blocks {
		t.Errorf("statfs: %+v", s)
	}
}

func dirLinks(t *testing.T, dir string) {
	before := lstat(t, dir).Nlink
	check(t, os.Mkdir(dir+"/a", 0o755))
	check(t, os.Mkdir(dir+"/b", 0o755))
	if got := lstat(t, dir).Nlink; got != before && got != before+2 {
		t.Errorf("two subdirectories changed the links from %d to %d", before, got)
	}
	check(t, unix.Rmdir(dir+"/a"))
	check(t, unix.Rmdir(dir+"/b"))
	if got := lstat(t, dir).Nlink; got != before {
		t.Errorf("%d links, %d before", got, before)
	}
}
