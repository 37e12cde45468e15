package notes

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/vault"
)

const (
	maxKept  = 1000      // findings that are kept, and conflicts
	maxBytes = 192 << 10 // of the paths of either
)

// Notes are what is remembered.
type Notes struct {
	Checked   *vault.Checked // the last one of everything; nil: never
	Findings  []Finding
	More      map[string]int // by kind: findings that are not kept
	Conflicts []string       // paths of what was kept of conflicts
	Lost      time.Time      // when the log was first seen to have lost changes, since Checked; zero: it has not
}

// A Finding is one thing that was found.
type Finding struct {
	checkup.Finding
	When    time.Time `json:"when"`
	Noticed bool      `json:"noticed"` // by a mount, in passing
}

// Scope says what a checkup was of.
type Scope struct {
	Cloud string   // the one cloud that was judged; "" for all
	Paths []string // plain; none is everything
}

func (s Scope) whole() bool { return s.Cloud == "" && len(s.Paths) == 0 }

func (s Scope) covers(f *Finding) bool {
	if s.Cloud != "" && f.Cloud != "" && f.Cloud != s.Cloud {
		return false
	}
	return len(s.Paths) == 0 || slices.ContainsFunc(s.Paths, func(p string) bool { return f.Path == p || strings.HasPrefix(f.Path, p+"/") })
}

// take puts what a checkup has left in the place of what was known of that before.
// Nothing new is known of a cloud that was not read.
func (n *Notes) take(r *checkup.Report, s Scope, by string, now time.Time) {
	now = now.UTC().Truncate(time.Second)
	unread := map[string]bool{}
	for _, c := range r.Clouds {
		unread[c.Name] = c.State == checkup.StateAbsent || c.State == checkup.StateSuspended
	}
	n.Findings = slices.DeleteFunc(slices.Clone(n.Findings), func(f Finding) bool { return s.covers(&f) && !unread[f.Cloud] })
	if s.whole() {
		n.More, n.Conflicts, n.Lost = nil, nil, time.Time{}
		n.Checked = &vault.Checked{When: now, By: by, Left: map[string]int{}}
		for _, f := range r.Findings {
			n.Checked.Left[f.Kind]++
		}
	}
	for _, f := range r.Findings {
		n.add(Finding{Finding: f, When: now})
	}
	for _, path := range r.Conflicts {
		n.conflict(path)
	}
}

// add adds a finding, and reports whether it is new.
func (n *Notes) add(f Finding) bool {
	size := len(f.Path) + len(f.Detail)
	for _, o := range n.Findings {
		if o.Path == f.Path && o.Cloud == f.Cloud && o.Kind == f.Kind && (f.Noticed || sameChunk(o.Chunk, f.Chunk)) {
			return false
		}
		size += len(o.Path) + len(o.Detail)
	}
	if len(n.Findings) < maxKept && size <= maxBytes {
		n.Findings = append(n.Findings, f)
		return true
	}
	if f.Noticed {
		return false // it may be noticed again and again
	}
	if n.More = maps.Clone(n.More); n.More == nil {
		n.More = map[string]int{}
	}
	n.More[f.Kind]++
	return true
}

func sameChunk(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// conflict adds what was kept of a conflict, and reports whether it is new.
func (n *Notes) conflict(path string) bool {
	size := len(path)
	for _, o := range n.Conflicts {
		size += len(o)
	}
	if slices.Contains(n.Conflicts, path) || len(n.Conflicts) >= maxKept || size > maxBytes {
		return false
	}
	n.Conflicts = append(n.Conflicts, path)
	return true
}

// resolve forgets conflicts of which a side is gone, and reports whether there were
// any.
func (n *Notes) resolve(gone func(path string) bool) bool {
	before := len(n.Conflicts)
	n.Conflicts = slices.DeleteFunc(slices.Clone(n.Conflicts), gone)
	return len(n.Conflicts) < before
}

// Found counts what is known to be wrong, or told, by kind.
func (n *Notes) Found() map[string]int {
	found := map[string]int{}
	maps.Copy(found, n.More)
	for _, f := range n.Findings {
		found[f.Kind]++
	}
	return found
}

// mended forgets what was found damaged at a path in a cloud.
func (n *Notes) mended(path, cloud string) (changed bool) {
	all := len(n.Findings)
	n.Findings = slices.DeleteFunc(slices.Clone(n.Findings), func(f Finding) bool {
		return f.Path == path && f.Cloud == cloud && (f.Kind == checkup.KindDamaged || f.Kind == checkup.KindTruncated)
	})
	return len(n.Findings) != all
}
