package content

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

// File is an open file: one for each object that somebody holds open or that a
// commit still works on.
type File struct {
	s     *Store
	o     *Object
	order uint64 // among files, the order of their commit locks

	refs    int          // openers and commits; guarded by Object.opening
	openers atomic.Int32 // handles that are not closed

	commit lock.Mutex[lock.Commit]

	mu lock.RWMutex[lock.File] // guards the rest; check says what is always so

	progress
}

// progress is how far a file's changes have come on their way: what programs see,
// what is sealed, and what the clouds have.
type progress struct {
	draft.Draft
	promised bool   // an fsync counts on a sealed version that no cloud has
	beside   Dir    // the copies are fresh backing files in there, not in place yet; nil where they are not
	forsaken bool   // nameless, with its content under another name: nothing is written to it any more
	ref      uint64 // names the file in the log; 0 is unbound
}

// newFile is an open file of which nothing is known, held once.
func (s *Store) newFile(o *Object) *File {
	f := &File{s: s, o: o, order: s.orders.Add(1), refs: 1}
	f.Env, f.Log, f.Layers = &s.Env, f, layer.NewStack()
	f.Copies.Env, f.Copies.Owner = s.Env.Env, f
	f.Copies.List = make([]*copies.Copy, s.Clouds.N())
	f.Accs = make([]cipher.Acc, s.Clouds.N())
	return f
}

// adopt makes a header that was read the file's state.
func (f *progress) adopt(h *cipher.Header) {
	f.Copies.Adopt(h)
	f.Sealed = f.Copies.Stored
	f.Accs = slices.Clone(f.Sealed.Accs)
	f.Length, f.Mode, f.UID, f.GID, f.Flags = h.Length, h.Mode, h.UID, h.GID, h.Flags
	f.Mtime = time.Unix(h.MtimeSec, int64(h.MtimeNsec))
	f.Covered = f.Copies.Floor()
}

// lock and unlock are of mu, for who changes the file.
func (f *File) lock() { f.mu.Lock() }

func (f *File) unlock() {
	f.verify()
	f.mu.Unlock()
}

// Ino is the file's number.
func (f *File) Ino() uint64 { return f.o.Ino() }

// replacing reports whether the copies are fresh backing files.
func (f *progress) replacing() bool { return f.beside != nil }

// underway reports whether a version is on its way: it is sealed, and the clouds
// do not have it yet.
func (f *progress) underway() bool { return f.Sealed.Head.CommitID != f.Copies.Stored.Head.CommitID }

// unsealed reports whether something is in no version yet.
func (f *progress) unsealed() bool {
	return !f.Layers.Draft.Empty() || f.Attrs || f.Length != f.Sealed.Head.Length || !f.Sealed.Committed()
}

// isNew reports whether the clouds have no version of the file, so that what a
// close commits needs no sync.
func (f *progress) isNew() bool { return !f.Copies.Stored.Committed() && !f.replacing() }

// Bound reports whether the log names the file for what is not in the clouds.
func (f *File) Bound() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.ref != 0 && !f.Nameless
}

// Unfinished reports whether something of the file is not in the clouds, or not
// durable anywhere.
func (f *File) Unfinished() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return !f.Nameless && (f.unsealed() || f.underway() || len(f.Unsynced) > 0 || f.o.unsynced())
}

// letGo lets the log go on without a file that has nothing on its way.
func (f *File) letGo() {
	f.lock()
	defer f.unlock()
	if f.ref == 0 || !f.Nameless && (f.unsealed() || !f.Layers.Idle() || f.underway()) {
		return
	}
	f.ref = 0
	f.Charge(-f.Layers.LetGo())
	f.s.commits.Untrack(f)
}

// Append writes an entry of this file to the log. The first one binds its
// reference. The caller holds File.mu.
func (f *File) Append(e *journal.Entry, data ...[]byte) error {
	if f.Nameless || f.Recovering {
		return nil
	}
	e.Ref = f.ref
	if e.Ref == 0 {
		e.Ref = f.s.NewRef()
	}
	seq, err := f.s.commits.Track(f, e, data)
	if err != nil {
		return err
	}
	f.ref = e.Ref
	f.o.lastEntry.Store(seq)
	return nil
}

// Sync makes durable what the log was told of any file.
func (f *File) Sync() error { return f.s.log.Sync() }

// Stat is what stat shows of an open file: what its backing file shows, and what
// the file is by now.
type Stat struct {
	Info   cloud.Info
	Length int64
	Mode   uint32 // 07777
	UID    uint32
	GID    uint32
	Nlink  uint32
	Mtime  time.Time
	Ctime  time.Time
}

// Stat returns the attributes.
func (f *File) Stat() (Stat, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	info, err := copies.Stat(&f.Copies)
	if err != nil {
		return Stat{}, err
	}
	st := Stat{info, f.Length, f.Mode, f.UID, f.GID, uint32(info.Nlink), f.Mtime, info.Ctime}
	if f.Ctime.After(st.Ctime) {
		st.Ctime = f.Ctime
	}
	if f.Nameless {
		st.Nlink = 0
	}
	if f.replacing() {
		st.Nlink = 1
	}
	return st, nil
}

// ID is the file's id.
func (f *File) ID() cipher.ID { return f.Sealed.Head.FileID }

// Version is the last sealed version; it has none where the file was never
// committed.
func (f *File) Version() journal.Sealed {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.Sealed
}

// Stored is the last version that the clouds have; it has none where the file
// was never committed.
func (f *File) Stored() journal.Sealed {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.Copies.Stored
}

// Backing is a cloud's open backing file, of a file that may have no name; nil
// where it does not serve.
func (f *File) Backing(k int) cloud.File {
	if c := f.Copies.List[k]; c.Serves() {
		return c.File
	}
	return nil
}

// Touched keeps a change of a backing file that is none of the content, but
// moves its ctime, from looking like somebody else's.
func (f *File) Touched(k int) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if c := f.Copies.List[k]; c.Serves() {
		f.Copies.Touched(c, 0, 0)
	}
}

// CheckLater computes acc in the background, for a long file whose only copy
// this is. It is called while that is read.
func (f *File) CheckLater(k *copies.Check) {
	f.s.commits.Background(func() {
		held, err := f.o.Acquire()
		if err != nil {
			return
		}
		defer held.Release()
		if held.File != f || !k.Await(f.s.commits.Wait) {
			return
		}
		for done := false; !done && !f.s.commits.Stopping(); {
			f.mu.RLock()
			done = k.Step()
			f.mu.RUnlock()
		}
	})
}
