package queue

import (
	"slices"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rejoin"
)

// Beside is [rejoin.Beside] where names wait to be repaired.
type Beside struct {
	*rejoin.Beside
	r *Repairer
}

// Beside makes one.
func (r *Repairer) Beside() *Beside { return &Beside{r.Config.Beside(), r} }

// Waiting tells how many names wait that a cloud does not owe anyway, and how many are left to who heals by hand.
func (r *Repairer) Waiting(k int) (wait, left int) {
	list, left := r.waiting(k)
	if len(list) == 0 {
		return 0, left
	}
	owed := map[string]bool{}
	for _, path := range r.Config.Beside().Owed(k, maxWaiting) {
		owed[path] = true
	}
	for _, n := range list {
		if !slices.ContainsFunc(r.paths(n), func(path string) bool { return owed[path] }) {
			wait++
		}
	}
	return wait, left
}

// Hurry has all that can be done done at once, and also what was left to who heals by hand: somebody does.
func (b *Beside) Hurry() {
	clouds.Hurry(b.r.Clouds)
	b.HurryNames()
}

// HurryNames is Hurry for clouds that are in use.
func (b *Beside) HurryNames() {
	b.Beside.Hurry()
	b.r.hurry(b.r.Clock())
}

// Owed lists at most n names that a cloud in use lacks, or has wrongly.
func (b *Beside) Owed(k, n int) []string {
	list := b.Beside.Owed(k, n)
	for _, name := range b.r.of(k) {
		if len(list) >= n {
			break
		}
		list = append(list, b.r.paths(name)...)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), n)]
}
