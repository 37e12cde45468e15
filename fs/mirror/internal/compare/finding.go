package compare

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Kind is what is wrong.
type Kind string

// The kinds of findings.
const (
	Damaged     Kind = "damaged"
	Truncated   Kind = "truncated"
	Swapped     Kind = "swapped"
	Planted     Kind = "planted"
	Resurrected Kind = "resurrected"
	RolledBack  Kind = "rolled back"
	Stale       Kind = "stale"
	Missing     Kind = "missing"
	Disputed    Kind = "disputed"
	Conflict    Kind = "conflict"
	Duplicate   Kind = "duplicate"
	Foreign     Kind = "foreign"
	Arriving    Kind = "arriving"
)

// NoChunk is the chunk of a finding that is about no single one, and AllClouds
// the cloud of one that is about no single cloud.
const (
	NoChunk   = -1
	AllClouds = -1
)

// A Finding is one thing that is wrong.
type Finding struct {
	Path   string // plain
	Entry  string // the backing path, where there is one
	Cloud  int
	Kind   Kind
	Chunk  int64
	Detail string
}

// String tells no plaintext.
func (f Finding) String() string {
	at := f.Entry
	if f.Chunk != NoChunk {
		at += fmt.Sprintf(" chunk %d", f.Chunk)
	}
	return fmt.Sprintf("cloud %d: %s: %s (%s)", f.Cloud, f.Kind, at, f.Detail)
}

// kinds are the findings that the states of one cloud's copy make.
var kinds = map[judge.Finding]Kind{
	judge.Lacks: Missing, judge.PerhapsMoved: Missing, judge.Arriving: Arriving, judge.Damaged: Damaged, judge.NewerFormat: Foreign,
	judge.Stale: Stale, judge.RolledBack: RolledBack, judge.Conflict: Conflict, judge.Disputed: Disputed, judge.Planted: Planted,
	judge.LeftOver: Stale, judge.Resurrected: Resurrected,
}

// details say more than a kind does.
var details = map[judge.Finding]string{
	judge.PerhapsMoved: "another machine may have moved it", judge.NewerFormat: "written by a newer version of this program",
	judge.LeftOver: "left over where it was moved from",
}

// find tells what is wrong at the name.
func (k *Case) find(c *Comparison) {
	for i, do := range k.Verdict.Clouds {
		if do.State == judge.InPlace || do.State == judge.Unreachable && k.Sights[i].Why == nil || do == (judge.Do{State: judge.Lacks, Action: judge.Keep}) {
			continue
		}
		k.say(c, Finding{Cloud: i, Kind: k.kind(i, do), Chunk: NoChunk, Detail: k.detail(i, do)})
	}
	for i, s := range k.Sights {
		for _, o := range s.Others {
			why := "a copy that a sync tool made"
			if s.Second != nil && o.Path == s.Second.Path {
				why = "the name has another entry"
			}
			k.say(c, Finding{Entry: o.Path, Cloud: i, Kind: Duplicate, Chunk: NoChunk, Detail: why})
		}
		if s.Unsided {
			k.say(c, Finding{Cloud: i, Kind: Damaged, Chunk: NoChunk, Detail: "the sidecar of its long name is missing"})
		}
	}
	k.findBad(c)
	for _, f := range k.Verdict.Findings {
		switch f {
		case judge.RolledBackEverywhere:
			k.say(c, Finding{Cloud: AllClouds, Kind: RolledBack, Chunk: NoChunk, Detail: "in every cloud: none has the version that this machine knows"})
		case judge.OwnVersionMissing:
			k.say(c, Finding{Cloud: AllClouds, Kind: RolledBack, Chunk: NoChunk, Detail: "none has the version that this machine wrote, but others"})
		case judge.NowVanished, judge.Displaced:
			k.say(c, Finding{Cloud: AllClouds, Kind: Missing, Chunk: NoChunk, Detail: "in every cloud"})
		}
	}
}

func (k *Case) say(c *Comparison, f Finding) {
	if c.Only >= 0 && f.Cloud != AllClouds && f.Cloud != c.Only {
		return
	}
	f.Path = k.Path
	if f.Entry == "" && f.Cloud != AllClouds {
		f.Entry = k.Sights[f.Cloud].Path
	}
	k.Findings = append(k.Findings, f)
}

// kind tells a state of one cloud by what it is worth to somebody who reads it.
func (k *Case) kind(i int, do judge.Do) Kind {
	s := k.Sights[i]
	switch {
	case do.State == judge.Unreachable:
		return Damaged
	case do.State == judge.Planted && k.Verdict.Want.Is == judge.WantFile && s.Version.Identity != k.Verdict.Want.Version.Identity:
		return Swapped
	case do.State == judge.Damaged && s.Head == nil && s.Info.Size < cipher.HeaderSize && s.Path != "":
		return Truncated
	}
	return kinds[do.State]
}

func (k *Case) detail(i int, do judge.Do) string {
	s := k.Sights[i]
	switch {
	case k.Old:
		return "no other cloud has it, and this one lacks changes: it may have been removed"
	case details[do.State] != "":
		return details[do.State]
	case errors.Is(s.Why, replica.ErrBlank):
		return "no header"
	case errors.Is(s.Why, errLetter), errors.Is(s.Why, errShape):
		return "not what its entry says"
	case errors.Is(s.Why, cipher.ErrDamaged):
		return "the header does not verify"
	case s.Why != nil:
		return "cannot be read"
	case s.Dirty:
		return "a commit was interrupted"
	case do.State == judge.Lacks && len(k.Verdict.Served) == 0 && len(k.Verdict.Source) == 0 && k.Verdict.Want.Is == judge.WantFile:
		return "no cloud has it"
	}
	return ""
}

// maxChunks is how many chunks of one copy are told one by one.
const maxChunks = 16

// findBad tells which chunks of which copy do not verify.
func (k *Case) findBad(c *Comparison) {
	if k.Content == nil {
		return
	}
	for i, m := range k.Members {
		if !m.Own {
			continue
		}
		said, more := 0, int64(0)
		for _, span := range k.Content.Bad[i] {
			for chunk := span.Lo; chunk < span.Hi && said < maxChunks; chunk++ {
				k.say(c, k.badChunk(i, chunk))
				said++
			}
			more += span.Hi - span.Lo
		}
		if more > maxChunks {
			k.say(c, Finding{Cloud: m.Cloud, Kind: Damaged, Chunk: NoChunk, Detail: fmt.Sprintf("%d more chunks", more-maxChunks)})
		}
	}
}

func (k *Case) badChunk(i int, chunk int64) Finding {
	m := k.Members[i]
	s := k.Sights[m.Cloud]
	f := Finding{Cloud: m.Cloud, Kind: Damaged, Chunk: chunk}
	if s.Young {
		f.Kind = Arriving
		return f
	}
	if chunk >= k.Content.Cut[i] {
		f.Kind = Truncated
	}
	if k.Content.IsLost(chunk) {
		f.Detail = "no cloud has it"
	}
	return f
}
