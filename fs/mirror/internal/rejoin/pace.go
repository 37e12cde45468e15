package rejoin

import (
	"time"

	"github.com/overcast-fs/overcast/fs/vault"
)

// What is being done for a cloud that lacks changes.
const (
	comparing = "compare"
	repairing = "repair"
)

// A pace is how far a cloud is that lacks changes, and how fast it has come there of
// late.
type pace struct {
	doing    string
	done, of int64
	marks    []mark // at least markEvery apart, the last paceOver
}

// A mark is how far it was at some time.
type mark struct {
	at   time.Time
	done int64
}

const (
	markEvery = time.Second
	paceOver  = time.Minute
)

// set says how far it is now. What begins anew has a pace of its own.
func (p *pace) set(now time.Time, doing string, done, of int64) {
	if doing != p.doing || done < p.done {
		p.marks = nil
	}
	p.doing, p.done, p.of = doing, done, of
	if n := len(p.marks); n == 0 || now.Sub(p.marks[n-1].at) >= markEvery {
		p.marks = append(p.marks, mark{now, done})
	}
	for now.Sub(p.marks[0].at) > paceOver && len(p.marks) > 1 {
		p.marks = p.marks[1:]
	}
}

// perSecond is the pace of late; 0 where nobody knows yet.
func (p *pace) perSecond(now time.Time) float64 {
	if len(p.marks) == 0 {
		return 0
	}
	took := now.Sub(p.marks[0].at)
	if took < markEvery {
		return 0
	}
	return float64(p.done-p.marks[0].done) / took.Seconds()
}

// is says how far a cloud is.
func (r *Returner) is(k int, doing string, done, of int64) {
	now := r.Clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.paces[k]
	if p == nil {
		p = &pace{}
		r.paces[k] = p
	}
	p.set(now, doing, done, of)
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
		is.Doing, is.Done, is.Of, is.PerSecond = p.doing, p.done, p.of, p.perSecond(now)
	}
	return is
}
