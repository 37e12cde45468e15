package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"syscall"
)

const (
	checkupFiles = 100_000 // in directories of a thousand
	checkupBytes = 2000    // in each
)

// BenchmarkCheckup verifies and heals a vault of two clouds and many small files that is not mounted, beside cat and cp of the
// same directories. The most memory that each needs is for a million files ten times what it is for these, at most.
func BenchmarkCheckup(b *testing.B) {
	v := newVault(b, 2)
	m := v.mount()
	for i := range checkupFiles {
		dir := v.at(fmt.Sprint(i / 1000))
		if i%1000 == 0 {
			must(b, os.Mkdir(dir, 0o755))
		}
		must(b, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), bytes.Repeat([]byte{byte(i), byte(i >> 8)}, checkupBytes/2), 0o644))
	}
	m.unmount()
	time.Sleep(stillness * 2) // what has just changed is waited for
	for b.Loop() {
		for range 3 {
			cat, _ := beside(b, "sh", "-c", `find "$@" -type f -print0 | xargs -0 cat >/dev/null`, "cat", v.clouds[0], v.clouds[1])
			verify, resident := beside(b, v.program, "verify", v.dir, "--passfile", v.pass)
			b.ReportMetric(cat.Seconds(), "s-cat")
			b.ReportMetric(verify.Seconds(), "s-verify")
			b.ReportMetric(cat.Seconds()/verify.Seconds(), "x-cat")
			b.ReportMetric(float64(resident)/1024, "MiB-verify")
		}
		copied := filepath.Join(b.TempDir(), "copy")
		cp, _ := beside(b, "cp", "-a", v.clouds[0], copied)
		must(b, os.RemoveAll(copied))
		entries, err := os.ReadDir(v.clouds[1])
		must(b, err)
		for _, e := range entries {
			if e.Name() != "z-overcast.json" {
				must(b, os.RemoveAll(filepath.Join(v.clouds[1], e.Name())))
			}
		}
		heal, resident := beside(b, v.program, "heal", v.dir, "--passfile", v.pass)
		b.ReportMetric(cp.Seconds(), "s-cp")
		b.ReportMetric(heal.Seconds(), "s-heal")
		b.ReportMetric(cp.Seconds()/heal.Seconds(), "x-cp")
		b.ReportMetric(float64(resident)/1024, "MiB-heal")
	}
	b.ReportMetric(0, "ns/op")
}

// beside runs a program that must succeed, and returns how long it took and the most memory that it had, in KiB.
func beside(b *testing.B, args ...string) (took time.Duration, resident int64) {
	b.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	start := time.Now()
	said, err := cmd.CombinedOutput()
	took = time.Since(start)
	if err != nil {
		b.Fatalf("%q: %v\n%s", args, err, last(string(said)))
	}
	return took, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
}
