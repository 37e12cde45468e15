package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// replayTime is how much of the processors a mount may take until it has replayed replayFiles files that were made: three
// times what it takes where nothing else runs.
const (
	replayFiles = 12_000
	replayTime  = 6 * time.Second
)

// TestUnlinkedFile overwrites a file that has no name any more: that takes neither memory nor space in the log.
func TestUnlinkedFile(t *testing.T) {
	t.Parallel()
	const size, piece = 400 << 20, 1 << 20
	v := newVault(t, 2)
	m := v.mount()
	f, err := os.Create(v.at("file"))
	must(t, err)
	fill := func(with byte) {
		for off := int64(0); off < size; off += piece {
			_, err := f.WriteAt(bytes.Repeat([]byte{with}, piece), off)
			must(t, err)
		}
		must(t, f.Sync())
	}
	fill(1)
	m.demandResident()
	must(t, os.Remove(v.at("file")))
	before := bytesIn(t, filepath.Join(v.dir, "state", "redo"))
	fill(2)
	if grown := bytesIn(t, filepath.Join(v.dir, "state", "redo")) - before; grown > 1<<20 {
		t.Errorf("the log has grown by %d KiB", grown>>10)
	}
	m.demandResident()
	page := make([]byte, piece)
	for off := int64(0); off < size; off += piece {
		if _, err := io.ReadFull(io.NewSectionReader(f, off, piece), page); err != nil || bytes.Count(page, []byte{2}) != piece {
			t.Fatalf("at %d it is not what was written: %v", off, err)
		}
	}
	must(t, f.Close())
	m.unmount()
}

// bytesIn adds up the files of a directory.
func bytesIn(t *testing.T, dir string) (sum int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // the log drops segments
			sum += info.Size()
		}
	}
	return sum
}

// TestReplayInTime kills a mount that has made many files: the next one has them all, soon.
func TestReplayInTime(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	for i := range replayFiles {
		if i%1000 == 0 {
			must(t, os.Mkdir(v.at(fmt.Sprint(i/1000)), 0o755))
		}
		must(t, os.WriteFile(v.at(fmt.Sprintf("%d/%d", i/1000, i)), fmt.Append(nil, i), 0o644))
	}
	m.kill()
	start := time.Now()
	m = v.mount()
	took, busy := time.Since(start), processorTime(t, m.process.Pid)
	t.Logf("the mount can be used after %v, of which its process was busy for %v", took, busy)
	if busy > replayTime {
		t.Errorf("that is more than %v", replayTime)
	}
	for i := range replayFiles {
		must(t, readsAs(v.at(fmt.Sprintf("%d/%d", i/1000, i)), fmt.Sprint(i)))
	}
	m.unmount()
}

// processorTime is how long a process has run on the processors, whatever else the machine does.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // utime and stime are 14 and 15 of all, and two are cut off
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		must(t, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}
