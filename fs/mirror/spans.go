package mirror

import "slices"

// spans is a set of chunk indices, kept as sorted, disjoint, half-open runs.
type spans []span

type span struct{ lo, hi int64 }

// at returns the position of the first run that ends after i.
func (s spans) at(i int64) int {
	p, _ := slices.BinarySearchFunc(s, i, func(r span, i int64) int {
		if r.hi <= i {
			return -1
		}
		return 1
	})
	return p
}

// has reports whether i is in the set.
func (s spans) has(i int64) bool {
	p := s.at(i)
	return p < len(s) && s[p].lo <= i
}

// covers reports whether all of [lo, hi) is in the set.
func (s spans) covers(lo, hi int64) bool {
	p := s.at(lo)
	return lo >= hi || p < len(s) && s[p].lo <= lo && s[p].hi >= hi
}

// overlaps reports whether any of [lo, hi) is in the set.
func (s spans) overlaps(lo, hi int64) bool {
	p := s.at(lo)
	return p < len(s) && s[p].lo < hi
}

// add puts [lo, hi) into the set.
func (s *spans) add(lo, hi int64) {
	if lo >= hi {
		return
	}
	from := s.at(lo - 1)
	to := from
	for to < len(*s) && (*s)[to].lo <= hi {
		lo, hi = min(lo, (*s)[to].lo), max(hi, (*s)[to].hi)
		to++
	}
	*s = slices.Replace(*s, from, to, span{lo, hi})
}

// cut removes everything from lo on.
func (s *spans) cut(lo int64) {
	p := s.at(lo)
	if p < len(*s) && (*s)[p].lo < lo {
		(*s)[p].hi = lo
		p++
	}
	*s = (*s)[:p]
}

// cutBelow removes everything below hi.
func (s *spans) cutBelow(hi int64) {
	p := s.at(hi)
	*s = (*s)[p:]
	if len(*s) > 0 {
		(*s)[0].lo = max((*s)[0].lo, hi)
	}
}

// remove takes i out.
func (s *spans) remove(i int64) {
	p := s.at(i)
	if p == len(*s) || (*s)[p].lo > i {
		return
	}
	r := (*s)[p]
	var parts []span
	if r.lo < i {
		parts = append(parts, span{r.lo, i})
	}
	if i+1 < r.hi {
		parts = append(parts, span{i + 1, r.hi})
	}
	*s = slices.Replace(*s, p, p+1, parts...)
}

// total is the number of indices in the set.
func (s spans) total() (n int64) {
	for _, r := range s {
		n += r.hi - r.lo
	}
	return n
}
