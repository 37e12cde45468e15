package integration

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	benchRounds = 5         // the systems take turns, and the median counts
	benchFile   = 256 << 20 // bytes of the large file
	benchWrites = 300       // of 4 KiB, each fsynced
)

// A contestant is a directory that the benchmarks work in: a plain one, or one that a filesystem encrypts.
type contestant struct {
	name    string
	root    string
	remount func() // away with what the kernel has cached of it
	end     func()
}

// besideEnv may name another build of the program, for example an older one. It is then a contestant, too.
const besideEnv = "OVERCAST_BENCH_BESIDE"

// contestants are the plain directory, gocryptfs over one directory and Overcast over one cloud and over two, all on the
// same disk.
func contestants(b *testing.B) []contestant {
	plain := contestant{"plain", b.TempDir(), func() {}, func() {}}
	list := []contestant{plain, gocryptfs(b)}
	path, err := program()
	must(b, err)
	for clouds := 1; clouds <= 2; clouds++ {
		list = append(list, overcast(b, fmt.Sprintf("overcast-%d", clouds), path, clouds))
		if other := os.Getenv(besideEnv); other != "" {
			list = append(list, overcast(b, fmt.Sprintf("beside-%d", clouds), other, clouds))
		}
	}
	return list
}

func overcast(b *testing.B, name, program string, clouds int) contestant {
	v := newVaultOf(b, program, nil, clouds)
	m := v.mount()
	return contestant{name, v.root, func() {
		m.unmount()
		m = v.mount()
	}, func() { m.unmount() }}
}

func gocryptfs(b *testing.B) contestant {
	need(b, "gocryptfs", "gocryptfs")
	base := b.TempDir()
	pass, dir, root := base+"/pass", base+"/dir", base+"/mnt"
	must(b, os.WriteFile(pass, []byte("a passphrase of the tests\n"), 0o600))
	must(b, os.Mkdir(dir, 0o700))
	must(b, os.Mkdir(root, 0o700))
	command{}.run(b, "gocryptfs", "-q", "-init", "-scryptn", "10", "-passfile", pass, dir)
	mount := func() { command{}.run(b, "gocryptfs", "-q", "-passfile", pass, dir, root) }
	unmount := func() { command{}.run(b, "fusermount3", "-u", root) }
	mount()
	b.Cleanup(unmount)
	return contestant{"gocryptfs", root, func() { unmount(); mount() }, func() {}}
}

// race has the contestants do the same work in turns and reports the median of each in seconds, how far apart its fastest
// and its slowest round are, in percent of that, and how many times faster than gocryptfs it is.
func race(b *testing.B, prepare, work func(b *testing.B, c contestant, round int)) {
	list := contestants(b)
	took := map[string][]time.Duration{}
	for b.Loop() {
		for round := range benchRounds {
			for _, c := range list {
				prepare(b, c, round)
				start := time.Now()
				work(b, c, round)
				took[c.name] = append(took[c.name], time.Since(start))
				must(b, os.RemoveAll(c.file(round)))
			}
		}
	}
	for _, c := range list {
		c.end()
	}
	b.ReportMetric(0, "ns/op")
	rival := median(took["gocryptfs"])
	for _, c := range list {
		mine := median(took[c.name])
		b.ReportMetric(mine.Seconds(), "s-"+c.name)
		b.ReportMetric(100*(slices.Max(took[c.name])-slices.Min(took[c.name])).Seconds()/mine.Seconds(), "%-"+c.name)
		b.ReportMetric(rival.Seconds()/mine.Seconds(), "x-"+c.name)
	}
}

func nothing(*testing.B, contestant, int) {}

func (c contestant) file(round int) string {
	return filepath.Join(c.root, fmt.Sprintf("file-%d", round))
}

func writeLarge(b *testing.B, c contestant, round int) {
	command{}.run(b, "dd", "if=/dev/zero", "of="+c.file(round), "bs=1M", fmt.Sprintf("count=%d", benchFile>>20), "conv=fsync", "status=none")
}

// BenchmarkFilesystem compares whole programs on real mounts.
func BenchmarkFilesystem(b *testing.B) {
	b.Run("write-256MiB", func(b *testing.B) { race(b, nothing, writeLarge) })
	b.Run("read-256MiB", func(b *testing.B) {
		race(b, func(b *testing.B, c contestant, round int) {
			writeLarge(b, c, round)
			c.remount()
		}, func(b *testing.B, c contestant, round int) {
			command{}.run(b, "dd", "if="+c.file(round), "of=/dev/null", "bs=1M", "status=none")
		})
	})
	archive := benchArchive(b)
	unpack := func(b *testing.B, c contestant, round int) {
		must(b, os.Mkdir(c.file(round), 0o755))
		command{}.run(b, "tar", "-xf", archive, "-C", c.file(round))
	}
	b.Run("untar", func(b *testing.B) { race(b, nothing, unpack) })
	b.Run("list", func(b *testing.B) {
		race(b, func(b *testing.B, c contestant, round int) { unpack(b, c, round); c.remount() },
			func(b *testing.B, c contestant, round int) {
				command{}.run(b, "sh", "-c", `ls -lR "$0" >/dev/null`, c.file(round))
			})
	})
	b.Run("read-tree", func(b *testing.B) {
		race(b, func(b *testing.B, c contestant, round int) { unpack(b, c, round); c.remount() },
			func(b *testing.B, c contestant, round int) {
				command{}.run(b, "sh", "-c", `tar -cf - -C "$0" . | cat >/dev/null`, c.file(round))
			})
	})
	b.Run("rm", func(b *testing.B) {
		race(b, unpack, func(b *testing.B, c contestant, round int) { command{}.run(b, "rm", "-r", c.file(round)) })
	})
	b.Run("overwrite-4KiB-fsync", func(b *testing.B) {
		race(b, func(b *testing.B, c contestant, round int) {
			must(b, os.WriteFile(c.file(round), make([]byte, 64<<20), 0o644))
		}, overwrite)
	})
}

// benchArchive is the source of the Go tools, some thousands of files.
func benchArchive(b *testing.B) string {
	archive := filepath.Join(b.TempDir(), "tree.tar")
	command{}.run(b, "tar", "-cf", archive, "-C", goSource(b), "cmd")
	return archive
}

func overwrite(b *testing.B, c contestant, round int) {
	f, err := os.OpenFile(c.file(round), os.O_RDWR, 0)
	must(b, err)
	defer f.Close()
	page := make([]byte, 4096)
	rng := mathrand.New(mathrand.NewPCG(1, uint64(round)))
	for range benchWrites {
		rand.Read(page)
		_, err := f.WriteAt(page, rng.Int64N(64<<20>>12)<<12)
		must(b, err)
		must(b, f.Sync())
	}
}

// BenchmarkMount is the time from the start of the program until the mount can be used, with a key derivation that takes
// about a millisecond.
func BenchmarkMount(b *testing.B) {
	v := newVault(b, 2)
	var took []time.Duration
	for b.Loop() {
		for range 5 {
			start := time.Now()
			m := v.mount()
			if _, err := os.ReadDir(v.root); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
			m.unmount()
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(took).Seconds(), "s-usable")
}

// BenchmarkMemory is the most memory that the mount's process has while 2 GiB are written and read.
func BenchmarkMemory(b *testing.B) {
	v := newVault(b, 2)
	m := v.mount()
	c := contestant{root: v.root}
	for b.Loop() {
		for round := range 2 {
			writeLarge(b, c, round)
			command{}.run(b, "dd", "if="+c.file(round), "of=/dev/null", "bs=1M", "iflag=direct", "status=none")
		}
	}
	peak, err := peakResident(m.process.Pid)
	must(b, err)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(peak>>20), "MiB-resident")
	m.unmount()
}
