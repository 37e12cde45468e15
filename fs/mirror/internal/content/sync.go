package content

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// Sync returns when the file's content and the names that lead to it are
// durable: in the log, or in one cloud.
func (f Holder) Sync() error {
	s := f.s
	onWay, err := sealer(f).sealDurable()
	if err != nil {
		return err
	}
	if err := errors.Join(s.log.Sync(), s.Clouds.MarkDropped()); err != nil {
		return err
	}
	if s.fsyncAll {
		if f.Hold() {
			return errors.Join(s.round([]*File{f.File}), s.retire(false))
		}
		return nil
	}
	if onWay {
		s.commits.Enqueue(f.File)
	}
	return nil
}

// sealDurable seals what is in no version yet, once the direct writes that it
// counts on are durable: in the log with it, or in one cloud before it. It
// reports whether a version is on its way.
func (f sealer) sealDurable() (underway bool, err error) {
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	if f.Nameless {
		return false, nil
	}
	synced := false
	switch {
	case f.o.unsynced() || len(f.Unsynced) > 0 && !f.fewUnsynced():
		err = f.syncTarget()
		synced = err == nil
	case f.fewUnsynced():
		err = binder(f).bindLocked()
	}
	if err == nil {
		err = f.sealAndLog(true)
	}
	underway = f.underway()
	f.promised = f.promised || underway
	if synced && !underway && err == nil {
		err = f.tellFirm()
	}
	return underway, err
}

// tellFirm tells the log that a version of which it has not everything is durable
// in some cloud: should no cloud have it after a power cut, it was removed, and what
// told of that was lost.
func (f sealer) tellFirm() error {
	path, ok := f.o.Plain()
	if !ok || f.Recovering {
		return nil
	}
	id := f.Sealed.Head.FileID
	_, err := f.s.log.Append(&journal.Entry{Op: journal.OpFirm, Path: []byte(path), File: &id, Kind: f.o.Kind()})
	return err
}

// syncTarget makes direct writes durable in the first cloud that can, together
// with the directories that lead there. The caller holds Mirror.names and
// File.mu.
func (f sealer) syncTarget() error {
	var err error = clouds.ErrNoCloud
	var lapses []clouds.Lapse
	for _, c := range f.Copies.Targets() {
		if err = f.syncCopy(c); err == nil {
			f.Unsynced = nil
			f.o.unsyncedTo.Store(0)
			f.o.soleTo.Store(f.o.lastEntry.Load() + 1)
			return f.Env.Clouds.DropAll("sync", lapses)
		}
		switch fault := c.On.Fault(err); {
		case fault.OfCloud():
			lapses = append(lapses, clouds.Lapse{Cloud: c.On, Why: err})
		case fault != clouds.Strayed:
			return fmt.Errorf("sync: cloud %s: %w", c.On.Name, err)
		}
	}
	return err
}

func (f sealer) syncCopy(c *copies.Copy) error {
	if err := c.File.Sync(); err != nil {
		return err
	}
	for at, ok := f.o.Parent(); ok; at, ok = at.Parent() {
		path, _ := at.Path(c.On.Index)
		if err := c.On.Dir.SyncDir(path); err != nil {
			return err
		}
	}
	return nil
}

// Flush brings everything of a file to the clouds, durable in the log or on one
// of them.
func (f Holder) Flush() error {
	if err := binder(f).prepare(); err != nil {
		return err
	}
	if !f.Unfinished() {
		return nil
	}
	if err := f.Sync(); err != nil {
		return err
	}
	f.commit.Lock()
	defer f.commit.Unlock()
	return f.commitOne()
}

// Opened counts one more opener of a file that is held for it.
func (f Holder) Opened() { f.openers.Add(1) }

// Closed takes an opener away and starts the commit of what it wrote, and gives
// the file back. A new file is committed at once, without a sync.
func (f Holder) Closed() error {
	f.openers.Add(-1)
	err := f.closeCommit()
	f.Release()
	return err
}

// Abandoned is Closed where the mirror is being closed, which commits the file.
func (f Holder) Abandoned() {
	f.openers.Add(-1)
	if f.Bound() {
		f.s.commits.Enqueue(f.File)
	}
	f.Release()
}

// Leave gives the file back after a change that needed no opener. While there
// is one, its close commits the change together with what is written through it.
// The change comes before the look at openers here, and leaving them before
// the look for changes in Closed, so that one of the two commits.
func (f Holder) Leave() error {
	var err error
	if f.openers.Load() == 0 {
		err = f.closeCommit()
	}
	f.Release()
	return err
}

func (f Holder) closeCommit() error {
	f.mu.RLock()
	dirty, isNew := f.ref != 0 && !f.Nameless, f.isNew()
	f.mu.RUnlock()
	if !dirty {
		return nil
	}
	if !isNew {
		f.s.commits.Enqueue(f.File)
		return nil
	}
	f.commit.Lock()
	err := f.commitOne()
	f.commit.Unlock()
	if err != nil {
		f.s.commits.Enqueue(f.File)
	}
	return err
}

// CloseAll closes the backing files of what openers left open, when the mirror
// ends.
func CloseAll(files []*File) {
	for _, f := range files {
		f.lock()
		f.Copies.Close()
		f.unlock()
	}
}
