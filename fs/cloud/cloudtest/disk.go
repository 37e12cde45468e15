package cloudtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrCrashed is the error of every operation from the crash on, and for good of
// every handle from before it. EIO is wrapped beside it.
var ErrCrashed = errors.New("cloudtest: crashed")

var errCrashed = fmt.Errorf("%w (%w)", ErrCrashed, syscall.EIO)

// Op is one mutating operation that took place.
type Op struct {
	N      int    // from 1
	Volume string // name of the directory or store
	Text   string
}

func (o Op) String() string { return fmt.Sprintf("%5d %s: %s", o.N, o.Volume, o.Text) }

// Disk is a crash domain. Safe for concurrent use.
type Disk struct {
	mu      sync.Mutex // guards everything of the disk, its volumes and handles
	clock   func() time.Time
	last    time.Time // latest time given out; each is later than the one before
	epoch   int       // handles of an earlier one are dead
	crashed bool
	limit   int // operations until the crash; negative: none
	tear    int // pages of the next write that the crash lets through
	trace   []Op
	volumes map[string]*volume
}

// NewDisk makes an empty disk. Its clock stands still in 2020, so that times
// move by the nanosecond from one change to the next.
func NewDisk() *Disk {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Disk{
		clock:   func() time.Time { return start },
		limit:   -1,
		volumes: map[string]*volume{},
	}
}

// SetClock sets where the times of changes come from. A time that is not later
// than that of the change before is moved 1 ns past it.
func (d *Disk) SetClock(clock func() time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = clock
}

// Dir opens the directory of that name, making it on first use. Every call
// gives a new handle on the same tree, as another process would have it.
func (d *Disk) Dir(name string) *Mem {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Mem{disk: d, vol: d.volume(name), epoch: d.epoch}
}

// Store opens the log store of that name, making it on first use.
func (d *Disk) Store(name string) *Store { return &Store{dir: d.Dir(name)} }

func (d *Disk) volume(name string) *volume {
	v := d.volumes[name]
	if v == nil {
		v = newVolume(name, uint64(len(d.volumes)+1), d.now())
		d.volumes[name] = v
	}
	return v
}

// Ops counts the mutating operations so far, syncs included. Operations that
// were refused, or that had nothing to change, do not count.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.trace)
}

// Trace prints the operations so far, one a line.
func (d *Disk) Trace() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, op := range d.trace {
		fmt.Fprintln(&b, op)
	}
	return b.String()
}

// CrashAfter lets n operations happen, counted as by Ops from the disk's
// beginning. The next one does not, and it and everything after fails with
// ErrCrashed, reads too, until Kill or PowerCut.
func (d *Disk) CrashAfter(n int) { d.TearAfter(n, 0) }

// TearAfter is CrashAfter; but if the operation that fails is a write that
// reaches into more than that many 4 KiB pages, so many at its beginning are
// written.
func (d *Disk) TearAfter(n, pages int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit, d.tear = n, pages
}

// Crashed tells whether the disk waits for Kill or PowerCut.
func (d *Disk) Crashed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crashed
}

// Step lets a double of another kind take part: it counts one operation, or
// gives ErrCrashed if that must not happen any more.
func (d *Disk) Step(volume, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.step(volume, text)
}

func (d *Disk) step(volume, text string) error {
	if d.limit >= 0 && len(d.trace) >= d.limit {
		d.crashed = true
	}
	if d.crashed {
		return errCrashed
	}
	d.trace = append(d.trace, Op{len(d.trace) + 1, volume, text})
	return nil
}

// Kill ends the process that used the disk. All handles are dead, everything
// that happened is there, and new handles work.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revive()
}

func (d *Disk) revive() {
	d.epoch++
	d.crashed, d.limit, d.tear = false, -1, 0
	for _, v := range d.volumes {
		v.forgetOpen()
	}
}

// Clone copies the disk as it is, crashed or not, with all that is unsynced:
// one run can be crashed in every way at every operation. The clone has no
// handles yet, shares the clock, and does not crash by itself.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &Disk{
		clock:   d.clock,
		last:    d.last,
		limit:   -1,
		trace:   slices.Clone(d.trace),
		volumes: maps.Clone(d.volumes),
	}
	for name, v := range c.volumes {
		c.volumes[name] = v.clone()
	}
	return c
}

// now gives the time of the next change.
func (d *Disk) now() time.Time {
	t := d.clock()
	if !t.After(d.last) {
		t = d.last.Add(1)
	}
	d.last = t
	return t
}
