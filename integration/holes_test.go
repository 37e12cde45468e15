package integration

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holeTime is how much of the processors the mount's process may take for one operation on a sparse file of any length. As a rule that
// is a hundredth of it.
const holeTime = time.Second

// TestHoles changes the length of sparse files, and makes holes in them: that costs what the data costs that is there, in time, in memory
// and in room on the disk.
func TestHoles(t *testing.T) {
	t.Parallel()
	for clouds := 1; clouds <= 2; clouds++ {
		t.Run(fmt.Sprintf("%d clouds", clouds), func(t *testing.T) {
			t.Parallel()
			v := newVault(t, clouds)
			m := v.mount()
			punch := uint32(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
			zero := uint32(unix.FALLOC_FL_ZERO_RANGE)
			f := v.sparse(m, "holes")
			const g = 1 << 30
			f.soon("made longer", func() error { return f.Truncate(16 * g) })
			f.soon("punched, before its first commit", func() error { return unix.Fallocate(int(f.Fd()), punch, 0, 12*g) })
			f.soon("read", func() error { _, err := f.ReadAt(make([]byte, 1), 8*g); return err })
			f.soon("much longer", func() error { return f.Truncate(256 * g) })
			f.soon("shorter", func() error { return f.Truncate(128 * g) })
			f.soon("punched again", func() error { return unix.Fallocate(int(f.Fd()), punch, g+5, 32*g) })
			f.soon("zeroed", func() error { return unix.Fallocate(int(f.Fd()), zero, 7, 64*g) })
			f.soon("as long as can be", func() error { return f.Truncate(1 << 62) })
			f.soon("8 TiB", func() error { return f.Truncate(8 << 40) })
			data := make([]byte, 3<<20+17)
			rand.Read(data)
			for _, off := range []int64{100, 5*g + 3, 4<<40 + 4096} {
				f.soon("written", func() error { _, err := f.WriteAt(data, off); return err })
			}
			f.soon("punched between its data", func() error { return unix.Fallocate(int(f.Fd()), punch, 6*g, 3<<40) })
			f.soon("punched through its data", func() error { return unix.Fallocate(int(f.Fd()), punch, 5*g, g) })
			f.soon("sought", func() error {
				at, err := f.Seek(5*g, unix.SEEK_DATA)
				if err == nil && at != 4<<40+4096 {
					err = fmt.Errorf("data at %d", at)
				}
				return err
			})
			f.soon("cut within its data", func() error { return f.Truncate(100 + 1<<20) })
			got := make([]byte, 100+1<<20)
			f.soon("read whole", func() error { _, err := io.ReadFull(io.NewSectionReader(f, 0, 1<<62), got); return err })
			if !bytes.Equal(got, append(make([]byte, 100), data[:1<<20]...)) {
				t.Error("it is not what was written")
			}
			m.demandResident()
			must(t, f.Close())
			v.unpacked(m)
			m.unmount()
			v.check(0, "verify", "--passfile", v.pass)
			v.eachAlone(func(root string) {
				got, err := os.ReadFile(filepath.Join(root, "holes"))
				if err != nil || !bytes.Equal(got, append(make([]byte, 100), data[:1<<20]...)) {
					t.Errorf("alone it has %d bytes: %v", len(got), err)
				}
			})
		})
	}
}

// unpacked wants the room of a file's data back from every cloud once holes were made of it.
func (v *vault) unpacked(m *mounted) {
	t := v.t
	t.Helper()
	const size = 64 << 20
	f := v.sparse(m, "full")
	data := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(data)) {
		rand.Read(data)
		_, err := f.WriteAt(data, off)
		must(t, err)
	}
	must(t, f.Sync())
	full := v.room()
	f.soon("punched whole", func() error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, size)
	})
	v.awaitRoom(full, size*9/10)
	must(t, f.Close())
}

// awaitRoom waits until every cloud takes that much less of its disk than it did, or more if that is negative.
func (v *vault) awaitRoom(before []int64, less int64) (now []int64) {
	v.t.Helper()
	for end := time.Now().Add(patience / 4); ; time.Sleep(100 * time.Millisecond) {
		now, all := v.room(), true
		for i := range now {
			all = all && (less > 0 && before[i]-now[i] >= less || less < 0 && now[i]-before[i] >= -less)
		}
		if all {
			return now
		}
		if time.Now().After(end) {
			v.t.Fatalf("the clouds take %d bytes, and took %d", now, before)
		}
	}
}

// TestDiskImage makes a filesystem of a TiB in a file, uses it, and gives back what its files took.
func TestDiskImage(t *testing.T) {
	t.Parallel()
	need(t, "mkfs.ext4", "e2fsprogs")
	v := newVault(t, 2)
	m := v.mount()
	image, dir := v.at("image"), t.TempDir()
	run := func(args ...string) { t.Helper(); command{limit: answer}.run(t, args...) }
	run("truncate", "-s", "1T", image)
	run("mkfs.ext4", "-q", image)
	run("e2fsck", "-fn", image)
	before := v.room()
	mounting(t, dir)
	run("mount", "-o", "loop,discard", image, dir)
	const size = 48 << 20
	data := make([]byte, size)
	rand.Read(data)
	must(t, os.WriteFile(filepath.Join(dir, "file"), data, 0o600))
	run("sync", "-f", dir)
	full := v.awaitRoom(before, -size)
	must(t, os.Remove(filepath.Join(dir, "file")))
	run("fstrim", dir)
	run("sync", "-f", dir)
	v.awaitRoom(full, size*9/10)
	run("umount", dir)
	run("e2fsck", "-fn", image)
	m.demandResident()
	m.unmount()
	v.check(0, "verify", "--passfile", v.pass)
}

// room is how many bytes each cloud takes on its disk.
func (v *vault) room() (list []int64) {
	for i := range v.clouds {
		var sum int64
		for _, path := range v.backing(i) {
			var st syscall.Stat_t
			must(v.t, syscall.Stat(path, &st))
			sum += st.Blocks * 512
		}
		list = append(list, sum)
	}
	return list
}

// sparseFile is one in a mount.
type sparseFile struct {
	*os.File
	t *testing.T
	m *mounted
}

func (v *vault) sparse(m *mounted, name string) *sparseFile {
	f, err := os.Create(v.at(name))
	must(v.t, err)
	return &sparseFile{f, v.t.(*testing.T), m}
}

// soon does something and syncs it, in no time to speak of.
func (f *sparseFile) soon(what string, do func() error) {
	f.t.Helper()
	before := processorTime(f.t, f.m.process.Pid)
	for _, step := range []func() error{do, f.Sync} {
		if err := step(); err != nil {
			f.t.Errorf("%s: %v", what, err)
		}
	}
	if took := processorTime(f.t, f.m.process.Pid) - before; took > holeTime {
		f.t.Errorf("%s: the mount was busy for %v", what, took)
	}
}
