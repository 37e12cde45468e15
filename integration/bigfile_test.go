package integration

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// maxResident is what the mount's process may ever have in memory.
const maxResident = 256 << 20

// TestBigFile writes a file that no memory holds, overwrites it at random, and compares it with a copy on a plain disk.
func TestBigFile(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	plain := filepath.Join(t.TempDir(), "copy")
	both := createBoth(t, plain, v.at("file"))
	noise := rand.NewChaCha8([32]byte{1})
	_, err := io.CopyN(io.MultiWriter(both[0], both[1]), noise, bigFile)
	must(t, err)
	must(t, both[1].Sync())
	demandSameContent(t, plain, v.at("file"))
	m.demandResident()

	random := rand.New(rand.NewPCG(7, 8))
	piece := make([]byte, 256<<10)
	for n := range 2000 {
		part := piece[:1+random.IntN(len(piece)>>random.IntN(9))]
		_, _ = noise.Read(part)
		off := random.Int64N(bigFile)
		for _, f := range both {
			_, err := f.WriteAt(part, off)
			must(t, err)
		}
		if n%500 == 499 {
			must(t, both[1].Sync())
		}
	}
	for _, f := range both {
		must(t, f.Close())
	}
	demandSameContent(t, plain, v.at("file"))
	m.demandResident()
	m.unmount()

	m = v.mount()
	demandSameContent(t, plain, v.at("file"))
	m.demandResident()
	m.unmount()
	for i := range v.clouds {
		v.alone(i, func(root string) { demandSameContent(t, plain, filepath.Join(root, "file")) })
	}
}

func createBoth(t *testing.T, paths ...string) (files []*os.File) {
	t.Helper()
	for _, path := range paths {
		f, err := os.Create(path)
		must(t, err)
		files = append(files, f)
	}
	return files
}

// demandSameContent compares two files.
func demandSameContent(t testing.TB, want, got string) {
	t.Helper()
	a, err := os.Open(want)
	must(t, err)
	defer a.Close()
	b, err := os.Open(got)
	must(t, err)
	defer b.Close()
	if at, err := firstDifference(a, b); at >= 0 || err != nil {
		t.Fatalf("%s differs at byte %d (%v)", filepath.Base(got), at, err)
	}
}

// firstDifference is -1 for two streams that are equal.
func firstDifference(a, b io.Reader) (int64, error) {
	const piece = 1 << 20
	x, y := make([]byte, piece), make([]byte, piece)
	for off := int64(0); ; {
		n, errA := io.ReadFull(a, x)
		k, errB := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:k]) {
			for i := range min(n, k) {
				if x[i] != y[i] {
					return off + int64(i), nil
				}
			}
			return off + int64(min(n, k)), nil
		}
		off += int64(n)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return off, err
			}
		}
		if n < piece {
			return -1, nil
		}
	}
}

// peakResident is the most memory that a process has had so far, in bytes.
func peakResident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kib, 10, 64)
	return n << 10, err
}

// demandResident holds the mount to its bound on memory.
func (m *mounted) demandResident() {
	m.t.Helper()
	peak, err := peakResident(m.process.Pid)
	must(m.t, err)
	m.t.Logf("the mount's process has had %d MiB in memory at most", peak>>20)
	if peak > maxResident {
		m.t.Errorf("that is more than %d MiB", maxResident>>20)
	}
}
