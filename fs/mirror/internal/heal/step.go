package heal

import (
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// Op is what a step does.
type Op uint8

// The steps. Each can be done again.
const (
	Aside   Op = iota + 1 // keep the loser of a conflict, in every cloud
	Mkdir                 // a directory
	Copy                  // a file, from another copy of the same commit
	Head                  // another header over the same records
	Mend                  // single records of a file
	Sidecar               // of a long name
	Remove                // a file, or a directory that is empty but for litter
)

func (o Op) String() string {
	return [...]string{"?", "keep aside", "make directory", "copy", "write the header of", "mend", "write the sidecar of", "remove"}[o]
}

// A Step is one change of one cloud at one name.
type Step struct {
	Op     Op
	Cloud  int // of Aside: AllClouds
	Path   string
	Entry  string // the backing path that it changes, if that is there
	Why    judge.Finding
	Chunks int64     // of Mend
	First  int64     // of these
	Commit cipher.ID // of what is wanted
	Loser  judge.Copy
	last   bool // it waits for the end of the round
}

// String tells no plaintext.
func (s Step) String() string { return s.text(s.Entry) }

// Plain is String with the plain path, for the user.
func (s Step) Plain(path string) string { return s.text(path) }

func (s Step) text(at string) string {
	switch s.Op {
	case Mend:
		return fmt.Sprintf("%v %s: %s", s.Op, at, chunks(s.Chunks))
	case Aside:
		return fmt.Sprintf("%v %s", s.Op, at)
	}
	return fmt.Sprintf("%v %s (%s)", s.Op, at, s.Why)
}

// Plan is what a case asks for, in the order in which it is done. It is a pure
// function of the case.
func Plan(k *compare.Case) (steps []Step) {
	v := &k.Verdict
	for _, loser := range v.Copies {
		steps = append(steps, Step{Op: Aside, Cloud: compare.AllClouds, Path: asidePath(k, loser.Loser), Loser: loser})
	}
	after := len(v.Copies) > 0 || len(v.Records) > 0 // the loser is safe, and its end recorded, first
	for i, do := range v.Clouds {
		if k.Second[i] {
			steps = append(steps, Step{Op: Remove, Cloud: i, Path: k.Path, Entry: k.Sights[i].Second.Path, Why: judge.Duplicate})
		}
		s := Step{Cloud: i, Path: k.Path, Entry: k.Sights[i].Path, Why: do.State, last: after}
		switch {
		case do.Action == judge.Remove || k.Spare[i]:
			s.Op, s.last = Remove, true
		case do.Action != judge.Write:
			continue
		case v.Want.Is == judge.WantDir:
			s.Op = Mkdir
		case v.Want.Is != judge.WantFile:
			continue
		case sameRecords(k.Sights[i], v.Want.Version):
			s.Op, s.last = Head, true
		default:
			s.Op = Copy
			s.last = after || joined(k)
		}
		steps = append(steps, s)
	}
	steps = append(steps, mends(k)...)
	for i := range steps {
		steps[i].Commit = v.Want.Version.Commit
	}
	return steps
}

// mends are the steps that make good what is there, at the wanted version.
func mends(k *compare.Case) (steps []Step) {
	for i, s := range k.Sights {
		if s.Unsided && s.Path != "" && !s.Young {
			steps = append(steps, Step{Op: Sidecar, Cloud: i, Path: k.Path, Entry: s.Path, Why: judge.Damaged})
		}
	}
	if k.Content == nil || len(k.Content.Lost) > 0 {
		return steps
	}
	for i, m := range k.Members {
		s := k.Sights[m.Cloud]
		if !m.Own || s.Young || len(k.Content.Bad[i]) == 0 || k.Verdict.Clouds[m.Cloud].Action != judge.Keep {
			continue
		}
		step := Step{Op: Mend, Cloud: m.Cloud, Path: k.Path, Entry: m.Path, Why: judge.Damaged, First: k.Content.Bad[i][0].Lo}
		for _, span := range k.Content.Bad[i] {
			step.Chunks += span.Hi - span.Lo
		}
		steps = append(steps, step)
	}
	return steps
}

// sameRecords reports whether a cloud shows the wanted commit under another
// vector or id: then the header alone is wrong.
func sameRecords(s *compare.Sight, want judge.Version) bool {
	return s.Shows == judge.ShowsFile && !s.Dirty && s.Version.Commit == want.Commit && s.Version.Type == want.Type
}

// joined reports whether the wanted vector is that of a conflict: no copy that
// is seen here has it yet.
func joined(k *compare.Case) bool {
	if len(k.Verdict.Served) > 0 {
		return false
	}
	for _, s := range k.Sights {
		if sameRecords(s, k.Verdict.Want.Version) {
			return true
		}
	}
	return false
}

// asidePath is where the loser of a conflict goes on.
func asidePath(k *compare.Case, loser judge.Version) string {
	name := cipher.ConflictName(k.Name, loser.MtimeSec, loser.Commit)
	return k.Path[:len(k.Path)-len(k.Name)] + string(name)
}

func chunks(n int64) string {
	if n == 1 {
		return "1 chunk"
	}
	return fmt.Sprintf("%d chunks", n)
}
