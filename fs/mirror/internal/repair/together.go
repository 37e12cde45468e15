package repair

import (
	"github.com/overcast-fs/overcast/fs/mirror/internal/level"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// together makes the clouds show the same names in the directories that the log
// touches. A power cut can take from the log what one cloud has kept of an
// operation and another has lost; nothing but the clouds tells of it then.
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
	for range 2 { // what the last one has is in the lead only then
		for _, k := range up[1:] {
			l := &level.Leveller{
				Clouds: [2]*replica.Cloud{r.Clouds[up[0]], r.Clouds[k]}, Steps: r.steps, Owners: r.Owners, Clock: r.Clock, Logger: r.Logger,
			}
			if err := l.Level(r.touched(up[0], k)); err != nil {
				r.Logger.Warn("names that only one cloud has stay there", "cloud", r.Clouds[k].Name, "error", err)
			}
			r.out.Found = append(r.out.Found, l.Found...)
		}
	}
}

// touched are the directories that the log touches, where two clouds have both.
func (r *Replay) touched(lead, other int) (dirs []level.Folder) {
	for _, thing := range r.Fold.Things {
		if !thing.IsDir() || thing.Gone() || len(thing.Slots) == 0 {
			continue
		}
		a, b := (&planner{tree: r.trees[lead]}).nodeOf(thing), (&planner{tree: r.trees[other]}).nodeOf(thing)
		if a == nil || b == nil {
			continue
		}
		plain, _ := thing.Path()
		dirs = append(dirs, level.Folder{Paths: [2]string{a.path(), b.path()}, Plain: plain})
	}
	return dirs
}
