package rejoin

import (
	"github.com/overcast-fs/overcast/fs/mirror/internal/pace"
	"github.com/overcast-fs/overcast/fs/vault"
)

// What is being done for a cloud that lacks changes.
const (
	comparing = "compare"
	repairing = "repair"
)

// is says how far a cloud is.
func (r *Returner) is(k int, doing string, done, of int64) {
	now := r.Clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.paces[k]
	if p == nil {
		p = &pace.Pace{}
		r.paces[k] = p
	}
	p.Set(now, doing, done, of)
}

// rests says that nothing is being done for a cloud.
func (r *Returner) rests(k int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.paces, k)
}

// Paying tells how far a cloud is that lacks changes.
func (r *Returner) Paying(k int) (is vault.Paying) {
	now := r.Clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	is.Names = len(r.debts[k])
	if p := r.paces[k]; p != nil {
		is.Doing, is.Done, is.Of, is.PerSecond = p.Doing, p.Done, p.Of, p.PerSecond(now)
	}
	return is
}
