package mount

import (
	"bytes"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

var dataTests = map[string]func(*testing.T, string){
	"Overwrite":     dataOverwrite,
	"TruncateOther": dataTruncateOther,
	"TruncateGrow":  dataTruncateGrow,
	"MmapShared":    dataMmapShared,
	"MmapPrivate":   dataMmapPrivate,
	"Allocate":      dataAllocate,
	"PunchHole":     dataPunchHole,
	"Seek":          dataSeek,
	"SeekUnwritten": dataSeekUnwritten,
	"Concurrent":    dataConcurrent,
	"LargeRewrite":  dataLargeRewrite,
	"CopyRange":     dataCopyRange,
	"Locks":         dataLocks,
	"Limits":        dataLimits,
	"Sync":          dataSync,
}

// Random writes, truncations and reads against a copy in memory.
func dataOverwrite(t *testing.T, dir string) {
	const limit = 300_000
	rng := rand.New(rand.NewPCG(1, 2))
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	var model []byte
	for step := range 400 {
		off, n := rng.IntN(limit), 1+rng.IntN(20_000)
		switch rng.IntN(8) {
		case 0:
			check(t, unix.Ftruncate(fd, int64(off)))
			model = append(model, make([]byte, max(0, off-len(model)))...)[:off]
		case 1:
			check(t, unix.Fsync(fd))
		case 2, 3:
			got := make([]byte, n)
			k, err := unix.Pread(fd, got, int64(off))
			check(t, err)
			if expect := model[min(off, len(model)):min(off+n, len(model))]; !bytes.Equal(got[:k], expect) {
				t.Fatalf("step %d: read %d bytes at %d, want %d", step, k, off, len(expect))
			}
		default:
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			_, err := unix.Pwrite(fd, data, int64(off))
			check(t, err)
			model = append(model, make([]byte, max(0, off+n-len(model)))...)
			copy(model[off:], data)
		}
	}
	check(t, unix.Close(fd))
	if got := content(t, dir+"/f"); got != string(model) {
		t.Error("the file differs from its copy in memory")
	}
}

// What one descriptor holds back in the kernel, and another one truncates.
func dataTruncateOther(t *testing.T, dir string) {
	path := dir + "/f"
	a := open(t, path, unix.O_RDWR|unix.O_CREAT, 0o600)
	b := open(t, path, unix.O_RDWR, 0)
	_, err := unix.Pwrite(a, bytes.Repeat([]byte("a"), 10_000), 0)
	check(t, err)
	check(t, unix.Ftruncate(b, 5000))
	check(t, unix.Truncate(path, 7000))
	_, err = unix.Pwrite(a, []byte("end"), 8000)
	check(t, err)
	var st unix.Stat_t
	check(t, unix.Fstat(b, &st))
	if st.Size != 8003 {
		t.Errorf("size %d, want 8003", st.Size)
	}
	expect := append(bytes.Repeat([]byte("a"), 5000), make([]byte, 3000)...)
	if got := content(t, path); got != string(expect)+"end" {
		t.Error("content after truncation by another descriptor is wrong")
	}
}

// Bytes that a truncation cut off never come back.
func dataTruncateGrow(t *testing.T, dir string) {
	path := write(t, dir+"/f", string(bytes.Repeat([]byte("x"), 10_000)))
	check(t, os.Truncate(path, 4100))
	check(t, os.Truncate(path, 20_000))
	expect := append(bytes.Repeat([]byte("x"), 4100), make([]byte, 15_900)...)
	if got := content(t, path); got != string(expect) {
		t.Error("what a truncation cut off came back")
	}
	want(t, unix.Truncate(path, -1), unix.EINVAL, "truncate to a negative size")
	want(t, unix.Truncate(dir, 0), unix.EISDIR, "truncate a directory")
}

func dataMmapShared(t *testing.T, dir string) {
	path := dir + "/f"
	fd := open(t, path, unix.O_RDWR|unix.O_CREAT, 0o600)
	check(t, unix.Ftruncate(fd, 3*4096))
	mem, err := unix.Mmap(fd, 0, 3*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	check(t, err)
	copy(mem[5000:], "through the map")
	check(t, unix.Msync(mem, unix.MS_SYNC))
	other := open(t, path, unix.O_RDWR|unix.O_DIRECT, 0)
	page := make([]byte, 4096)
	_, err = unix.Pread(other, page, 4096)
	if err != nil || string(page[904:919]) != "through the map" {
		t.Errorf("msync did not pass the map's pages on: %v", err)
	}
	_, err = unix.Pwrite(fd, []byte("through the file"), 100)
	check(t, err)
	if string(mem[100:116]) != "through the file" {
		t.Error("a write does not show in the map")
	}
	// The map outlives its descriptor.
	check(t, unix.Close(fd))
	copy(mem[9000:], "late")
	check(t, unix.Munmap(mem))
	if got := content(t, path); got[9000:9004] != "late" || got[5000:5007] != "through" {
		t.Error("what was written through the map is lost")
	}
}

func dataMmapPrivate(t *testing.T, dir string) {
	path := write(t, dir+"/f", "0123456789")
	fd := open(t, path, unix.O_RDONLY, 0)
	mem, err := unix.Mmap(fd, 0, 10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	check(t, err)
	copy(mem, "private")
	check(t, unix.Munmap(mem))
	if got := content(t, path); got != "0123456789" {
		t.Errorf("a private map changed the file: %q", got)
	}
}

func dataAllocate(t *testing.T, dir string) {
	path := write(t, dir+"/f", "0123456789")
	fd := open(t, path, unix.O_RDWR, 0)
	check(t, unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, 100_000))
	if st := lstat(t, path); st.Size != 10 {
		t.Errorf("FALLOC_FL_KEEP_SIZE made the size %d", st.Size)
	}
	check(t, unix.Fallocate(fd, 0, 5, 9000))
	if got := content(t, path); got != "0123456789"+string(make([]byte, 8995)) {
		t.Error("allocation changed content")
	}
	check(t, unix.Fallocate(fd, 0, 0, 100))
	if st := lstat(t, path); st.Size != 9005 {
		t.Errorf("allocation within the file made the size %d", st.Size)
	}
	want(t, unix.Fallocate(fd, unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096), unix.EOPNOTSUPP, "collapse a range")
	want(t, unix.Fallocate(fd, 0, 0, 0), unix.EINVAL, "allocate nothing")
	read := open(t, path, unix.O_RDONLY, 0)
	want(t, unix.Fallocate(read, 0, 0, 100), unix.EBADF, "allocate through a descriptor for reading")
}

func dataPunchHole(t *testing.T, dir string) {
	const size = 50_000
	expect := bytes.Repeat([]byte("p"), size)
	path := write(t, dir+"/f", string(expect))
	fd := open(t, path, unix.O_RDWR, 0)
	check(t, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 5000, 20_000))
	clear(expect[5000:25_000])
	check(t, unix.Fallocate(fd, unix.FALLOC_FL_ZERO_RANGE, 30_000, 10_000))
	clear(expect[30_000:40_000])
	check(t, unix.Fallocate(fd, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, 49_000, 10_000))
	clear(expect[49_000:])
	check(t, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 100_000, 10))
	if got := content(t, path); got != string(expect) {
		t.Error("content is wrong after punching and zeroing")
	}
	check(t, unix.Fallocate(fd, unix.FALLOC_FL_ZERO_RANGE, 49_500, 2500))
	if st := lstat(t, path); st.Size != 52_000 {
		t.Errorf("zeroing beyond the end made the size %d, want 52000", st.Size)
	}
	want(t, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE, 0, 10), unix.EOPNOTSUPP, "punch a hole without KEEP_SIZE")
}

// Where holes are found is up to the filesystem; that data are, is not.
func dataSeek(t *testing.T, dir string) {
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	const megabyte = 1 << 20
	for _, off := range []int64{megabyte, 3 * megabyte} {
		_, err := unix.Pwrite(fd, bytes.Repeat([]byte("d"), 8192), off)
		check(t, err)
	}
	check(t, unix.Ftruncate(fd, 4*megabyte))
	check(t, unix.Fsync(fd))
	seek := func(off int64, whence int, low, high int64) {
		t.Helper()
		got, err := unix.Seek(fd, off, whence)
		if err != nil || got < low || got > high {
			t.Errorf("seek %d from %d: %d, %v, want %d to %d", whence, off, got, err, low, high)
		}
	}
	seek(0, unix.SEEK_DATA, 0, megabyte)
	seek(megabyte+100, unix.SEEK_DATA, megabyte+100, megabyte+100)
	seek(megabyte+8192, unix.SEEK_DATA, megabyte+8192, 3*megabyte)
	seek(3*megabyte, unix.SEEK_HOLE, 3*megabyte+8192, 4*megabyte)
	seek(0, unix.SEEK_HOLE, 0, 4*megabyte)
	_, err := unix.Seek(fd, 4*megabyte, unix.SEEK_DATA)
	want(t, err, unix.ENXIO, "seek for data at the end")
	_, err = unix.Seek(fd, 4*megabyte, unix.SEEK_HOLE)
	want(t, err, unix.ENXIO, "seek for a hole at the end")
	_, err = unix.Seek(fd, -1, unix.SEEK_DATA)
	want(t, err, unix.ENXIO, "seek for data before the beginning")
}

// Data that the kernel still holds back are data.
func dataSeekUnwritten(t *testing.T, dir string) {
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	for i := range int64(5) {
		at := (i + 1) << 20
		_, err := unix.Pwrite(fd, []byte("unwritten"), at)
		check(t, err)
		got, err := unix.Seek(fd, at-100, unix.SEEK_DATA)
		if err != nil || got > at {
			t.Errorf("seek for data from %d: %d, %v, want at most %d", at-100, got, err, at)
		}
	}
}

// More than a commit holds, rewritten at once: the kernel passes it on in many
// requests at the same time.
func dataLargeRewrite(t *testing.T, dir string) {
	path := dir + "/f"
	block := make([]byte, 1<<20)
	for round := range 2 {
		fd := open(t, path, unix.O_WRONLY|unix.O_CREAT, 0o600)
		for off := 0; off < rewritten; off += len(block) {
			block[0], block[4096] = byte(off>>20), byte(round+1)
			_, err := unix.Pwrite(fd, block, int64(off))
			check(t, err)
		}
		check(t, unix.Close(fd))
	}
	fd := open(t, path, unix.O_RDONLY|unix.O_DIRECT, 0)
	for off := 0; off < rewritten; off += len(block) {
		_, err := unix.Pread(fd, block[:8192], int64(off))
		check(t, err)
		if block[0] != byte(off>>20) || block[4096] != 2 {
			t.Fatalf("at %d: %d and %d", off, block[0], block[4096])
		}
	}
	check(t, unix.Unlink(path))
}

// Readers see each block whole, as one of the writers wrote it.
func dataConcurrent(t *testing.T, dir string) {
	const blocks, block, rounds, writers, readers = 16, 4096, 40, 3, 3
	path := write(t, dir+"/f", string(make([]byte, blocks*block)))
	var group sync.WaitGroup
	errs := make(chan error, writers+readers)
	for w := range writers {
		group.Go(func() {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			for i := 0; i < rounds && err == nil; i++ {
				_, err = f.WriteAt(bytes.Repeat([]byte{byte('a' + w)}, block), int64((i*7+w)%blocks)*block)
				if i%10 == w {
					err = f.Sync()
				}
			}
			errs <- err
		})
	}
	for range readers {
		group.Go(func() {
			f, err := os.Open(path)
			buf := make([]byte, block)
			for i := 0; i < rounds && err == nil; i++ {
				_, err = f.ReadAt(buf, int64(i%blocks)*block)
				if !bytes.Equal(buf, bytes.Repeat(buf[:1], block)) {
					t.Error("a reader saw half a write")
				}
			}
			errs <- err
		})
	}
	group.Wait()
	for range writers + readers {
		check(t, <-errs)
	}
	if st := lstat(t, path); st.Size != blocks*block {
		t.Errorf("size %d", st.Size)
	}
}

func dataCopyRange(t *testing.T, dir string) {
	text := bytes.Repeat([]byte("copy_file_range "), 20_000)
	from := open(t, write(t, dir+"/from", string(text)), unix.O_RDONLY, 0)
	to := open(t, dir+"/to", unix.O_WRONLY|unix.O_CREAT, 0o600)
	for copied := 0; copied < len(text); {
		n, err := unix.CopyFileRange(from, nil, to, nil, len(text)-copied, 0)
		check(t, err)
		if n == 0 {
			t.Fatalf("copied %d of %d bytes", copied, len(text))
		}
		copied += n
	}
	if got := content(t, dir+"/to"); got != string(text) {
		t.Error("the copy differs")
	}
}

func dataLocks(t *testing.T, dir string) {
	path := write(t, dir+"/f", "locked")
	a, b := open(t, path, unix.O_RDWR, 0), open(t, path, unix.O_RDWR, 0)
	check(t, unix.Flock(a, unix.LOCK_EX))
	want(t, unix.Flock(b, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK, "flock a locked file")
	check(t, unix.Flock(a, unix.LOCK_UN))
	check(t, unix.Flock(b, unix.LOCK_SH|unix.LOCK_NB))
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 2, Len: 2}
	check(t, unix.FcntlFlock(uintptr(a), unix.F_OFD_SETLK, &lock))
	want(t, unix.FcntlFlock(uintptr(b), unix.F_OFD_SETLK, &lock), unix.EAGAIN, "lock a locked range")
	lock.Start = 4
	check(t, unix.FcntlFlock(uintptr(b), unix.F_OFD_SETLK, &lock))
}

func dataLimits(t *testing.T, dir string) {
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	far := int64(1) << 40
	_, err := unix.Pwrite(fd, []byte("far"), far)
	check(t, err)
	check(t, unix.Fsync(fd))
	buf := make([]byte, 3)
	if _, err := unix.Pread(fd, buf, far); err != nil || string(buf) != "far" {
		t.Errorf("read at 1 TiB: %q, %v", buf, err)
	}
	check(t, unix.Ftruncate(fd, 0))
}

func dataSync(t *testing.T, dir string) {
	fd := open(t, dir+"/f", unix.O_RDWR|unix.O_CREAT, 0o600)
	_, err := unix.Write(fd, []byte("durable"))
	check(t, err)
	check(t, unix.Fdatasync(fd))
	check(t, unix.Fsync(fd))
	check(t, unix.SyncFileRange(fd, 0, 7, unix.SYNC_FILE_RANGE_WRITE))
	d := open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	check(t, unix.Fsync(d))
	read := open(t, dir+"/f", unix.O_RDONLY, 0)
	check(t, unix.Fsync(read))
}
