package cloudtest

import (
	"cmp"
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

// Disk is a crash domain. Safe for concurrent use.
type Disk struct {
	mu        sync.Mutex // guards everything of the disk, its volumes and handles
	clock     func() time.Time
	last      time.Time // latest time given out; each is later than the one before
	epoch     int       // handles of an earlier one are dead
	crashed   bool
	limit     int // operations until the crash; negative: none
	tear      int // pages of the next write that the crash lets through
	snapshots []snapshot
	past      [][]Op // what happened to the disks that this is a clone of
	trace     []Op   // and since
	volumes   map[string]*volume
	shared    *filesystem // where all new volumes go, or nil: each on its own
	reuse     bool
}

// snapshot is a clone that is to be made.
type snapshot struct {
	after, pages int
	take         func(c *Disk)
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

// Now is when the last change was made.
func (d *Disk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// ReuseInodes tells whether an inode that is gone leaves its number to the
// next one, as ext4 does; without it no number is given twice. It is for the
// volumes that are made afterwards.
func (d *Disk) ReuseInodes(reuse bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reuse = reuse
}

// Together puts all volumes that are made afterwards on one filesystem: they
// have one device, one order of changes, and a Syncfs of one is that of all.
// Without it each has a disk of its own, and loses in a power cut what it
// loses whatever the others do.
func (d *Disk) Together() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shared = newFilesystem(d.reuse)
}

// Dir opens the directory of that name, making it on first use. Every call
// gives a new handle on the same tree, as another process would have it.
func (d *Disk) Dir(name string) *Mem {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Mem{disk: d, vol: d.volume(name), epoch: d.epoch}
}

// Store opens the log store of that name, making it on first use.
func (d *Disk) Store(name string) *Store { return NewStore(d.Dir(name)) }

func (d *Disk) volume(name string) *volume {
	v := d.volumes[name]
	if v == nil {
		f, dev := d.shared, uint64(1)
		if f == nil {
			f, dev = newFilesystem(d.reuse), uint64(len(d.volumes)+1)
		}
		v = newVolume(name, f, dev, d.now())
		d.volumes[name] = v
	}
	return v
}

// Ops counts the mutating operations so far, syncs included. Operations that
// were refused, or that had nothing to change, do not count.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops()
}

func (d *Disk) ops() int {
	n := len(d.trace)
	for _, p := range d.past {
		n += len(p)
	}
	return n
}

// Trace prints the operations so far, one a line.
func (d *Disk) Trace() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, ops := range append(slices.Clip(d.past), d.trace) {
		for _, op := range ops {
			fmt.Fprintln(&b, op)
		}
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

// SnapshotAfter lets take have a clone of the disk as TearAfter would leave it
// for Kill or PowerCut, while this one goes on: one run is crashed in many
// ways. take must not use this disk.
func (d *Disk) SnapshotAfter(n, pages int, take func(c *Disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snapshots = append(d.snapshots, snapshot{n, pages, take})
	slices.SortStableFunc(d.snapshots, func(a, b snapshot) int { return cmp.Compare(a.after, b.after) })
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
	return d.step(volume, what{verb: text}, nil)
}

// step counts an operation that is about to happen, or gives ErrCrashed. torn
// does a part of it, on a disk that crashes in the middle.
func (d *Disk) step(volume string, w what, torn func(on *Disk, pages int)) error {
	n := d.ops()
	for len(d.snapshots) > 0 && d.snapshots[0].after <= n {
		s := d.snapshots[0]
		d.snapshots = d.snapshots[1:]
		if s.after < n || d.crashed {
			continue // the moment has passed
		}
		c := d.clone()
		if torn != nil && s.pages > 0 {
			torn(c, s.pages)
		}
		s.take(c)
	}
	if d.limit >= 0 && n >= d.limit && !d.crashed {
		d.crashed = true
		if torn != nil && d.tear > 0 {
			torn(d, d.tear)
		}
	}
	if d.crashed {
		return errCrashed
	}
	d.trace = append(d.trace, Op{n + 1, volume, w})
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
	d.crashed, d.limit, d.tear, d.snapshots = false, -1, 0, nil
	for _, v := range d.volumes {
		v.fs.forgetOpen()
	}
}

// Clone copies the disk as it is, crashed or not, with all that is unsynced:
// one run can be crashed in every way at every operation. The clone has no
// handles yet, shares the clock, and does not crash by itself. It costs next to
// nothing: what neither of the two changes, they share.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone()
}

func (d *Disk) clone() *Disk {
	c := &Disk{
		clock:   d.clock,
		last:    d.last,
		limit:   -1,
		past:    append(slices.Clip(d.past), slices.Clip(d.trace)),
		volumes: maps.Clone(d.volumes),
		reuse:   d.reuse,
	}
	cloned := map[*filesystem]*filesystem{}
	for name, v := range c.volumes {
		if cloned[v.fs] == nil {
			cloned[v.fs] = v.fs.clone()
		}
		w := *v
		w.fs = cloned[v.fs]
		c.volumes[name] = &w
	}
	if c.shared = cloned[d.shared]; c.shared == nil && d.shared != nil {
		c.shared = d.shared.clone()
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
