package rejoin

import (
	"errors"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
)

// payDebts gives a cloud in use what it lacks at single names.
func (r *Returner) payDebts(c *clouds.Cloud) error {
	if r.toLookAt(c.Index, r.Clock()) {
		r.lookAt(c.Index, time.Time{})
		_, odd, err := r.lookOver(c)
		r.watch(false)
		r.rests(c.Index)
		if err != nil {
			r.lookAt(c.Index, r.Clock().Add(settleTime))
			return err
		}
		for path, deep := range odd {
			r.owe(c.Index, r.Clock(), deep, path)
		}
	}
	t := r.carrier(c, nil, nil)
	t.Limit = 0
	rests(t, r.Rest) // only what is prepared is read: nobody waits for that
	if len(t.From) == 0 {
		return nil // it is all there is, and no other says what should be
	}
	var errs []error
	due := r.due(c.Index, r.Clock())
	defer r.rests(c.Index)
	for i, path := range due {
		if err := r.stopped(); err != nil {
			return err
		}
		r.is(c.Index, repairing, int64(i), int64(len(due)))
		if err := r.pay(t, c, path); err != nil {
			errs = append(errs, err)
		}
	}
	if t.Loose || len(t.Left) > 0 {
		r.lookAt(c.Index, r.Clock().Add(settleTime))
	}
	return errors.Join(errs...)
}

// pay brings one name over, and gives an open file its copy.
func (r *Returner) pay(t *Carrier, c *clouds.Cloud, path string) error {
	now, left := r.Clock(), len(t.Left)
	err := t.Prepare(path)
	r.Host.Alone(path, c, func(join func() (open, joined bool)) {
		d := r.paid(c.Index, path)
		if err == nil {
			err = t.Bring(path, d.deep)
		}
		whole := err == nil && len(t.Left) == left
		again := now.Add(settleTime)
		if whole {
			if open, joined := join(); open {
				whole, again = joined, now.Add(time.Second) // it is being written
			}
		}
		if !whole {
			r.owe(c.Index, again, d.deep, path)
		}
	})
	return errors.Join(err, t.Forget())
}
