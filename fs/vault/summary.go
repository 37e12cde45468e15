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
type Summary struct {
	PID        int            `json:"pid"`        // of the mount; 0 after it ended
	Mountpoint string         `json:"mountpoint"` // "" after it ended
	Device     uint64         `json:"device"`     // st_dev of everything in the mount; 0 in summaries of earlier programs
	Started    time.Time      `json:"started"`
	ReadOnly   bool           `json:"read_only"`
	From       string         `json:"from"` // the one cloud that is shown; "" for all
	Lead       string         `json:"lead"` // a cloud's name
	Clouds     []SummaryCloud `json:"clouds"`
}

// A SummaryCloud is one cloud of a summary.
type SummaryCloud struct {
	Name   string     `json:"name"`
	Dir    string     `json:"dir"`
	State  CloudState `json:"state"`
	Owes   bool       `json:"owes"`   // whatever the state: it lacks changes
	Reason string     `json:"reason"` // one line, where the state is not ok
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
