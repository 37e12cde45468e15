package volume

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume/internal/control"
	"github.com/overcast-fs/overcast/fs/volume/internal/notes"
)

// Status is what can be told of a vault without its passphrase, at once, and with
// it, or through the mount, the names of files. What concerns the mount is empty
// while there is none. Times are nil where nothing is known, and lists where names
// are not told.
type Status struct {
	OK        bool      `json:"ok"` // nothing is wrong: see [Status.Wrong]
	Vault     string    `json:"vault"`
	ID        cipher.ID `json:"id"`
	ChunkSize int64     `json:"chunk_size"`
	MountStatus
	Lead           string         `json:"lead"`
	KeysCopied     bool           `json:"keys_copied"` // the keys are not on this machine alone
	AsOf           *time.Time     `json:"as_of"`       // what follows is of then, but for what the clouds' directories show
	KnowsSince     *time.Time     `json:"knows_since"` // the beginning of what this machine knows
	Clouds         []CloudStatus  `json:"clouds"`
	Checked        *vault.Checked `json:"checked"` // nil: it was never verified, nor healed
	Found          map[string]int `json:"found"`   // what is known by now, by kind
	Conflicts      int            `json:"conflicts"`
	LogLost        *time.Time     `json:"log_lost"` // when the redo log was first seen to have lost changes, since Checked
	Findings       []Noted        `json:"findings"`
	ConflictCopies []string       `json:"conflict_copies"`
}

// MountStatus is what concerns the mount.
type MountStatus struct {
	Mounted    bool       `json:"mounted"`
	Answers    bool       `json:"answers"` // its process did so just now
	Mountpoint string     `json:"mountpoint"`
	PID        int        `json:"pid"`
	Started    *time.Time `json:"started"`
	ReadOnly   bool       `json:"read_only"`
	From       string     `json:"from"`       // the one cloud that is shown; "" for all
	Held       bool       `json:"held"`       // what an earlier mount left cannot be finished in any cloud
	Unfinished bool       `json:"unfinished"` // the last mount did not end as it should: the next one goes on where it was
}

// CloudStatus is one cloud. One that is absent, suspended or full can owe as well.
type CloudStatus struct {
	Name   string           `json:"name"`
	Dir    string           `json:"dir"`
	ID     cipher.ID        `json:"id"`
	State  vault.CloudState `json:"state"`
	Owes   bool             `json:"owes"`
	Reason string           `json:"reason"`
	Since  *time.Time       `json:"since"` // when it began to owe

	NamesOwed int       `json:"names_owed"` // of one in use: those that it lacks, or has wrongly, as far as they are listed
	Owed      []string  `json:"owed"`       // these, and those that are wrong, at most a thousand
	Progress  *Progress `json:"progress"`   // nil where nothing is being done for it

	NamesWrong int `json:"names_wrong"` // found wrong while it was used, which wait to be repaired
	NamesLeft  int `json:"names_left"`  // where it does not keep what it is given: they are left to heal
}

// Progress is how far a cloud is that is being given what it lacks.
type Progress struct {
	Doing       string  `json:"doing"`        // "compare" or "repair"
	Done        int64   `json:"done"`         // names
	Of          int64   `json:"of"`           // 0 where nobody knows yet
	PerSecond   float64 `json:"per_second"`   // of late; 0 where nobody knows
	SecondsLeft *int64  `json:"seconds_left"` // nil where nobody knows
}

func progressOf(p vault.Paying) *Progress {
	if p.Doing == "" {
		return nil
	}
	is := &Progress{Doing: p.Doing, Done: p.Done, Of: p.Of, PerSecond: math.Round(10*p.PerSecond) / 10}
	if p.PerSecond > 0 && p.Of > 0 {
		left := int64(math.Ceil(float64(max(p.Of-p.Done, 0)) / p.PerSecond))
		is.SecondsLeft = &left
	}
	return is
}

// A Noted is a finding that is remembered.
type Noted = notes.Finding

// Trouble is a kind of thing that is not as it should be.
type Trouble string

// What can be wrong.
const (
	TroubleSilent     Trouble = "silent"     // the process of the mount does not answer
	TroubleUnfinished Trouble = "unfinished" // Status.Unfinished
	TroubleHeld       Trouble = "held"       // Status.Held
	TroubleLog        Trouble = "log"        // Status.LogLost
	TroubleCloud      Trouble = "cloud"      // a cloud is not in use, lacks changes, or has something wrong
	TroubleFound      Trouble = "found"      // Status.Found has something that is wrong
	TroubleConflicts  Trouble = "conflicts"  // conflicts of which both sides are kept
)

// A Wrong is one thing that is not as it should be.
type Wrong struct {
	Trouble
	Cloud *CloudStatus // that it is about, or nil
}

// Wrong lists what is not as it should be.
func (s *Status) Wrong() (list []Wrong) {
	add := func(what Trouble, is bool) {
		if is {
			list = append(list, Wrong{Trouble: what})
		}
	}
	add(TroubleSilent, s.Mounted && !s.Answers)
	add(TroubleUnfinished, s.Unfinished)
	add(TroubleHeld, s.Held)
	add(TroubleLog, s.LogLost != nil)
	for i := range s.Clouds {
		if c := &s.Clouds[i]; (c.State != vault.CloudOK || c.Owes || c.NamesWrong+c.NamesLeft > 0) && (s.From == "" || s.From == c.Name) {
			list = append(list, Wrong{TroubleCloud, c})
		}
	}
	bad := 0
	for kind, n := range s.Found {
		if checkup.IsWrong(kind) {
			bad += n
		}
	}
	add(TroubleFound, bad > 0)
	add(TroubleConflicts, s.Conflicts > 0)
	return list
}

// answerTime is how long the process of a mount may take to tell its status.
const answerTime = time.Second

// StatusOf puts together what the vault says, what the mount tells or the last one
// wrote down, and what the directories show now. It changes nothing, and takes
// little more than a second, whatever does not answer. With keys it tells names also
// where there is no mount that does.
func StatusOf(ctx context.Context, v *vault.Vault, keys *vault.Keys) (*Status, error) {
	sum, err := v.ReadSummary()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(v, err)
	}
	pid, locked, err := v.Mounted()
	if err != nil {
		return nil, unusable(v, err)
	}
	s := &Status{
		Vault: v.Dir, ID: v.ID, ChunkSize: cipher.Layout{ChunkLog2: v.ChunkLog2}.ChunkSize(), KeysCopied: v.KeysCopied, Found: map[string]int{},
		MountStatus: MountStatus{Mounted: locked && pid == sum.PID && sum.Mountpoint != "", Unfinished: !locked && sum.PID != 0},
	}
	var t told
	var asking sync.WaitGroup
	asking.Go(func() {
		if s.Mounted {
			t, s.Answers = hear(ctx, v, pid)
		}
	})
	seen := lookBeside(v, &sum, s.Mounted)
	if asking.Wait(); t.sum != nil {
		sum = *t.sum
	}
	s.Clouds = cloudStatuses(v, &sum, s.Mounted, seen)
	s.take(&sum)
	if keys != nil && !t.all {
		if t.notes, err = readNotes(v, keys); err != nil {
			return nil, unusable(v, err)
		}
		t.all = true
	}
	if t.all {
		s.name(&t)
	}
	s.OK = len(s.Wrong()) == 0
	return s, nil
}

// take takes over what a summary tells.
func (s *Status) take(sum *vault.Summary) {
	s.AsOf, s.KnowsSince = stamp(sum.Written), stamp(sum.KnowsSince)
	s.Checked, s.Conflicts, s.LogLost = sum.Checked, sum.Conflicts, stamp(sum.LogLost)
	maps.Copy(s.Found, sum.Found)
	if s.Mounted {
		s.Mountpoint, s.PID, s.Started = sum.Mountpoint, sum.PID, &sum.Started
		s.ReadOnly, s.From, s.Lead, s.Held = sum.ReadOnly, sum.From, sum.Lead, sum.Held
		return
	}
	for _, c := range s.Clouds {
		if c.State == vault.CloudOK {
			s.Lead = c.Name // a mount would choose it
			break
		}
	}
}

// name adds names.
func (s *Status) name(t *told) {
	s.Findings, s.ConflictCopies = append([]Noted{}, t.notes.Findings...), append([]string{}, t.notes.Conflicts...)
	for i := range s.Clouds {
		if c := &s.Clouds[i]; s.Answers {
			c.Owed = append([]string{}, t.owed[c.Name]...)
		}
	}
}

func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// told is what a mount tells.
type told struct {
	sum   *vault.Summary
	notes notes.Notes
	owed  map[string][]string // by cloud
	all   bool
}

// hear asks the process of a mount how it is, and reports whether it answers. One of
// an earlier program does, and knows nothing of this.
func hear(ctx context.Context, v *vault.Vault, pid int) (t told, answers bool) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	t.owed = map[string][]string{}
	err := control.Call(ctx, v.ControlPath(), pid, request{Do: doStatus}, func(line []byte) error {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		answers = true
		switch {
		case a.Summary != nil:
			t.sum = a.Summary
		case a.Noted != nil:
			f := a.Noted.Finding
			f.Path = string(a.Noted.Path)
			t.notes.Findings = append(t.notes.Findings, f)
		case a.Conflict != nil:
			t.notes.Conflicts = append(t.notes.Conflicts, string(a.Conflict))
		case a.Owed != nil:
			t.owed[a.Owed.Cloud] = append(t.owed[a.Owed.Cloud], string(a.Owed.Path))
		}
		t.all = a.Told
		return nil
	})
	t.all = t.all && err == nil
	return t, answers
}

// readNotes reads what is kept with names.
func readNotes(v *vault.Vault, keys *vault.Keys) (notes.Notes, error) {
	book, err := notes.Open(v.NotesPath(), &keys.StateKey, v.ID)
	if err != nil {
		return notes.Notes{}, err
	}
	return book.Notes(), nil
}

// CloudStatuses looks at every cloud's directory, by the ids in its marker. That a
// cloud lacks changes only a summary knows.
func CloudStatuses(v *vault.Vault, sum *vault.Summary, mounted bool) []CloudStatus {
	return cloudStatuses(v, sum, mounted, lookBeside(v, sum, mounted))
}

// lookBeside looks at the directories of clouds, but for those that a mount found
// not to answer.
func lookBeside(v *vault.Vault, sum *vault.Summary, mounted bool) []error {
	return look(v, func(c vault.Cloud) bool { return !mounted || lastOf(sum, c).State != vault.CloudSuspended })
}

// lastOf is what a summary has of a cloud.
func lastOf(sum *vault.Summary, c vault.Cloud) vault.SummaryCloud {
	for _, s := range sum.Clouds {
		if s.Name == c.Name {
			return s
		}
	}
	return vault.SummaryCloud{}
}

func cloudStatuses(v *vault.Vault, sum *vault.Summary, mounted bool, seen []error) []CloudStatus {
	var list []CloudStatus
	for i, c := range v.Clouds {
		was := lastOf(sum, c)
		s := CloudStatus{Name: c.Name, Dir: c.Dir, ID: c.ID, State: vault.CloudOK, Owes: was.Owes, Since: stamp(was.Since)}
		if mounted {
			s.NamesOwed, s.Progress, s.NamesWrong, s.NamesLeft = was.Names, progressOf(was.Paying), was.Wrong, was.Left
		}
		switch {
		case mounted && was.State != "":
			s.State, s.Reason = was.State, was.Reason
		case s.Owes:
			s.State, s.Reason = vault.CloudOwes, was.Reason
		}
		if err := seen[i]; err != nil && s.State != vault.CloudSuspended {
			s.State, s.Reason = vault.CloudAbsent, err.Error()
		}
		list = append(list, s)
	}
	return list
}
