package mirror

import (
	"errors"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/vault"
)

const (
	maxPending  = 64 << 20         // bytes of changes in memory over all files
	maxCommit   = 16 << 20         // bytes of changes to one file in one commit; the log takes no entry above 80 MiB
	commitAfter = 5 * time.Second  // of the first change to a committed file
	firstAfter  = 30 * time.Second // of the first change to a new file that stays open
	syncEvery   = 5 * time.Second  // the log, and the clouds so that it can retire
	gather      = 100 * time.Millisecond
)

// committer decides when commits happen and when log entries retire.
type committer struct {
	m *Mirror

	mu     lock.Mutex[lock.Committer]
	bound  map[*file]uint64 // files that the log must be kept for, and from which entry on
	queue  map[*file]bool   // closed or fsynced; the queue holds them
	ledger []vault.Committed
	found  []vault.Checked

	pin uint64 // the log is kept from here on for what a replay could not finish; 0 for nothing

	kick chan struct{}
	quit chan struct{}
	wg   sync.WaitGroup
}

func (c *committer) init(m *Mirror) {
	c.m = m
	c.bound, c.queue = map[*file]uint64{}, map[*file]bool{}
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
	lastSync := c.m.clock()
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
		if err := c.m.round(c.due()); err != nil {
			c.m.logger.Error("a commit failed; it is tried again", "error", err)
		}
		if now := c.m.clock(); now.Sub(lastSync) >= syncEvery {
			lastSync = now
			if err := c.m.retire(); err != nil {
				c.m.logger.Error("the clouds cannot be synced; it is tried again", "error", err)
			}
		}
	}
}

// track appends an entry of a file to the log and keeps the log from there on
// until untrack.
func (c *committer) track(f *file, e *journal.Entry, data [][]byte) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, err := c.m.append(e, data...)
	if err != nil {
		return 0, err
	}
	if _, ok := c.bound[f]; !ok {
		c.bound[f] = seq
	}
	return seq, nil
}

// keep keeps the log for a file from an entry of an earlier run on.
func (c *committer) keep(f *file, from uint64) {
	c.mu.Lock()
	c.bound[f] = from
	c.mu.Unlock()
}

func (c *committer) untrack(f *file) {
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
	low := c.m.log.Next()
	for _, seq := range c.bound {
		low = min(low, seq)
	}
	return low
}

// committed notes what the ledger will remember.
func (c *committer) committed(w *work) {
	writer := c.m.state.Writer()
	c.mu.Lock()
	c.ledger = append(c.ledger, vault.Committed{
		FileID: w.to.Head.FileID, Version: cipher.Version{Writer: writer, Counter: w.to.Head.Version.Get(writer)},
	})
	c.mu.Unlock()
}

// enqueue hands a file to the next round.
func (c *committer) enqueue(f *file) {
	if !f.hold() {
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
func (c *committer) again(f *file) {
	c.mu.Lock()
	queued := c.queue[f]
	c.queue[f] = true
	c.mu.Unlock()
	if queued {
		f.release()
	}
}

// due returns the files whose time has come, each held once.
func (c *committer) due() []*file {
	now := c.m.clock()
	return c.collect(func(f *file) bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		wait := commitAfter
		if !f.base.Committed() || f.replacing {
			wait = firstAfter
		}
		return !f.dirtySince.IsZero() && now.Sub(f.dirtySince) >= wait || f.base.Head.CommitID != f.disk.Head.CommitID && !f.replacing
	})
}

// collect returns the queue and the bound files that are wanted, each held
// once.
func (c *committer) collect(wanted func(*file) bool) []*file {
	c.mu.Lock()
	queue := c.queue
	c.queue = map[*file]bool{}
	var bound []*file
	for f := range c.bound {
		if !queue[f] {
			bound = append(bound, f)
		}
	}
	c.mu.Unlock()
	var files []*file
	for f := range queue {
		files = append(files, f)
	}
	for _, f := range bound {
		if wanted(f) && f.hold() {
			files = append(files, f)
		}
	}
	return files
}

// round commits files that are held, and releases them. One fdatasync of the
// log serves them all.
func (m *Mirror) round(files []*file) error {
	if len(files) == 0 {
		return nil
	}
	m.rounds.Lock()
	defer m.rounds.Unlock()
	sortFiles(files)
	for _, f := range files {
		f.applying.Lock()
	}
	err := m.commit(files)
	for _, f := range files {
		f.settled()
		f.applying.Unlock()
	}
	for _, f := range files {
		if err != nil && f.unfinished() {
			m.commits.again(f)
		} else {
			f.release()
		}
	}
	return err
}

// commit seals files and brings them to every cloud. Their applying locks are
// held.
func (m *Mirror) commit(files []*file) error {
	var errs []error
	var works []*work
	logged := true
	for _, f := range files {
		if err := f.sealForClouds(); err != nil {
			errs = append(errs, err)
			continue
		}
		if w := f.take(); w != nil {
			works = append(works, w)
			logged = logged && (w.first || !w.changes)
		}
	}
	if len(works) == 0 {
		return errors.Join(errs...)
	}
	if !logged {
		if err := m.log.Sync(); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(append(errs, m.apply(works))...)
}

// unfinished reports whether something of the file is in no cloud yet.
func (f *file) unfinished() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.ref != 0 && !f.orphan
}

// settled lets the log go on without a file that has nothing on its way.
func (f *file) settled() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ref == 0 || !f.orphan && (f.unsealed() || !f.logged.empty() || !f.moving.empty() || f.base.Head.CommitID != f.disk.Head.CommitID) {
		return
	}
	f.ref = 0
	f.m.commits.untrack(f)
}

// relieve commits everything when changes take more memory than they may.
func (m *Mirror) relieve() error {
	if m.pending.Load() <= maxPending {
		return nil
	}
	return m.round(m.commits.collect(func(f *file) bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.reserved > 0
	}))
}

// retire makes everything durable that is in the clouds and lets go of the
// log entries that led there.
func (m *Mirror) retire() error {
	if err := m.clouds.Record(); err != nil {
		return err
	}
	m.names.RLock()
	low := m.commits.low()
	m.names.RUnlock()
	m.recordChecked()
	if err := m.log.Sync(); err != nil || low <= m.durable.Load() {
		return err
	}
	m.commits.mu.Lock()
	ledger := m.commits.ledger
	m.commits.ledger = nil
	m.commits.mu.Unlock()
	if err := m.clouds.Sync(); err != nil {
		return err
	}
	if len(ledger) > 0 {
		if err := m.state.RecordCommitted(ledger); err != nil {
			m.logger.Warn("the ledger cannot be written", "error", err)
		}
	}
	m.durable.Store(low)
	keep := m.kept(low)
	if err := m.log.Retire(keep); err != nil {
		return err
	}
	m.forgetRevoked(keep)
	// What is retired must not come back by a power cut: the names may go on
	// without it before the log is synced again.
	return m.log.Sync()
}

// maxKept bounds the log, in bytes, that is kept for what a replay could not
// finish.
const maxKept = 128 << 20

// kept is the first entry that must stay in the log when all below low is in
// the clouds.
func (m *Mirror) kept(low uint64) uint64 {
	m.commits.mu.Lock()
	defer m.commits.mu.Unlock()
	if m.commits.pin > 0 && m.log.Size() > maxKept {
		m.commits.pin = 0
		m.logger.Error("the redo log has grown too long to be kept for a file that could not be finished")
	}
	if m.commits.pin == 0 {
		return low
	}
	return min(low, m.commits.pin)
}

// Sync commits everything and makes it durable in every cloud that is up.
func (m *Mirror) Sync() error {
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	return m.sync()
}

func (m *Mirror) sync() error {
	if m.clouds.ReadOnly() {
		return nil
	}
	err := m.round(m.commits.collect(func(*file) bool { return true }))
	return errors.Join(err, m.retire())
}
