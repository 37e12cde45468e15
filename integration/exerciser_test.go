package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestExerciser lets several processes at once change a file each, in every way in which bytes of a file change, and compare
// it with a copy in memory after every change.
func TestExerciser(t *testing.T) {
	t.Parallel()
	const processes = 4
	v := newVault(t, 2)
	m := v.mount()
	var running []*exec.Cmd
	sums := make([]bytes.Buffer, processes)
	for i := range processes {
		cmd := roleCommand("exerciser", roleArgument(t, exerciser{Path: v.at(fmt.Sprint(i)), Seed: uint64(i), Steps: exerciserSteps}))
		cmd.Stdout = &sums[i]
		must(t, cmd.Start())
		running = append(running, cmd)
	}
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Errorf("exerciser %d: %v", i, err)
		}
	}
	m.unmount()
	look := func(root string) {
		for i := range processes {
			content, err := os.ReadFile(filepath.Join(root, fmt.Sprint(i)))
			if got := fmt.Sprintf("%x", sha256.Sum256(content)); err != nil || got != sums[i].String() {
				t.Errorf("file %d: %v, and its %d bytes are not those that were left", i, err, len(content))
			}
		}
	}
	m = v.mount()
	look(v.root)
	m.unmount()
	v.eachAlone(look)
}

// exerciserLimit is the longest that an exerciser's file gets.
const exerciserLimit = 300_000

// An exerciser changes a file and a model of it in memory. Everything that it does follows from its seed.
type exerciser struct {
	Path  string
	Seed  uint64
	Steps int

	random *rand.Rand
	file   *os.File
	model  []byte
	trace  []string // the last steps
}

// exercise is the role. It prints the sum of what it left.
func exercise(argument string) error {
	var e exerciser
	if err := json.Unmarshal([]byte(argument), &e); err != nil {
		return err
	}
	e.random = rand.New(rand.NewPCG(e.Seed, 5))
	if err := e.reopen(); err != nil {
		return err
	}
	for n := range e.Steps {
		if err := errors.Join(e.step(), e.compare()); err != nil {
			return fmt.Errorf("seed %d, step %d: %w; the last steps were:\n%s", e.Seed, n, err, strings.Join(e.trace, "\n"))
		}
	}
	fmt.Printf("%x", sha256.Sum256(e.model))
	return e.file.Close()
}

func (e *exerciser) reopen() error {
	if e.file != nil {
		if err := e.file.Close(); err != nil {
			return err
		}
	}
	var err error
	e.file, err = os.OpenFile(e.Path, os.O_RDWR|os.O_CREATE, 0o644)
	return err
}

// step does one change, and notes it.
func (e *exerciser) step() error {
	off, n := e.random.Int64N(exerciserLimit), 1+e.random.Int64N(1+exerciserLimit>>(3+e.random.IntN(8)))
	if e.random.IntN(3) == 0 {
		off &^= 4095
	}
	n = min(n, exerciserLimit-off)
	kinds := []struct {
		name string
		do   func(off, n int64) error
	}{
		{"write", e.write}, {"write", e.write}, {"map", e.store}, {"map", e.store}, {"truncate", e.truncate}, {"punch", e.punch},
		{"zero", e.zero}, {"sync", func(int64, int64) error { return e.file.Sync() }}, {"reopen", func(int64, int64) error { return e.reopen() }},
		{"empty", e.empty},
	}
	kind := kinds[e.random.IntN(len(kinds))]
	e.trace = append(e.trace[max(0, len(e.trace)-20):], fmt.Sprintf("%s off=%d n=%d length=%d", kind.name, off, n, len(e.model)))
	return kind.do(off, n)
}

func (e *exerciser) noise(n int64) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(e.random.Uint32()), byte(e.random.Uint32()), byte(e.Seed)}).Read(p)
	return p
}

// resize gives the model a length.
func (e *exerciser) resize(n int64) {
	if have := int64(len(e.model)); have < n {
		e.model = append(e.model, make([]byte, n-have)...)
	}
	e.model = e.model[:n]
}

func (e *exerciser) write(off, n int64) error {
	p := e.noise(n)
	e.resize(max(int64(len(e.model)), off+n))
	copy(e.model[off:], p)
	_, err := e.file.WriteAt(p, off)
	return err
}

// store writes through a shared mapping, as far as the file reaches.
func (e *exerciser) store(off, n int64) error {
	length := int64(len(e.model))
	if off >= length {
		return nil
	}
	p := e.noise(min(n, length-off))
	mapping, err := unix.Mmap(int(e.file.Fd()), 0, int(length), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(e.model[off:], p)
	err = store(mapping[off:], p)
	if e.random.IntN(2) == 0 {
		err = errors.Join(err, unix.Msync(mapping, unix.MS_SYNC))
	}
	if !bytes.Equal(mapping, e.model) {
		err = errors.Join(err, errors.New("the mapping reads something else"))
	}
	return errors.Join(err, unix.Munmap(mapping))
}

func (e *exerciser) truncate(off, _ int64) error {
	e.resize(off)
	return e.file.Truncate(off)
}

func (e *exerciser) punch(off, n int64) error {
	if off < int64(len(e.model)) {
		clear(e.model[off:min(off+n, int64(len(e.model)))])
	}
	return unix.Fallocate(int(e.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

func (e *exerciser) zero(off, n int64) error {
	e.resize(max(int64(len(e.model)), off+n))
	clear(e.model[off : off+n])
	return unix.Fallocate(int(e.file.Fd()), unix.FALLOC_FL_ZERO_RANGE, off, n)
}

// empty truncates as a program does that saves.
func (e *exerciser) empty(_, n int64) error {
	if e.random.IntN(5) != 0 {
		return nil
	}
	p := e.noise(n)
	e.model = bytes.Clone(p)
	return os.WriteFile(e.Path, p, 0o644)
}

// compare reads a part, and now and then everything.
func (e *exerciser) compare() error {
	lo, hi := int64(0), int64(len(e.model))
	if e.random.IntN(10) != 0 && hi > 0 {
		lo = e.random.Int64N(hi)
		hi = min(hi, lo+e.random.Int64N(20000))
	}
	got := make([]byte, hi-lo)
	if _, err := e.file.ReadAt(got, lo); err != nil && err != io.EOF {
		return err
	}
	if info, err := e.file.Stat(); err != nil || info.Size() != int64(len(e.model)) {
		return fmt.Errorf("the file has %d bytes, want %d (%w)", info.Size(), len(e.model), err)
	}
	if at, _ := firstDifference(bytes.NewReader(got), bytes.NewReader(e.model[lo:hi])); at >= 0 {
		return fmt.Errorf("byte %d of %d is another", lo+at, len(e.model))
	}
	return nil
}

// TestFio lets fio write at random, through write and through mmap, by several processes, and verify what it reads.
func TestFio(t *testing.T) {
	t.Parallel()
	need(t, "fio", "fio")
	v := newVault(t, 2)
	m := v.mount()
	for _, engine := range []string{"psync", "mmap"} {
		command{dir: v.root}.run(t, "fio", "--name="+engine, "--ioengine="+engine, "--rw=randwrite", "--bsrange=512-64k", "--bs_unaligned",
			"--size="+fioSize, "--numjobs=2", "--verify=crc32c", "--verify_fatal=1", "--fallocate=none", "--minimal")
	}
	m.unmount()
	m = v.mount()
	command{dir: v.root}.run(t, "sh", "-c", "cat * >/dev/null")
	m.unmount()
}
