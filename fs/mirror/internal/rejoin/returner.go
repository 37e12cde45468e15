package rejoin

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/pace"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
)

const (
	settleTime = 30 * time.Second // a sync client may still be at it
	blankFor   = 10 * time.Minute // what has no header yet may be a file that is on its way
	tendEvery  = 500 * time.Millisecond
)

var (
	errStopped = fmt.Errorf("%w: a cloud that is returning", clouds.ErrClosed)
	errBusy    = errors.New("it is in use, or has just changed")
)

// Host is whoever works on the clouds meanwhile. Paths are plain.
type Host interface {
	// Commit brings everything to the clouds in use.
	Commit() error

	// Retry tries again what had to wait, as far as it is time for that.
	Retry()

	// Finish gives them what a cloud that is back has alone.
	Finish(c *clouds.Cloud) error

	// Freeze waits for nothing: it reports false where a commit is under way, or a file is just being opened. Else nothing
	// changes before thaw is called.
	Freeze() (thaw func(), ok bool)

	// Entered says, while all is frozen, that a cloud takes part again. Open files get their copies there; it returns the names
	// of those that have none.
	Entered(c *clouds.Cloud) (lacking []string)

	// Alone calls do with no operation on names, and no commit of the file at a path under way. What it is given gives that
	// file, where it is open, its copy in a cloud, and reports false where there is none that it could have.
	Alone(path string, c *clouds.Cloud, do func(join func() (open, joined bool)))

	// IsOpen reports whether the file at a path is open. The caller holds Mirror.names.
	IsOpen(path string) bool

	// Links are the other names of a file, as far as they are known.
	Links(path string) []string

	// Still has the file at a path whole in every cloud, and no commit of it under way before done is called. It reports false
	// where there is no file that could be held; done is to be called all the same.
	Still(path string) (done func(), held bool)

	// Missed are the names of which a cloud that is out has missed changes; all is
	// false where these are too many, or nobody knows.
	Missed(c *clouds.Cloud) (list []missed.Name, all bool, err error)

	// AsLeft reports whether a cloud that is out is as this machine has left it, but
	// at names that are spared, and below those of them that are so deep.
	AsLeft(c *clouds.Cloud, spare func(path string) (spare, deep bool), stop func() error) (bool, error)

	// Path is where a directory stands.
	Path(d index.Dir) (path string, ok bool)

	// Settled says that a cloud has all that it missed, but at some names.
	Settled(c *clouds.Cloud, but []string)

	// Renewed says that a cloud may have another backing file at a path. The caller holds Mirror.names.
	Renewed(k int, path string)
}

// Config is what a Returner works with.
type Config struct {
	Clouds *clouds.Clouds
	Names  *lock.RWMutex[lock.Names]
	Host   Host
	Past   Past
	Book   *removals.Book
	Clock  func() time.Time
	Logger *slog.Logger
	Owners bool   // the process may set owners of backing files
	Rest   func() // called between slices of work, with no lock held: programs have their turn; or nil
}

// Returner brings clouds back.
type Returner struct {
	Config
	Changes
	turn chan struct{} // has one element while somebody tends
	quit chan struct{}
	wg   sync.WaitGroup
	gone map[int]int // by cloud: the removals at its last probe
}

// New makes a Returner. Clouds in use that owe something are looked over.
func New(config Config) *Returner {
	r := &Returner{Config: config, turn: make(chan struct{}, 1), quit: make(chan struct{}), gone: map[int]int{}}
	r.names, r.debts, r.unseen = map[string]bool{}, map[int]map[string]debt{}, map[int]time.Time{}
	r.paces = map[int]*pace.Pace{}
	for _, c := range r.Clouds.Ups() {
		if c.Owes() && !r.Clouds.Makeshift() {
			r.lookAt(c.Index, r.Clock())
		}
	}
	return r
}

// Start begins the work in the background, and Stop ends it wherever it is;
// either is called once.
func (r *Returner) Start() {
	r.wg.Go(func() {
		for {
			select {
			case <-r.quit:
				return
			case <-time.After(tendEvery):
			}
			if err := r.Tend(); err != nil && !errors.Is(err, clouds.ErrClosed) {
				r.Logger.Debug("a cloud is not back", "error", err)
			}
		}
	})
}

// Stop ends the work, in the background or called.
func (r *Returner) Stop() {
	close(r.quit)
	r.wg.Wait()
	r.turn <- struct{}{} // whoever called Tend has ended
}

// stopped is an error once Stop was called. It is asked between slices of work, with no lock held.
func (r *Returner) stopped() error {
	if r.Rest != nil {
		r.Rest()
	}
	select {
	case <-r.quit:
		return errStopped
	default:
		return nil
	}
}

// Tend does what is due for clouds that lack changes: it asks those that are out whether they are back, brings them up to
// date, and pays the debts of those that are in use. What waits can be done by then, as a rule.
func (r *Returner) Tend() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if err := r.stopped(); err != nil || r.Clouds.ReadOnly() {
		return err
	}
	var errs []error
	for _, c := range r.Clouds.Due(r.Clock()) {
		again, err := r.Clouds.Probe(c, r.freeable(c.Index))
		if err == nil {
			if err = r.bringBack(again); err != nil {
				r.Logger.Warn("a cloud that answers again could not be brought up to date; it is tried again", "cloud", c.Name, "error", err)
				err = errors.Join(err, r.Clouds.Fail(again, "bring up to date", err))
			}
		}
		errs = append(errs, err)
	}
	for _, c := range r.Clouds.Ups() {
		if c.Owes() {
			errs = append(errs, r.payDebts(c))
		}
	}
	errs = append(errs, r.clearPaid())
	r.watch(true)
	r.Host.Retry()
	r.watch(false)
	return errors.Join(errs...)
}

// freeable reports whether something was removed since a cloud was last asked, so that it may have less to hold.
func (r *Returner) freeable(k int) bool {
	now := r.removed()
	more := now > r.gone[k]
	r.gone[k] = now
	return more
}

// Owe records that clouds in use lack what others have at some names. They are given it after the settle time.
func (r *Returner) Owe(list []*clouds.Cloud, deep bool, paths ...string) error {
	for _, cl := range list {
		if err := r.Clouds.Owe(cl, "a copy is missing, or is another one"); err != nil {
			return err
		}
		r.owe(cl.Index, r.Clock().Add(settleTime), deep, paths...)
	}
	return nil
}

// carrier brings names to a cloud.
func (r *Returner) carrier(c *clouds.Cloud, moves []missed.Move, live *Tree) *Carrier {
	t := &Carrier{
		Wanted: Wanted{Moves: moves, Past: r.Past, Live: live, Calm: r.calm, Owes: r.Owes},
		To:     c.Cloud, Owners: r.Owners, Clock: r.Clock, Links: r.Host.Links, Limit: math.MaxInt64,
	}
	for _, cl := range r.Clouds.Ups() {
		if cl.Index != c.Index {
			t.From = append(t.From, cl.Cloud)
		}
	}
	return t
}

// calm reports whether a backing file has not changed for some time.
func (r *Returner) calm(info cloud.Info, for_ time.Duration) bool {
	return r.Clock().Sub(info.Ctime) >= for_
}

// clearPaid records of clouds in use that they owe nothing any more.
func (r *Returner) clearPaid() error {
	ups := r.Clouds.Ups()
	if r.Clouds.Makeshift() && len(ups) < r.Clouds.N() {
		return nil
	}
	var errs []error
	for _, c := range ups {
		if !c.Owes() || !r.hasAll(c.Index) {
			continue
		}
		// What was put on record while it was out it lacks, though it was compared.
		err := r.Book.Bring(c.Cloud, clouds.Replicas(ups))
		if err = errors.Join(err, c.Dir.Check(), c.Dir.Syncfs()); err != nil {
			errs = append(errs, err)
			continue
		}
		r.Host.Settled(c, nil)
		errs = append(errs, r.Clouds.Clear(c))
	}
	return errors.Join(errs...)
}

// unlessItsOwn is an error that tells of a cloud, or of this process, and not of the one name at which it showed.
func unlessItsOwn(err error) error {
	if f := clouds.FaultOf(err); f.OfCloud() || f.Ours() {
		return err
	}
	return nil
}
