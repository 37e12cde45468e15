package repair

import (
	"errors"

	"github.com/overcast-fs/overcast/fs/mirror/internal/level"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// together makes the clouds show the same names after a power cut, which can take
// from the log what one cloud has kept of an operation and another has lost:
// nothing but the clouds tells of it then.
func (r *Replay) together() {
	var up []int
	for k, t := range r.trees {
		if t != nil && r.out.Errors[k] == nil {
			up = append(up, k)
		}
	}
	if r.SameBoot || len(up) < 2 {
		return
	}
	differed := false
	for _, k := range up[1:] {
		differed = r.bringTogether(up[0], k) || differed
	}
	if differed && len(up) > 2 {
		for _, k := range up[1:] { // what the last one had is in the lead only now
			r.bringTogether(up[0], k)
		}
	}
}

// bringTogether makes two clouds show the same names, and reports whether they did
// not. What fails is the matter of the cloud where it does, unless that is full:
// nobody could make room if that kept it from being used.
func (r *Replay) bringTogether(lead, k int) (differed bool) {
	if r.out.Errors[lead] != nil || r.out.Errors[k] != nil {
		return false
	}
	l := &level.Leveller{
		Clouds: [2]*replica.Cloud{r.Clouds[lead], r.Clouds[k]}, Steps: r.steps, Known: r.Known,
		Owners: r.Owners, Clock: r.Clock, Logger: r.Logger,
	}
	err := l.Level()
	r.out.Found = append(r.out.Found, l.Found...)
	var of *level.Error
	switch {
	case err == nil:
	case errors.As(err, &of) && !full(err) && passing(err):
		r.out.Errors[of.Cloud] = err
	default:
		r.Logger.Warn("names that only one cloud has stay there", "cloud", r.Clouds[k].Name, "error", err)
	}
	return len(l.Found) > 0
}
