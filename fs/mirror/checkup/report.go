package checkup

import (
	"cmp"
	"slices"

	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

// A Report is what a checkup has found, or what a healing has left.
type Report struct {
	OK       bool      `json:"ok"`
	Clouds   []Summary `json:"clouds"`
	Findings []Finding `json:"findings"`

	Steps     int64    `json:"-"` // of healing: how many were done, or would be
	Lost      int      `json:"-"` // findings that no cloud can make good
	Short     bool     `json:"-"` // a cloud was not reached, or a step failed there
	Conflicts []string `json:"-"` // paths, at most a thousand of each cloud, of what was kept of conflicts
}

// A Summary is one cloud in numbers.
type Summary struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	Reason     string `json:"reason,omitempty"` // of a state that is not ok
	Files      int64  `json:"files"`
	Bytes      int64  `json:"bytes"`
	Damaged    int64  `json:"damaged"`
	Missing    int64  `json:"missing"`
	Stale      int64  `json:"stale"`
	Foreign    int64  `json:"foreign"`
	Arriving   int64  `json:"arriving"`
	Duplicates int64  `json:"duplicates"`
}

// The states of a cloud.
const (
	StateOK        = "ok"
	StateAbsent    = "absent"
	StateSuspended = "suspended"
	StateOwes      = "owes"
)

// Kinds of findings that others tell, too.
const (
	KindDamaged   = string(compare.Damaged)
	KindTruncated = string(compare.Truncated)
)

// A Finding is one thing that is wrong.
type Finding struct {
	Path   string `json:"path"`
	Cloud  string `json:"cloud"` // "" where it is about all of them
	Kind   string `json:"kind"`
	Chunk  *int64 `json:"chunk"` // nil unless it is about a single one
	Detail string `json:"detail"`
}

// maxFindings bounds how many findings are kept. The numbers of a summary count
// all of them.
const maxFindings = 10_000

// find adds a finding, and counts the name once for each kind.
func (r *Report) find(f compare.Finding, first bool) {
	out := Finding{Path: f.Path, Kind: string(f.Kind), Detail: f.Detail}
	if f.Chunk != compare.NoChunk {
		out.Chunk = &f.Chunk
	}
	if f.Cloud != compare.AllClouds {
		out.Cloud = r.Clouds[f.Cloud].Name
		if first {
			r.Clouds[f.Cloud].count(f.Kind)
		}
	}
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, out)
	}
	if out.Wrong() {
		r.OK = false
	}
}

// Wrong reports whether a finding is about this vault's own: what is foreign, or
// a sync tool's copy, is told and is no fault.
func (f *Finding) Wrong() bool { return IsWrong(f.Kind) }

// IsWrong is Wrong of a kind.
func IsWrong(kind string) bool {
	return kind != string(compare.Foreign) && kind != string(compare.Duplicate)
}

func (s *Summary) count(kind compare.Kind) {
	switch kind {
	case compare.Damaged, compare.Truncated, compare.Swapped:
		s.Damaged++
	case compare.Missing:
		s.Missing++
	case compare.Stale, compare.RolledBack, compare.Resurrected:
		s.Stale++
	case compare.Arriving:
		s.Arriving++
	case compare.Duplicate:
		s.Duplicates++
	}
}

// add takes in all findings about one name.
func (r *Report) add(list []compare.Finding) {
	type about struct {
		cloud int
		kind  compare.Kind
	}
	seen := map[about]bool{}
	for _, f := range list {
		at := about{f.Cloud, f.Kind}
		r.find(f, !seen[at])
		seen[at] = true
	}
}

// keptOf takes over what was kept of conflicts.
func (r *Report) keptOf(c *compare.Comparison) {
	for _, s := range c.Stats() {
		r.Conflicts = append(r.Conflicts, s.Asides...)
	}
	slices.Sort(r.Conflicts)
	r.Conflicts = slices.Compact(r.Conflicts)
}

// sort puts findings into the order of paths.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Cloud, b.Cloud)) })
}

// Right reports whether nothing is found in a cloud, and no step has failed
// there.
func (r *Report) Right(cloud string) bool {
	failed := slices.ContainsFunc(r.Clouds, func(s Summary) bool { return s.Name == cloud && s.State != StateOK && s.State != StateOwes })
	return !failed && !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return (f.Cloud == cloud || f.Cloud == "") && f.Wrong()
	})
}

// Forgive says that a cloud that owed changes has all of them.
func (r *Report) Forgive(cloud string) {
	right := len(r.Findings) < maxFindings && !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Wrong() })
	for i := range r.Clouds {
		if s := &r.Clouds[i]; s.Name == cloud {
			s.State, s.Reason = StateOK, ""
		}
		right = right && r.Clouds[i].State == StateOK
	}
	r.OK = r.OK || right
}
