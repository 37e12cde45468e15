package content

import (
	"sync"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

const (
	maxMemory   = 64 << 20         // bytes of changes in memory over all files
	maxCommit   = 16 << 20         // bytes of changes to one file in one commit; the log takes no entry above 80 MiB
	commitAfter = 5 * time.Second  // of the first change to a committed file
	newAfter    = 30 * time.Second // of the first change to a new file that stays open
	syncEvery   = 5 * time.Second  // the log, and the clouds so that it can retire
	gather      = 100 * time.Millisecond
)

// committer decides when commits happen and when log entries retire.
type committer struct {
	s *Store

	mu    lock.Mutex[lock.Committer]
	bound map[*File]uint64 // files that the log must be kept for, and from which entry on
	queue map[*File]bool   // closed or fsynced; the queue holds them
	pin   uint64           // the log is kept from here on for what a replay could not finish; 0 for nothing

	kick chan struct{}
	quit chan struct{}
	wg   sync.WaitGroup
}

func (c *committer) init(s *Store) {
	c.s = s
	c.bound, c.queue = map[*File]uint64{}, map[*File]bool{}
	c.kick, c.quit = make(chan struct{}, 1), make(chan struct{})
}

func (c *committer) start() {
	c.wg.Go(c.run)
}

// stop ends the background work; it is called once.
func (c *committer) stop() {
	close(c.quit)
	c.wg.Wait()
}

// stopping reports whether stop was called.
func (c *committer) stopping() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// wait lets time pass; it reports false when stop was called.
func (c *committer) wait(d time.Duration) bool {
	select {
	case <-c.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// background runs work that may outlast the call that found it due.
func (c *committer) background(work func()) {
	if !c.stopping() {
		c.wg.Go(work)
	}
}

func (c *committer) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	lastSync := c.s.Clock()
	for {
		select {
		case <-c.quit:
			return
		case <-c.kick:
			if !c.wait(gather) {
				return
			}
		case <-tick.C:
		}
		if err := c.s.round(c.due()); err != nil {
			c.s.Logger.Error("a commit failed; it is tried again", "error", err)
		}
		if now := c.s.Clock(); now.Sub(lastSync) >= syncEvery || c.s.memory.Busy() {
			lastSync = now
			if err := c.s.retire(false); err != nil {
				c.s.Logger.Error("the clouds cannot be synced; it is tried again", "error", err)
			}
		}
	}
}

// track appends an entry of a file to the log and keeps the log from there on
// until untrack.
func (c *committer) track(f *File, e *journal.Entry, data [][]byte) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, err := c.s.log.Append(e, data...)
	if err != nil {
		return 0, err
	}
	if _, ok := c.bound[f]; !ok {
		c.bound[f] = seq
	}
	return seq, nil
}

// keep keeps the log for a file from an entry of an earlier run on.
func (c *committer) keep(f *File, from uint64) {
	c.mu.Lock()
	c.bound[f] = from
	c.mu.Unlock()
}

func (c *committer) untrack(f *File) {
	c.mu.Lock()
	delete(c.bound, f)
	c.mu.Unlock()
}

// low is the first entry that is still needed once everything before it is in
// stable storage. The caller holds Mirror.names, so that no operation on
// names is under way.
func (c *committer) low() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	low := c.s.log.Next()
	for _, seq := range c.bound {
		low = min(low, seq)
	}
	return low
}

// enqueue hands a file to the next round.
func (c *committer) enqueue(f *File) {
	if !f.Hold() {
		return
	}
	c.again(f)
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// again keeps a file, which is held, for the next round: what no cloud took is
// nowhere but here and in the log.
func (c *committer) again(f *File) {
	c.mu.Lock()
	queued := c.queue[f]
	c.queue[f] = true
	c.mu.Unlock()
	if queued {
		f.Release()
	}
}

// due returns the files whose time has come, each held once.
func (c *committer) due() []*File {
	now := c.s.Clock()
	return c.collect(func(f *File) bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		wait := commitAfter
		if !f.Sealed.Committed() || f.replacing() {
			wait = newAfter
		}
		return !f.Since.IsZero() && now.Sub(f.Since) >= wait || f.underway() && !f.replacing()
	})
}

// collect returns the queue and the bound files that are wanted, each held
// once.
func (c *committer) collect(wanted func(*File) bool) []*File {
	c.mu.Lock()
	queue := c.queue
	c.queue = map[*File]bool{}
	var bound []*File
	for f := range c.bound {
		if !queue[f] {
			bound = append(bound, f)
		}
	}
	c.mu.Unlock()
	var files []*File
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
