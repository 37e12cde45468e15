package judge

import "github.com/overcast-fs/overcast/cipher"

// Is is what is wanted at a name.
type Is string

// What can be wanted.
const (
	WantNothing    Is = "nothing"
	WantDir        Is = "dir"
	WantFile       Is = "file"
	WantUnreadable Is = "unreadable" // listed, and every use of it is EIO
)

// A Want is what should be at the name.
type Want struct {
	Is      Is
	Version Version // of a file
}

// A Finding is what is wrong with one cloud's copy, or with a name.
type Finding string

// The states of one cloud's copy. All but the first two are findings too.
const (
	InPlace      Finding = "in place"
	Unreachable  Finding = "unreachable"
	Lacks        Finding = "lacks"
	Arriving     Finding = "arriving"
	Damaged      Finding = "damaged"
	NewerFormat  Finding = "newer format"
	Stale        Finding = "stale"
	RolledBack   Finding = "rolled back"
	Conflict     Finding = "conflict"
	Disputed     Finding = "disputed"
	Planted      Finding = "planted"
	LeftOver     Finding = "left over"
	Resurrected  Finding = "resurrected"
	PerhapsMoved Finding = "moved?"
)

// What is said of the name as a whole.
const (
	Ended                Finding = "ended"
	Moved                Finding = "moved"
	NowVanished          Finding = "vanished"
	Lost                 Finding = "lost"
	Displaced            Finding = "displaced"
	Duplicate            Finding = "duplicate"
	RolledBackEverywhere Finding = "rolled back everywhere"
	OwnVersionMissing    Finding = "own version missing"
)

// An Action is what repair does with one cloud's name.
type Action string

// The actions.
const (
	Keep   Action = "keep"   // nothing to do
	Write  Action = "write"  // make it the wanted one
	Remove Action = "remove" // leave nothing there
	Wait   Action = "wait"   // something is wrong, and nothing may be touched
)

// A Do is how one cloud's copy stands, and what to do about it.
type Do struct {
	State  Finding
	Action Action
}

// Changes says what a program may do to the name.
type Changes string

// What programs may do.
const (
	Free       Changes = "yes"
	NewWriter  Changes = "new writer"  // a change first draws a new writer
	RemoveOnly Changes = "remove only" // reads and writes get EIO
)

// A Source is where content is found.
type Source struct {
	Cloud int
	Name  Name
	Copy  bool // in a sync tool's copy of that name
}

// A Copy is the loser of a conflict, to be kept in every cloud, before anything
// else is done. The caller derives its name from mtime and commit id, and its
// id from id and commit id; the index then knows the loser's version as one that
// it has accepted, so that records about lesser ones hold.
type Copy struct {
	Loser Version
	From  []Source // any of them will do
}

// RecordKind says what a record of a removal tells.
type RecordKind string

// The kinds of records that a verdict can ask for.
const (
	RecordEnded RecordKind = "ended"
	RecordMoved RecordKind = "moved"
)

// A Record is to be left, or left again, in every cloud.
type Record struct {
	Kind   RecordKind
	File   Identity
	Vector cipher.Vector
}

// A Verdict is what should be at one name, and what that takes.
type Verdict struct {
	Want   Want
	Served []int    // the clouds whose copy at this name is the wanted one
	Source []Source // where the wanted content is otherwise, if none of them has it in place

	Clouds   []Do // in the order of the claims
	Changes  Changes
	Findings []Finding // sorted, each once
	Copies   []Copy
	Records  []Record
	Known    Known // what the index has afterwards
}

// Quiet reports whether the verdict asks for nothing in any cloud: the copies
// and records that it names are then needed no more than they were.
func (v *Verdict) Quiet() bool {
	for _, c := range v.Clouds {
		if c.Action == Write || c.Action == Remove {
			return false
		}
	}
	return true
}
