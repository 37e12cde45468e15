package content

import (
	"errors"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

// The six stages of a write, in their order; the package's doc tells what holds
// between them.

// draft is the first stage: a change goes straight to every cloud where nothing
// that counts is there, and else into the file's draft and the log. With moves it
// moves mtime. full says that the draft is large enough for a version.
func (e editor) draft(p []byte, off int64, moves bool) (full bool, err error) {
	if err := e.Write(p, off); err != nil {
		return false, err
	}
	if moves {
		e.Mtime = e.Env.Clock()
	}
	return int64(len(e.Layers.Draft.Chunks))<<e.Env.Layout.ChunkLog2 >= maxCommit, nil
}

// seal is the second stage: the draft becomes a version, with its write ids, its
// header and each cloud's acc. It returns nil where there is nothing to seal.
// With durable, direct writes that no cloud has synced are to go into the log
// where they are few. The caller holds File.mu.
func (f sealer) seal(durable bool) (*Commit, error) {
	durable = durable && f.fewUnsynced()
	if f.Nameless || !f.unsealed() && !durable {
		return nil, nil
	}
	c := &Commit{f: f.File, from: f.Copies.Stored, layer: &f.Layers.Draft, unsynced: durable}
	var err error
	c.to, c.indices, err = draft.Next(&f.Draft)
	return c, err
}

// log is the third stage: the log is told of the version, which is the file's
// sealed one from then on. One sync of the log serves all versions of a round
// (Store.commit). The caller holds File.mu.
func (c *Commit) log() error {
	f := c.f
	if err := c.appendEntry(); err != nil {
		return err
	}
	if c.unsynced {
		f.Unsynced = nil
	}
	f.Charge(-f.Layers.Sealed.Merge(c.layer, f.Env.Layout.Records(c.to.Head.Length)))
	f.Sealed, f.Accs = c.to, slices.Clone(c.to.Accs)
	f.Covered = max(f.Covered, f.Env.Layout.Records(c.to.Head.Length))
	f.Attrs, f.Since = false, time.Time{}
	return nil
}

// apply is the fourth stage: sealed versions go to cloud after cloud. Every
// file's commit lock is held. It returns the errors that no other cloud made
// good; files that can be committed are, whatever becomes of the others.
func (s *Store) apply(commits []*Commit) error {
	for _, c := range commits {
		c.results = make([]error, s.Clouds.N())
	}
	tried := s.Clouds.Ups()
	for _, cl := range tried {
		s.applyTo(cl, commits)
	}
	var errs []error
	for _, c := range commits {
		beaten := false
		if c.refused(tried) {
			var err error
			beaten, err = c.contend(tried)
			errs = append(errs, err)
		}
		made, err := c.conclude(tried)
		if beaten && made {
			c.forsake()
		} else if c.done(made); made {
			err = errors.Join(err, c.f.o.Committed(&c.to.Head, copies.ShowNow(&c.f.Copies, c.results, c.replaces), c.lacking))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// done is the fifth stage: the version is the stored one. Where it was not made
// it goes on being applied, at the next commit. The caller holds File.commit.
func (c *Commit) done(made bool) {
	f := c.f
	f.lock()
	defer f.unlock()
	f.Copies.Targets()
	if made {
		c.stored()
	}
}

func (c *Commit) stored() {
	f := c.f
	f.Charge(-f.Layers.Store(f.Env.Layout.Records(c.to.Head.Length)))
	f.Copies.Stored = c.to
	f.promised = f.promised && f.underway()
	floor := f.Copies.Floor()
	f.Covered = max(floor, f.Env.Layout.Records(f.Sealed.Head.Length))
	f.Layers.Direct.CutBelow(floor)
	if c.replaces {
		f.beside = nil
	}
	f.Copies.Changing = f.replacing()
}

// retire is the sixth stage: everything that is in the clouds becomes durable
// there. Where a transaction of what this machine knows is due, or at once, that
// is made, and then the log lets go of the entries that led to it all.
func (s *Store) retire(atOnce bool) error {
	s.retiring.Lock()
	defer s.retiring.Unlock()
	if err := s.Clouds.MarkDropped(); err != nil {
		return err
	}
	s.names.RLock()
	low := s.commits.Low()
	keep := s.commits.Kept(low)
	due := s.memory.Due(s.Clock(), s.log.Size(), keep, atOnce)
	if due {
		s.memory.Begin(s.log.Next())
	}
	s.names.RUnlock()
	if err := s.log.Sync(); err != nil || low <= s.durable.Load() && !due {
		return err
	}
	if err := s.Clouds.Sync(); err != nil {
		return err
	}
	s.durable.Store(low)
	if !due || !s.memory.Transact(keep) {
		return nil
	}
	if err := s.log.Retire(keep); err != nil {
		return err
	}
	// What is retired must not come back by a power cut: the names may go on
	// without it before the log is synced again.
	return s.log.Sync()
}

// take is what a commit brings to the clouds: the sealed layer, over what an
// earlier commit may have left. It returns nil if the clouds have the version
// already. The caller holds File.commit.
func (f sealer) take() *Commit {
	f.lock()
	defer f.unlock()
	if f.Nameless || !f.underway() {
		return nil
	}
	f.Charge(-f.Layers.Applying.Merge(&f.Layers.Sealed, layer.Uncut))
	c := &Commit{f: f.File, from: f.Copies.Stored, to: f.Sealed, layer: &f.Layers.Applying, replaces: f.replacing()}
	c.risky = !f.isNew() || f.promised
	c.changes = !c.layer.Empty() || c.from.Head.Length != c.to.Head.Length || c.replaces
	f.Copies.Changing = f.replacing() || !c.layer.Empty()
	return c
}

// commit seals files and brings them to every cloud. Their commit locks are
// held.
func (s *Store) commit(files []*File) error {
	var errs []error
	var commits []*Commit
	durable := false
	for _, f := range files {
		if err := (sealer{f}).sealForClouds(); err != nil {
			errs = append(errs, err)
			continue
		}
		if c := (sealer{f}).take(); c != nil {
			commits = append(commits, c)
			durable = durable || c.risky && c.changes
		}
	}
	if len(commits) == 0 {
		return errors.Join(errs...)
	}
	if durable {
		if err := s.log.Sync(); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(append(errs, s.apply(commits))...)
}
