package journal

import "slices"

// Spans is a set of chunk indices, kept as sorted, disjoint, half-open runs.
type Spans []Span

// Span is the chunks from Lo on, below Hi.
type Span struct{ Lo, Hi int64 }

// at returns the position of the first run that ends after i.
func (s Spans) at(i int64) int {
	p, _ := slices.BinarySearchFunc(s, i, func(r Span, i int64) int {
		if r.Hi <= i {
			return -1
		}
		return 1
	})
	return p
}

// Has reports whether i is in the set.
func (s Spans) Has(i int64) bool {
	p := s.at(i)
	return p < len(s) && s[p].Lo <= i
}

// Covers reports whether all of [lo, hi) is in the set.
func (s Spans) Covers(lo, hi int64) bool {
	p := s.at(lo)
	return lo >= hi || p < len(s) && s[p].Lo <= lo && s[p].Hi >= hi
}

// Overlaps reports whether any of [lo, hi) is in the set.
func (s Spans) Overlaps(lo, hi int64) bool {
	p := s.at(lo)
	return p < len(s) && s[p].Lo < hi
}

// Next is the first index in the set from i on, below hi; hi if there is none.
func (s Spans) Next(i, hi int64) int64 {
	if p := s.at(i); p < len(s) {
		return min(hi, max(i, s[p].Lo))
	}
	return hi
}

// Add puts [lo, hi) into the set.
func (s *Spans) Add(lo, hi int64) {
	if lo >= hi {
		return
	}
	from := s.at(lo - 1)
	to := from
	for to < len(*s) && (*s)[to].Lo <= hi {
		lo, hi = min(lo, (*s)[to].Lo), max(hi, (*s)[to].Hi)
		to++
	}
	*s = slices.Replace(*s, from, to, Span{lo, hi})
}

// Cut removes everything from lo on.
func (s *Spans) Cut(lo int64) {
	p := s.at(lo)
	if p < len(*s) && (*s)[p].Lo < lo {
		(*s)[p].Hi = lo
		p++
	}
	*s = (*s)[:p]
}

// CutBelow removes everything below hi.
func (s *Spans) CutBelow(hi int64) {
	p := s.at(hi)
	*s = (*s)[p:]
	if len(*s) > 0 {
		(*s)[0].Lo = max((*s)[0].Lo, hi)
	}
}

// Remove takes i out.
func (s *Spans) Remove(i int64) {
	p := s.at(i)
	if p == len(*s) || (*s)[p].Lo > i {
		return
	}
	r := (*s)[p]
	var parts []Span
	if r.Lo < i {
		parts = append(parts, Span{r.Lo, i})
	}
	if i+1 < r.Hi {
		parts = append(parts, Span{i + 1, r.Hi})
	}
	*s = slices.Replace(*s, p, p+1, parts...)
}

// Total is the number of indices in the set.
func (s Spans) Total() (n int64) {
	for _, r := range s {
		n += r.Hi - r.Lo
	}
	return n
}
