package clouds

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

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
	Behind() map[cipher.ID]vault.Behind
	MarkBehind(id cipher.ID, reason string) error
}

// Config is one cloud of the vault, in the vault's order.
type Config struct {
	Name   string
	ID     cipher.ID
	Dir    cloud.Dir // nil when absent
	Cipher *cipher.Cloud
	Reason string // why Dir is nil
}

// Options are what holds for all clouds.
type Options struct {
	State     State
	Logger    *slog.Logger
	MinCopies int // fewer clouds up than this and changes are refused; at least 1
	ReadOnly  bool
}

// Clouds are the clouds of a vault. They are safe for concurrent use.
type Clouds struct {
	all      []*Cloud
	state    State
	logger   *slog.Logger
	min      int
	readOnly bool
	held     error // why no change is admitted, though it is not read-only by itself

	dropping   lock.Mutex[lock.Dropping] // one cloud at a time goes out, so that one stays
	absences   atomic.Bool               // absent clouds are marked
	unrecorded atomic.Bool               // a cloud was dropped and is not marked
}

// New takes over the directories and keys of all clouds; Close closes them. It
// fails where no cloud is up. Where each of them takes no change none is
// admitted.
func New(list []Config, o Options) (*Clouds, error) {
	cs := &Clouds{state: o.State, logger: o.Logger, min: max(o.MinCopies, 1), readOnly: o.ReadOnly}
	behind := cs.state.Behind()
	for i, cfg := range list {
		c := &Cloud{Cloud: &replica.Cloud{Index: i, Name: cfg.Name, Dir: cfg.Dir, Keys: cfg.Cipher}, ID: cfg.ID, reason: cfg.Reason}
		if b, ok := behind[cfg.ID]; ok {
			c.marked = true
			if cfg.Dir != nil {
				c.reason = b.Reason
			}
		}
		c.out.Store(c.marked || cfg.Dir == nil)
		cs.all = append(cs.all, c)
	}
	if cs.Lead() == nil {
		return nil, ErrNoCloud
	}
	cs.readOnly = cs.readOnly || cs.allReadOnly()
	return cs, nil
}

func (cs *Clouds) allReadOnly() bool {
	for _, c := range cs.Ups() {
		if s, err := c.Dir.Statfs(); err != nil || !s.ReadOnly {
			return false
		}
	}
	return true
}

// All are the clouds of the vault in its order, by their Index. Nobody changes
// the list.
func (cs *Clouds) All() []*Cloud { return cs.all }

// N is the number of clouds of the vault.
func (cs *Clouds) N() int { return len(cs.all) }

// Lead is the first cloud that is up, or nil.
func (cs *Clouds) Lead() *Cloud {
	for _, c := range cs.all {
		if c.Up() {
			return c
		}
	}
	return nil
}

// Ups returns the clouds that are up, in the vault's order.
func (cs *Clouds) Ups() []*Cloud {
	var up []*Cloud
	for _, c := range cs.all {
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
	if err := cs.MarkDropped(); err != nil || cs.absences.Load() {
		return err
	}
	if err := cs.MarkAbsent(); err != nil {
		return err
	}
	cs.absences.Store(true)
	return nil
}

// Reach asks every cloud that is up, and forgives those that cannot answer
// while another one can. What this process could not ask is no answer of
// anybody.
func (cs *Clouds) Reach(what string, ask func(*Cloud) error) error {
	var first error
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
		if first == nil {
			first = fmt.Errorf("%s: cloud %s: %w", what, c.Name, err)
		}
	}
	switch {
	case answered:
		return nil
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
	for _, c := range cs.all {
		if c.Dir != nil {
			errs = append(errs, c.Dir.Close())
		}
		c.Keys.Wipe()
	}
	return errors.Join(errs...)
}
