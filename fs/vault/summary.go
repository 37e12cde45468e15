package vault

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

const summaryName = "summary.json"

// A CloudState is how a cloud stands, in one word.
type CloudState string

// The states of a cloud.
const (
	CloudOK        CloudState = "ok"
	CloudAbsent    CloudState = "absent"    // its directory or marker is not there
	CloudSuspended CloudState = "suspended" // it failed, or does not answer, and is asked again
	CloudFull      CloudState = "full"      // it takes no changes
	CloudOwes      CloudState = "owes"      // it lacks changes, which are being brought to it

	cloudBehind CloudState = "behind" // what earlier programs called owes
)

// A Summary is what status tells without the passphrase. It is plain: no name of
// a file, and nothing else that only the passphrase opens, may stand in it.
// Times are zero where nothing is known.
type Summary struct {
	PID        int            `json:"pid"`        // of the mount; 0 after it ended
	Mountpoint string         `json:"mountpoint"` // "" after it ended
	Device     uint64         `json:"device"`     // st_dev of everything in the mount; 0 in summaries of earlier programs
	Started    time.Time      `json:"started"`
	ReadOnly   bool           `json:"read_only"`
	From       string         `json:"from"` // the one cloud that is shown; "" for all
	Lead       string         `json:"lead"` // a cloud's name
	Written    time.Time      `json:"written"`
	Held       bool           `json:"held"`        // what an earlier mount left cannot be finished in any cloud
	KnowsSince time.Time      `json:"knows_since"` // the beginning of what this machine knows of the vault
	Checked    *Checked       `json:"checked"`     // nil: never
	Found      map[string]int `json:"found"`       // what is known to be wrong, by kind, as package checkup has them
	Conflicts  int            `json:"conflicts"`   // conflicts of which both sides are kept under names of their own
	LogLost    time.Time      `json:"log_lost"`    // when the redo log was first seen to have lost changes, since Checked; zero: it has not
	Clouds     []SummaryCloud `json:"clouds"`
}

// A SummaryCloud is one cloud of a summary.
type SummaryCloud struct {
	Name   string     `json:"name"`
	Dir    string     `json:"dir"`
	State  CloudState `json:"state"`
	Owes   bool       `json:"owes"`   // whatever the state: it lacks changes
	Reason string     `json:"reason"` // one line, where the state is not ok
	Since  time.Time  `json:"since"`  // when it began to owe
	Paying
}

// Paying is how far a cloud is that lacks changes.
type Paying struct {
	Names     int     `json:"names_owed"` // of one in use: the names that it lacks, or has wrongly, as far as they are listed
	Doing     string  `json:"doing"`      // "", "compare" or "repair"
	Done      int64   `json:"done"`       // names
	Of        int64   `json:"of"`         // 0 where nobody knows yet
	PerSecond float64 `json:"per_second"` // of late; 0 where nobody knows
	Wrong     int     `json:"wrong"`      // names at which it was found to have something wrong, which wait to be repaired
	Left      int     `json:"left"`       // names at which it does not keep what it is given: they are left to heal
}

// Checked is the last time that a vault was verified or healed, whole.
type Checked struct {
	When time.Time      `json:"when"`
	By   string         `json:"by"`    // "verify" or "heal"
	Left map[string]int `json:"found"` // what was wrong when it ended, by kind
}

// WriteSummary replaces the vault's summary. It is for the holder of the lock.
func (v *Vault) WriteSummary(s Summary) error {
	s.Clouds = append([]SummaryCloud{}, s.Clouds...)
	for i := range s.Clouds {
		s.Clouds[i].Reason = text.OneLine(s.Clouds[i].Reason)
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(v.sys.disk, v.statePath(summaryName), append(data, '\n'), filePerm)
}

// ReadSummary returns the summary of the last mount. The error wraps
// [fs.ErrNotExist] where the vault was never mounted, or [ErrDamaged]. That there
// is a mount now, only [Vault.Mounted] tells.
func (v *Vault) ReadSummary() (Summary, error) {
	path := v.statePath(summaryName)
	data, err := readFile(path)
	if err != nil {
		return Summary{}, err
	}
	s, err := parseSummary(data)
	if err != nil {
		return Summary{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// parseSummary passes over fields it does not know: a later program may have
// mounted the vault.
func parseSummary(data []byte) (Summary, error) {
	var s Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return Summary{}, fmt.Errorf("%w: %s", ErrDamaged, text.OneLine(err.Error()))
	}
	if s.PID < 0 {
		return Summary{}, fmt.Errorf("%w: process %d", ErrDamaged, s.PID)
	}
	for i, c := range s.Clouds {
		switch c.State {
		case CloudOK, CloudAbsent, CloudSuspended, CloudFull, CloudOwes:
		case cloudBehind:
			s.Clouds[i].State, s.Clouds[i].Owes = CloudOwes, true
		default:
			return Summary{}, fmt.Errorf("%w: a cloud in state %q", ErrDamaged, text.OneLine(string(c.State)))
		}
		if err := text.CheckName(c.Name); err != nil {
			return Summary{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		s.Clouds[i].Reason = text.OneLine(c.Reason)
	}
	return s, nil
}
