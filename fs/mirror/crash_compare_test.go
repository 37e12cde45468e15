package mirror_test

import (
	"bytes"
	"fmt"
	"slices"
)

func (s *story) equal(got, want world) error {
	for path, c := range want {
		if g, ok := got[path]; !ok || g != c {
			return fmt.Errorf("%s: %s, want %s", path, brief(g, ok), brief(c, true))
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			return fmt.Errorf("%s is there: %s", path, brief(got[path], true))
		}
	}
	return nil
}

func brief(c string, ok bool) string {
	switch {
	case !ok:
		return "missing"
	case len(c) > 80:
		return fmt.Sprintf("%d bytes %q…%q", len(c), c[:20], c[len(c)-20:])
	}
	return fmt.Sprintf("%q", c)
}

// between holds after a kill: the world of one step or the next, or on the way
// between them, chunk by chunk.
func (s *story) between(w world, a, b int) error {
	if s.equal(w, s.worlds[a]) == nil || s.equal(w, s.worlds[b]) == nil {
		return nil
	}
	for path, c := range w {
		x, inX := s.worlds[a][path]
		y, inY := s.worlds[b][path]
		if inX && c == x || inY && c == y || s.onTheWay(c, x, y) {
			continue
		}
		return fmt.Errorf("%s: %s, want %s or %s", path, brief(c, true), brief(x, inX), brief(y, inY))
	}
	for path := range s.worlds[a] {
		_, stays := s.worlds[b][path]
		if _, ok := w[path]; !ok && stays {
			return fmt.Errorf("%s is missing", path)
		}
	}
	return nil
}

// onTheWay allows what a write, or a truncate and a write, of one program may
// leave when it is killed in the middle: chunks of either content, zeros or
// nothing.
func (s *story) onTheWay(c, x, y string) bool {
	if len(c) > max(len(x), len(y)) {
		return false
	}
	for i := 0; i < len(c); i += 4096 {
		part := c[i:min(i+4096, len(c))]
		fits := func(whole string) bool {
			return i+len(part) <= len(whole) && whole[i:i+len(part)] == part
		}
		if !fits(x) && !fits(y) && len(bytes.Trim([]byte(part), "\x00")) != 0 {
			return false
		}
	}
	return true
}

// durable holds after a power cut: each path has a content that it had at a
// step since it was last synced. What was never synced may be unreadable, and
// then says so.
func (s *story) durable(w world, done int) error {
	marks := s.marks[done]
	last := min(done+1, len(s.steps))
	paths := map[string]bool{}
	for i := range last + 1 {
		for path := range s.worlds[i] {
			paths[path] = true
		}
	}
	for path := range w {
		paths[path] = true
	}
	for path := range paths {
		since := max(marks[path], marks["*"])
		_, synced := marks[path]
		_, old := s.worlds[marks["*"]][path]
		got, there := w[path]
		if slices.ContainsFunc(s.worlds[since:last+1], func(x world) bool {
			c, ok := x[path]
			return ok == there && c == got
		}) {
			continue
		}
		if there && len(got) > 6 && got[:6] == "error:" && !synced && !old {
			continue
		}
		return fmt.Errorf("%s: %s is not what it was at any step from %d to %d", path, brief(got, there), since, last)
	}
	return nil
}
