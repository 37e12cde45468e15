package missed

import (
	"slices"
	"strings"
)

// A Move is a rename, or an exchange of two names. Paths are plain.
type Move struct {
	From, To string
	Swap     bool
}

// After is where what was at a path is when all moves are done.
func After(moves []Move, path string) string {
	for _, m := range moves {
		if at, ok := under(path, m.From, m.To); ok {
			path = at
		} else if at, ok := under(path, m.To, m.From); ok && m.Swap {
			path = at
		}
	}
	return path
}

// Before is where what is at a path was before all moves.
func Before(moves []Move, path string) string {
	for _, m := range slices.Backward(moves) {
		if at, ok := under(path, m.To, m.From); ok {
			path = at
		} else if at, ok := under(path, m.From, m.To); ok && m.Swap {
			path = at
		}
	}
	return path
}

// under replaces a path's beginning, if it has that.
func under(path, top, by string) (string, bool) {
	if path == top {
		return by, true
	}
	if rest, ok := strings.CutPrefix(path, top+"/"); ok {
		return by + "/" + rest, true
	}
	return path, false
}
