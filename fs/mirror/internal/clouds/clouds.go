package clouds

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/vault"
)

var (
	// ErrNoCloud: fewer clouds are up than the change or the question needs.
	ErrNoCloud = errors.New("no cloud is available")
	// ErrReadOnly: no change is admitted.
	ErrReadOnly = errors.New("read-only filesystem")
	// ErrClosed: the mirror is being closed.
	ErrClosed = errors.New("closed")
	// ErrUnsupported: there is no such operation here.
	ErrUnsupported = errors.New("not supported")
)

// State is what the vault's durable state knows of clouds.
type State interface {
	Owes() map[cipher.ID]vault.Owes
	MarkOwes(id cipher.ID, o vault.Owes) error
	ClearOwes(id cipher.ID) error
}

// Config is one cloud of the vault, in the vault's order.
type Config struct {
	Name   string
	ID     cipher.ID
	Dir    cloud.Dir // nil when absent
	Cipher *cipher.Cloud
	Reason string // why Dir is nil

	// Open opens the directory anew, and makes sure that it is this cloud's; nil
	// where that cannot be done, and Dir is all that there is.
	Open func() (cloud.Dir, error)
}

// Options are what holds for all clouds.
type Options struct {
	State     State
	Logger    *slog.Logger
	MinCopies int // fewer clouds up than this and changes are refused; at least 1
	ReadOnly  bool
	Clock     func() time.Time // nil is time.Now
	Next      func() uint64    // the number of the redo log's next entry; nil is 0
	Names     bool             // what a cloud misses is named in rows, by whoever has them
}

// Clouds are the clouds of a vault. They are safe for concurrent use.
type Clouds struct {
	all       atomic.Pointer[[]*Cloud]
	state     State
	logger    *slog.Logger
	clock     func() time.Time
	next      func() uint64
	min       int
	readOnly  bool
	held      error       // why no change is admitted, though it is not read-only by itself
	makeshift bool        // a cloud leads that owes, since no other is there
	names     bool        // what a cloud misses is named
	heard     atomic.Bool // witnesses are heard

	dropping  lock.Mutex[lock.Dropping] // one cloud at a time goes out, so that one stays
	marked    atomic.Bool               // those that were out at first are written down
	unwritten atomic.Bool               // a cloud was dropped and is not written down
}

// New takes over the directories and keys of all clouds; Close closes them. A
// cloud that is to be compared whole is not in use before it was, unless there
// is no other. It fails where no cloud is there. Where each of them takes no
// change none is admitted.
func New(list []Config, o Options) (*Clouds, error) {
	cs := &Clouds{state: o.State, logger: o.Logger, clock: o.Clock, next: o.Next, min: max(o.MinCopies, 1), readOnly: o.ReadOnly, names: o.Names}
	if cs.clock == nil {
		cs.clock = time.Now
	}
	if cs.next == nil {
		cs.next = func() uint64 { return 0 }
	}
	owes := cs.state.Owes()
	all := make([]*Cloud, len(list))
	for i, cfg := range list {
		c := &Cloud{Cloud: &replica.Cloud{Index: i, Name: cfg.Name, Dir: cfg.Dir, Keys: cfg.Cipher}, ID: cfg.ID}
		c.standing = &standing{open: cfg.Open, reason: cfg.Reason}
		o, ok := owes[cfg.ID]
		c.owes, c.whole, c.lost, c.named = ok, o.Whole, o.Lost, o.Named && cs.names
		switch {
		case cfg.Dir == nil:
			c.condition = Absent
		case ok && o.Whole:
			c.condition, c.reason = Returning, o.Reason
		case ok:
			c.reason = o.Reason
		}
		c.out.Store(c.condition != InUse)
		all[i] = c
	}
	cs.all.Store(&all)
	if cs.Lead() == nil && !makeDo(cs) {
		return nil, ErrNoCloud
	}
	cs.readOnly = cs.readOnly || allReadOnly(cs.Ups())
	return cs, nil
}

// makeDo takes into use the first cloud that is there, whatever it lacks. It
// goes on owing that.
func makeDo(cs *Clouds) bool {
	for _, c := range cs.All() {
		if c.condition == Returning {
			c.condition, cs.makeshift = InUse, true
			c.out.Store(false)
			return true
		}
	}
	return false
}

// Makeshift reports whether no cloud was there at first that lacks nothing, so
// that nothing which is missing in those that are in use says anything.
func (cs *Clouds) Makeshift() bool { return cs.makeshift }

func allReadOnly(ups []*Cloud) bool {
	for _, c := range ups {
		if s, err := c.Dir.Statfs(); err != nil || !s.ReadOnly {
			return false
		}
	}
	return true
}

// All are the clouds of the vault in its order, by their Index. Nobody changes
// the list.
func (cs *Clouds) All() []*Cloud {
	if all := cs.all.Load(); all != nil {
		return *all
	}
	return nil
}

// IDs are those of all clouds, by the vault's order.
func IDs(cs *Clouds) (ids []cipher.ID) {
	for _, c := range cs.All() {
		ids = append(ids, c.ID)
	}
	return ids
}

// N is the number of clouds of the vault.
func (cs *Clouds) N() int { return len(cs.All()) }

// Lead is the first cloud that is up, or nil.
func (cs *Clouds) Lead() *Cloud {
	for _, c := range cs.All() {
		if c.Up() {
			return c
		}
	}
	return nil
}

// Ups returns the clouds that are up, in the vault's order.
func (cs *Clouds) Ups() []*Cloud {
	all := cs.All()
	up := make([]*Cloud, 0, len(all))
	for _, c := range all {
		if c.Up() {
			up = append(up, c)
		}
	}
	return up
}

// ReadOnly reports whether every change is refused.
func (cs *Clouds) ReadOnly() bool { return cs.readOnly }

// Hold refuses every change from now on. It is called before the first one.
func (cs *Clouds) Hold(why error) { cs.readOnly, cs.held = true, why }

// Held is why Hold was called, or nil.
func (cs *Clouds) Held() error { return cs.held }

// Admit is called before anything is changed: it refuses where changes are
// refused, or where too few clouds would get the change, and records which
// clouds will not get it.
func (cs *Clouds) Admit() error {
	if cs.readOnly {
		return ErrReadOnly
	}
	if n := len(cs.Ups()); n < cs.min {
		return fmt.Errorf("%w: only %d of the %d that a change needs", ErrNoCloud, n, cs.min)
	}
	if err := cs.MarkDropped(); err != nil || cs.marked.Load() {
		return err
	}
	return cs.MarkOut()
}

// Reach asks every cloud that is up, and forgives those that cannot answer
// while another one can. What this process could not ask is no answer of
// anybody. A cloud that is gone as a whole, or says nothing at all, is not asked
// again before it answers a probe.
func (cs *Clouds) Reach(what string, ask func(*Cloud) error) error {
	var first error
	var mute []Lapse
	answered := false
	for _, c := range cs.Ups() {
		err := ask(c)
		if err == nil {
			answered = true
			continue
		}
		if FaultOf(err).Ours() {
			return fmt.Errorf("%s: cloud %s: %w", what, c.Name, err)
		}
		cs.logger.Warn("a cloud does not answer", "cloud", c.Name, "what", what, "error", err)
		if errors.Is(err, cloud.ErrNoAnswer) || errors.Is(err, cloud.ErrAbsent) {
			mute = append(mute, Lapse{c, err})
		}
		if first == nil {
			first = fmt.Errorf("%s: cloud %s: %w", what, c.Name, err)
		}
	}
	switch {
	case answered:
		return cs.DropAll(what, mute)
	case first == nil:
		first = ErrNoCloud
	}
	return first
}

// Sync makes everything durable in every cloud that is up, or that is up after
// it.
func (cs *Clouds) Sync() error {
	_, err := cs.Each(Change{What: "sync", Undo: Harmless, Do: func(c *Cloud) error { return errors.Join(c.Dir.Check(), c.Dir.Syncfs()) }})
	return err
}

// Statfs returns the space that a program may count on: the least over the
// clouds that are up, each divided by the clouds that share its device.
func (cs *Clouds) Statfs() (cloud.Statfs, error) {
	var all []cloud.Statfs
	shared := map[uint64]uint64{}
	err := cs.Reach("statfs", func(c *Cloud) error {
		s, err := c.Dir.Statfs()
		if err == nil {
			all = append(all, s)
			shared[s.Dev]++
		}
		return err
	})
	if err != nil {
		return cloud.Statfs{}, err
	}
	var least cloud.Statfs
	for i, s := range all {
		n := shared[s.Dev]
		s.Blocks, s.Free, s.Avail = s.Blocks/n, s.Free/n, s.Avail/n
		s.Files, s.FilesFree = s.Files/n, s.FilesFree/n
		if i == 0 || s.Avail*s.BlockSize < least.Avail*least.BlockSize {
			least = s
		}
	}
	return least, nil
}

// Close closes the directories and wipes the keys.
func (cs *Clouds) Close() error {
	var errs []error
	for _, c := range cs.All() {
		if c.Dir != nil {
			errs = append(errs, c.Dir.Close())
		}
		c.Keys.Wipe()
	}
	return errors.Join(errs...)
}

// Replicas are clouds without how they stand.
func Replicas(list []*Cloud) []*replica.Cloud {
	all := make([]*replica.Cloud, len(list))
	for i, c := range list {
		all[i] = c.Cloud
	}
	return all
}
