package cloud_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// BenchmarkStat and BenchmarkOpen print, beside the time, its ratio to os.Root
// doing the same (below 1: faster).
func BenchmarkStat(b *testing.B) {
	compare(b, func(d cloud.Dir, path string) error {
		_, err := d.Stat(path)
		return err
	}, func(r *os.Root, path string) error {
		_, err := r.Lstat(path)
		return err
	})
}

func BenchmarkOpen(b *testing.B) {
	compare(b, func(d cloud.Dir, path string) error {
		f, err := d.Open(path, true)
		if err != nil {
			return err
		}
		return f.Close()
	}, func(r *os.Root, path string) error {
		f, err := r.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func compare(b *testing.B, ours func(cloud.Dir, string) error, theirs func(*os.Root, string) error) {
	for name, depth := range map[string]int{"in the root": 0, "8 deep": 8} {
		b.Run(name, func(b *testing.B) {
			base := b.TempDir()
			path := strings.Repeat(strings.Repeat("d", 52)+"/", depth) + "f"
			for _, err := range []error{
				os.MkdirAll(filepath.Join(base, filepath.Dir(path)), 0o700),
				os.WriteFile(filepath.Join(base, path), nil, 0o600),
			} {
				if err != nil {
					b.Fatal(err)
				}
			}
			d, err := cloud.OpenDir(base)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			root, err := os.OpenRoot(base)
			if err != nil {
				b.Fatal(err)
			}
			defer root.Close()

			start := time.Now()
			for range b.N {
				if err := theirs(root, path); err != nil {
					b.Fatal(err)
				}
			}
			beside := time.Since(start)
			b.ResetTimer()
			for range b.N {
				if err := ours(d, path); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/beside.Seconds(), "×os.Root")
		})
	}
}
