package rounds

import (
	"log/slog"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

const (
	syncEvery = 5 * time.Second // the log, and the clouds so that it can retire
	gather    = 100 * time.Millisecond
	maxKept   = 128 << 20 // bytes that the log grows by while it is kept for what a replay could not finish
)

// File is an open file with something on its way.
type File interface {
	comparable

	// Hold keeps it open until Release; ok is false where it was closed.
	Hold() (ok bool)
	Release()
}

// Config is what a committer is made of.
type Config[F File] struct {
	Log    *entries.Log
	Clock  func() time.Time
	Logger *slog.Logger

	Due    func(f F) bool        // the time of a file has come
	Round  func(files []F) error // commits files that are held, and releases them
	Retire func() error          // makes durable what is in the clouds, and lets the log go
	Busy   func() bool           // Retire should not wait
}

// Committer decides when commits happen and from where on the log is kept.
type Committer[F File] struct {
	Config[F]

	mu    lock.Mutex[lock.Committer]
	bound map[F]uint64 // files that the log must be kept for, and from which entry on
	queue map[F]bool   // closed or fsynced; the queue holds them
	pin   uint64       // the log is kept from here on for what a replay could not finish; 0 for nothing
	kept  uint64       // and from here on for what can be said again at its end; 0 for nothing
	again func() (from uint64, err error)
	limit int64 // bytes of the log from which on that is said again

	kick chan struct{}
	quit chan struct{}
	wg   sync.WaitGroup
}

// New makes a committer without files.
func New[F File](cfg Config[F]) *Committer[F] {
	return &Committer[F]{
		Config: cfg, bound: map[F]uint64{}, queue: map[F]bool{}, kick: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// Start begins the work in the background.
func (c *Committer[F]) Start() {
	c.wg.Go(c.run)
}

// Stop ends the work in the background; it is called once.
func (c *Committer[F]) Stop() {
	close(c.quit)
	c.wg.Wait()
}

// Stopping reports whether Stop was called.
func (c *Committer[F]) Stopping() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// Wait lets time pass; it reports false when Stop was called.
func (c *Committer[F]) Wait(d time.Duration) bool {
	select {
	case <-c.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// Background runs work that may outlast the call that found it due.
func (c *Committer[F]) Background(work func()) {
	if !c.Stopping() {
		c.wg.Go(work)
	}
}

func (c *Committer[F]) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	lastSync := c.Clock()
	for {
		select {
		case <-c.quit:
			return
		case <-c.kick:
			if !c.Wait(gather) {
				return
			}
		case <-tick.C:
		}
		if err := c.Round(c.DueFiles()); err != nil {
			c.Logger.Error("a commit failed; it is tried again", "error", err)
		}
		if now := c.Clock(); now.Sub(lastSync) >= syncEvery || c.Busy() {
			lastSync = now
			if err := c.Retire(); err != nil {
				c.Logger.Error("the clouds cannot be synced; it is tried again", "error", err)
			}
		}
	}
}

// Track appends an entry of a file to the log and keeps the log from there on
// until Untrack.
func (c *Committer[F]) Track(f F, e *journal.Entry, data [][]byte) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, err := c.Log.Append(e, data...)
	if err != nil {
		return 0, err
	}
	if _, ok := c.bound[f]; !ok {
		c.bound[f] = seq
	}
	return seq, nil
}

// Keep keeps the log for a file from an entry of an earlier run on.
func (c *Committer[F]) Keep(f F, from uint64) {
	c.mu.Lock()
	c.bound[f] = from
	c.mu.Unlock()
}

// Untrack lets the log go on without a file.
func (c *Committer[F]) Untrack(f F) {
	c.mu.Lock()
	delete(c.bound, f)
	c.mu.Unlock()
}

// Low is the first entry that is still needed once everything before it is in
// stable storage. The caller holds Mirror.names, so that no operation on
// names is under way.
func (c *Committer[F]) Low() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	low := c.Log.Next()
	for _, seq := range c.bound {
		low = min(low, seq)
	}
	return low
}

// Enqueue hands a file to the next round.
func (c *Committer[F]) Enqueue(f F) {
	if !f.Hold() {
		return
	}
	c.Again(f)
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Again keeps a file, which is held, for the next round: what no cloud took is
// nowhere but here and in the log.
func (c *Committer[F]) Again(f F) {
	c.mu.Lock()
	queued := c.queue[f]
	c.queue[f] = true
	c.mu.Unlock()
	if queued {
		f.Release()
	}
}

// DueFiles returns the queue and the files whose time has come, each held once.
func (c *Committer[F]) DueFiles() []F { return c.Collect(c.Due) }

// Collect returns the queue and the bound files that are wanted, each held
// once.
func (c *Committer[F]) Collect(wanted func(F) bool) []F {
	c.mu.Lock()
	queue := c.queue
	c.queue = map[F]bool{}
	var bound []F
	for f := range c.bound {
		if !queue[f] {
			bound = append(bound, f)
		}
	}
	c.mu.Unlock()
	var files []F
	for f := range queue {
		files = append(files, f)
	}
	for _, f := range bound {
		if wanted(f) && f.Hold() {
			files = append(files, f)
		}
	}
	return files
}

// Pin keeps the log from an entry on, for what a replay could not finish. It is
// called before anything else is under way.
func (c *Committer[F]) Pin(seq uint64) { c.pin = seq }

// Carry keeps what it has said again at the end of the log, from the entry on that
// it returns, 0 for nothing; and has that done again whenever the log has grown
// too long since.
func (c *Committer[F]) Carry(again func() (from uint64, err error)) error {
	before := c.Log.Size()
	from, err := again()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept, c.again, c.limit = from, again, maxKept+2*(c.Log.Size()-before)
	return nil
}

// LetGo ends Carry.
func (c *Committer[F]) LetGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = 0
}

// carries is what is to be said again by now; nil for nothing.
func (c *Committer[F]) carries() func() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == 0 || c.Log.Size() <= c.limit {
		return nil
	}
	return c.again
}

// Kept is the first entry that must stay in the log when all below low is in
// the clouds.
func (c *Committer[F]) Kept(low uint64) uint64 {
	if again := c.carries(); again != nil {
		if err := c.Carry(again); err != nil {
			c.Logger.Error("what the log keeps cannot be said again at its end; it grows", "error", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept > 0 {
		low = min(low, c.kept)
	}
	if c.pin > 0 && c.Log.Size() > maxKept {
		c.pin = 0
		c.Logger.Error("the redo log has grown too long to be kept for a file that could not be finished")
	}
	if c.pin == 0 {
		return low
	}
	return min(low, c.pin)
}
