package content

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

// Dir is where a directory is now. Its methods are called with Mirror.names
// held.
type Dir interface {
	Path(k int) (path string, ok bool) // in a cloud; not ok without a name
	Parent() (dir Dir, ok bool)        // not ok for the root, and without a name
}

// Place is where a file is now: all that is known here of names. Those that tell
// a path are called with Mirror.names held.
type Place interface {
	Dir
	Ino() uint64
	Kind() uint32                  // S_IFMT bits
	Plain() (path string, ok bool) // from the root, for the log
	Search()                       // looks for a name of a file that has none that is known

	Known(h *cipher.Header)                // its header was read or sealed
	Choose(set *copies.Set) *cipher.Header // as copies.Set.Compare does, by what is known of its names, too

	// Committed says that the clouds have a version of it, and show it so, but for
	// some, which have no copy that could be changed. It is called with File.commit held, and no
	// other lock.
	Committed(h *cipher.Header, in []*cloud.Info, lacking []*clouds.Cloud) error

	Shows(k int, info cloud.Info)                // what a cloud shows of it when it is closed
	Length(k int, info cloud.Info, length int64) // its length is not what its size there tells
	Replaced(k int, ino uint64)                  // it is in another backing file now
	Shared(k int, ino uint64) bool               // another object, which is open, has that backing file, and gets the names of this one

	Ref()
	Forget()
}

// Object is a regular or special file, open or not: what is remembered of its
// content while nobody has it open, and where its open file is found.
type Object struct {
	Place
	s *Store

	opening lock.Mutex[lock.Opening]
	open    atomic.Pointer[File]
	version cipher.ID   // the commit id when it was last open, zero before; guarded by opening
	stale   atomic.Bool // changed behind the mount: its names get another object

	shown      atomic.Int64  // what stat showed while nobody had it open, plus 1; 0 nothing yet
	lastEntry  atomic.Uint64 // of the log, about the content
	unsyncedTo atomic.Uint64 // one more than the last entry when direct writes may not be durable; 0 when they are
	soleTo     atomic.Uint64 // one more than the last entry when an fsync counted on one cloud alone; 0 for never
}

// Init makes the object of a file that was found.
func (o *Object) Init(s *Store, at Place) {
	o.s, o.Place = s, at
	o.unsyncedTo.Store(s.log.Next())
}

// Open returns the open file, without holding it, or nil.
func (o *Object) Open() *File { return o.open.Load() }

// Stale reports whether the file was changed behind the mount.
func (o *Object) Stale() bool { return o.stale.Load() }

// Logged reports whether the log has something of the file that is not durable in
// every cloud.
func (o *Object) Logged() bool {
	if f := o.open.Load(); f != nil && f.Bound() {
		return true
	}
	last := o.lastEntry.Load()
	return last > 0 && last >= o.s.durable.Load()
}

// SetStale has nobody open the file again.
func (o *Object) SetStale() { o.stale.Store(true) }

// Showed notes the size that stat shows while nobody has the file open.
func (o *Object) Showed(size int64) { o.shown.Store(size + 1) }

// Opening reports whether somebody is opening the file.
func (o *Object) Opening() bool {
	if o.opening.TryLock() {
		o.opening.Unlock()
		return false
	}
	return true
}

// unsynced reports whether direct writes may not be durable anywhere.
func (o *Object) unsynced() bool { return o.unsyncedTo.Load() > o.s.durable.Load() }

// Sole reports whether an fsync of the file may still count on one cloud alone.
func (o *Object) Sole() bool { return o.soleTo.Load() > o.s.durable.Load() }

// Holder is a file as one works with it who holds it. Each method takes the locks
// that it needs.
type Holder struct{ *File }

// Acquire returns the open file, loading it if need be, and holds it.
func (o *Object) Acquire() (Holder, error) {
	o.opening.Lock()
	defer o.opening.Unlock()
	if o.stale.Load() {
		return Holder{}, ErrStale
	}
	if f := o.open.Load(); f != nil {
		if o.replacedBehind(f) {
			o.stale.Store(true)
			return Holder{}, ErrStale
		}
		f.refs++
		return Holder{f}, nil
	}
	f, err := o.load()
	if err != nil {
		return Holder{}, err
	}
	if err := o.s.refuse(&f.Sealed.Head); err != nil {
		f.Copies.Close()
		return Holder{}, err
	}
	if !o.version.IsZero() && o.version != f.Sealed.Head.CommitID || o.misled(f) || o.shared(f) {
		o.stale.Store(true)
		f.Copies.Close()
		return Holder{}, ErrStale
	}
	o.version = f.Sealed.Head.CommitID
	o.Ref()
	o.open.Store(f)
	return Holder{f}, nil
}

// load opens every cloud's copy and compares their headers.
func (o *Object) load() (*File, error) {
	s := o.s
	s.names.RLock()
	defer s.names.RUnlock()
	if _, named := o.Parent(); !named {
		return nil, ErrStale
	}
	f := s.newFile(o)
	for k, cl := range s.Clouds.All() {
		if !cl.Mute() {
			path, ok := o.Path(k)
			f.Copies.List[k] = s.Load(cl, path, ok, o.Kind())
		}
	}
	best := o.Choose(&f.Copies)
	if err := f.Copies.Starved(); err != nil {
		f.Copies.Close()
		return nil, fmt.Errorf("open: %w", err)
	}
	if best == nil {
		err := f.Copies.Unreadable("open")
		f.Copies.Close()
		s.Logger.Error("a file cannot be opened", "file", o.Ino(), "error", err)
		return nil, err
	}
	f.adopt(best)
	o.Known(best)
	if err := s.state.Observed(best.Version); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return f, nil
}

// shared reports whether another object writes to a backing file of this one, which is being opened: a cloud shows their names as
// links, and another one as two files.
func (o *Object) shared(f *File) bool {
	return slices.ContainsFunc(f.Copies.List, func(c *copies.Copy) bool { return c.Serves() && o.Shared(c.On.Index, c.Shown.Ino) })
}

// misled reports whether stat showed another length than the header of the
// file, which is being opened, and tells what to show from now on. A cache above
// that holds on to a wrong length would read zeros, or less than there is.
func (o *Object) misled(f *File) bool {
	if shown := o.shown.Load(); shown == 0 || shown == f.Length+1 {
		return false
	}
	for k, c := range f.Copies.List {
		if c == nil || c.File == nil {
			continue
		}
		if info, err := c.File.Stat(); err == nil {
			o.Length(k, info, f.Length)
		}
	}
	return true
}

// replacedBehind reports whether a sync client put another file in the place
// of one that is open here and has nothing on its way, or another version into
// it, and no cloud has it as it was.
func (o *Object) replacedBehind(f *File) bool {
	o.s.names.RLock()
	defer o.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	return !f.Nameless && !f.replacing() && f.ref == 0 && copies.Replaced(&f.Copies, o.Path)
}

// Hold takes another reference; ok is false for a file that was closed.
func (f *File) Hold() (ok bool) {
	f.o.opening.Lock()
	defer f.o.opening.Unlock()
	if f.refs == 0 {
		return false
	}
	f.refs++
	return true
}

// Release gives the file back. The last holder closes it.
func (f *File) Release() {
	o := f.o
	o.opening.Lock()
	f.refs--
	last := f.refs == 0
	if last {
		o.open.Store(nil)
		f.mu.Lock()
		o.version = f.Sealed.Head.CommitID
		o.Known(&f.Sealed.Head)
		o.Showed(f.Length)
		f.look()
		if len(f.Unsynced) > 0 {
			o.unsyncedTo.Store(o.lastEntry.Load() + 1)
		}
		f.Copies.Close()
		f.Env.Memory.Add(-f.Reserved)
		f.unlock()
	}
	o.opening.Unlock()
	if last {
		o.Forget()
	}
}

// look tells what the file that is about to be closed shows.
func (f *File) look() {
	k, info := -1, cloud.Info{}
	if c := f.Copies.List[f.Copies.Source]; c.Serves() {
		var err error
		if info, err = c.File.Stat(); err == nil {
			k = c.On.Index
		}
	}
	f.o.Shows(k, info)
}
