package queue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/notice"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rejoin"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
)

const (
	tendEvery = time.Second
	rest      = 9 // so many times as long as a round takes, nothing is done after it
)

// Config is what a Repairer works with.
type Config struct {
	Clouds  *clouds.Clouds
	Beside  func() *rejoin.Beside
	Memory  compare.Memory
	Rows    memory.Rows
	Unseen  func(cloud int) bool // a cloud in use owes nobody knows what
	Draw    removals.Draw
	Notices *notice.Board
	Clock   func() time.Time
	Logger  *slog.Logger
	Owners  bool // the process may set owners of backing files
}

// Repairer repairs what waits in its queue.
type Repairer struct {
	Config
	Queue
	next   time.Time // when there is a turn again
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New makes a Repairer, with the names in its queue at which clouds were known to have something wrong before.
func New(c Config) *Repairer {
	r := &Repairer{Config: c}
	r.init()
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Recall puts into the queue what an earlier mount has found.
func (r *Repairer) Recall() {
	for k, cl := range r.Clouds.All() {
		places, err := memory.Differing(r.Rows, cl.ID, maxWaiting)
		for _, p := range places {
			r.Add(Name{Cloud: k, Place: p}, r.Clock(), r.Clock(), true)
		}
		if err != nil {
			r.Logger.Warn("what an earlier mount has found wrong is not known", "cloud", cl.Name, "error", err)
		}
	}
}

// Start begins the work in the background, and Stop ends it wherever it is.
func (r *Repairer) Start() {
	r.wg.Go(func() {
		for {
			select {
			case <-r.ctx.Done():
				return
			case <-time.After(tendEvery):
			}
			if err := r.Tend(); err != nil {
				r.Logger.Debug("not everything is repaired", "error", err)
			}
		}
	})
}

// Stop ends the work.
func (r *Repairer) Stop() {
	r.cancel()
	r.wg.Wait()
}

// Wrong tells of a name at which a cloud does not have what should be there; wide: that follows from what is elsewhere, too.
func (r *Repairer) Wrong(k int, p index.Place, wide bool) {
	r.Add(Name{Cloud: k, Place: p}, r.Clock(), r.Clock(), wide)
}

// Damage tells of a copy of which a record does not verify.
func (r *Repairer) Damage(k int, f index.File, changed time.Time) {
	r.Add(Name{Cloud: k, File: f}, changed, r.Clock(), false)
}

// Right tells that a cloud has what should be at a name.
func (r *Repairer) Right(k int, p index.Place) { r.Drop(Name{Cloud: k, Place: p}) }

// Tend repairs what is due.
func (r *Repairer) Tend() error {
	now := r.Clock()
	if now.Before(r.next) || r.Clouds.ReadOnly() || r.Clouds.Makeshift() || len(r.Clouds.Ups()) < 2 {
		return nil
	}
	list := r.due(now)
	if len(list) == 0 {
		return nil
	}
	var begun time.Time
	err := r.Beside().Healing(r.ctx, func(stop func() error) error {
		begun = r.Clock()
		var errs []error
		for how, names := range r.sorted(list, now) {
			errs = append(errs, (&round{Repairer: r, how: how, names: names, stop: stop}).do())
		}
		return errors.Join(errs...)
	})
	ended := r.Clock()
	r.next = ended.Add(max(settleTime/2, rest*ended.Sub(begun)))
	if err != nil {
		for _, n := range list {
			r.again(n, ended, true)
		}
	}
	return err
}

// paths are where a name is by now.
func (r *Repairer) paths(n Name) (list []string) {
	places := []index.Place{n.Place}
	if n.Place.Dir == 0 {
		places, _ = r.Rows.Places(n.File) // what cannot be read is not known
	}
	for _, p := range places {
		if dir, ok, err := r.Rows.Path(p.Dir); ok && err == nil {
			list = append(list, strings.TrimPrefix(dir+"/"+string(p.Name), "/"))
		}
	}
	return list
}

// id is that of a cloud.
func (r *Repairer) id(k int) cipher.ID { return r.Clouds.All()[k].ID }
