//go:build long

package heal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// seeds is how many random trees are damaged and healed.
const seeds = 1000

// onDisk are two clouds in real directories, with so many files of that size in
// directories of 100.
func onDisk(t *testing.T, files int, size int64) (clouds []*replica.Cloud, dirs []string) {
	b := newBox(t, 2)
	for k := range 2 {
		dir := t.TempDir()
		d, err := cloud.OpenDir(dir)
		must(t, err)
		t.Cleanup(func() { d.Close() })
		must(t, os.WriteFile(filepath.Join(dir, cipher.MarkerName), b.keys(k).Marker(), 0o600))
		c := &replica.Cloud{Index: k, Name: fmt.Sprint("cloud", k), Dir: d, Keys: b.keys(k)}
		clouds, dirs = append(clouds, c), append(dirs, dir)
		above := ""
		for i := range files {
			if i%100 == 0 {
				above = b.entry(k, fmt.Sprintf("directory %d", i/100))
				must(t, d.Mkdir(above, 0o700))
			}
			fill(t, c, above+"/"+b.entry(k, fmt.Sprintf("a file with a name of some length %d", i)), i, size)
		}
	}
	return clouds, dirs
}

func fill(t *testing.T, c *replica.Cloud, path string, i int, size int64) {
	head := cipher.Header{Type: cipher.TypeFile, FileID: cipher.ID{1, byte(i), byte(i >> 8), byte(i >> 16)}, CommitID: cipher.ID{2, byte(i), byte(i >> 8), byte(i >> 16)}, Mode: 0o600, Length: size, Version: cipher.Vector{{Writer: 7, Counter: 1 << 30}}}
	cp, err := c.Build(path, head)
	must(t, err)
	layout := c.Keys.Layout()
	const step = 256
	for at := int64(0); at < layout.Records(size); at += step {
		n := min(step, layout.Records(size)-at)
		run := &replica.Run{First: at, Plain: make([]byte, min((at+n)*chunk, size)-at*chunk)}
		for j := range n {
			run.Plain[j*chunk] = 1
			run.IDs, run.States = append(run.IDs, cipher.NewWriteID(7, uint64(at+j+1), [6]byte{1})), append(run.States, cipher.RecordOK)
		}
		must(t, cp.WriteRun(run))
		cp.Keys.Terms(&head.Acc, at, run.IDs, nil)
	}
	must(t, cp.WriteHeader(&head))
	must(t, cp.Close())
}

// peak runs something and returns how long it took and the memory that the
// process held at most.
func peak(t *testing.T, do func()) (time.Duration, int) {
	debug.FreeOSMemory()
	must(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
	begin := time.Now()
	do()
	took := time.Since(begin)
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	var kib int
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(rest, &kib)
	must(t, err)
	return took, kib >> 10
}

// TestManyFiles bounds the memory of both, by that for a tenth of a million.
func TestManyFiles(t *testing.T) {
	const files = 100_000 // some minutes
	clouds, dirs := onDisk(t, files, 1000)
	config := compare.Config{Clouds: clouds, Content: true, Asked: true, Only: -1, Clock: func() time.Time { return time.Now().Add(time.Hour) }}
	_, before := peak(t, func() {})
	found := 0
	took, mib := peak(t, func() {
		must(t, compare.New(config).Run(func(*compare.Case) error { found++; return nil }))
	})
	t.Logf("verify of %d files: %v, %d MiB at most, %d before", files, took, mib, before)
	if found > 0 {
		t.Errorf("%d names differ", found)
	}
	entries, err := os.ReadDir(dirs[1])
	must(t, err)
	for _, e := range entries {
		if e.Name() != cipher.MarkerName {
			must(t, os.RemoveAll(filepath.Join(dirs[1], e.Name())))
		}
	}
	var out heal.Outcome
	took, healing := peak(t, func() {
		out, err = heal.New(heal.Config{Config: config, Alone: true}).Run()
		must(t, err)
	})
	t.Logf("heal of an emptied cloud: %v, %d MiB at most, %d steps", took, healing, out.Steps)
	for what, got := range map[string]int{"verify": mib, "heal": healing} {
		if million := before + (got-before)*10; million > 256 {
			t.Errorf("%s of a million files would take %d MiB", what, million)
		}
	}
	if len(out.Left) > 0 || out.Errs[0] != nil || out.Errs[1] != nil {
		t.Errorf("left: %v, %v", out.Left, out.Errs)
	}
}
