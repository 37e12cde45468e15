package pace

import "time"

// A Pace is how far a cloud is that lacks changes, and how fast it has come there of
// late.
type Pace struct {
	Doing    string
	Done, Of int64
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

// Set says how far it is now. What begins anew has a pace of its own.
func (p *Pace) Set(now time.Time, doing string, done, of int64) {
	if doing != p.Doing || done < p.Done {
		p.marks = nil
	}
	p.Doing, p.Done, p.Of = doing, done, of
	if n := len(p.marks); n == 0 || now.Sub(p.marks[n-1].at) >= markEvery {
		p.marks = append(p.marks, mark{now, done})
	}
	for now.Sub(p.marks[0].at) > paceOver && len(p.marks) > 1 {
		p.marks = p.marks[1:]
	}
}

// PerSecond is the pace of late; 0 where nobody knows yet.
func (p *Pace) PerSecond(now time.Time) float64 {
	if len(p.marks) == 0 {
		return 0
	}
	took := now.Sub(p.marks[0].at)
	if took < markEvery {
		return 0
	}
	return float64(p.Done-p.marks[0].done) / took.Seconds()
}
