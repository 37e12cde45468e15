package volume

import (
	"errors"
	"io/fs"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault"
)

// Status is what can be told of a vault without its passphrase. What concerns
// the mount is empty while there is none.
type Status struct {
	Vault      string        `json:"vault"`
	ID         cipher.ID     `json:"id"`
	ChunkSize  int64         `json:"chunk_size"`
	Mounted    bool          `json:"mounted"`
	Mountpoint string        `json:"mountpoint"`
	PID        int           `json:"pid"`
	Started    *time.Time    `json:"started"`
	ReadOnly   bool          `json:"read_only"`
	From       string        `json:"from"` // the one cloud that is shown; "" for all
	Lead       string        `json:"lead"`
	KeysCopied bool          `json:"keys_copied"` // the keys are not on this machine alone
	Clouds     []CloudStatus `json:"clouds"`
}

// CloudStatus is one cloud. One that is absent, suspended or full can owe as well.
type CloudStatus struct {
	Name   string           `json:"name"`
	Dir    string           `json:"dir"`
	ID     cipher.ID        `json:"id"`
	State  vault.CloudState `json:"state"`
	Owes   bool             `json:"owes"`
	Reason string           `json:"reason"`
}

// StatusOf puts together what the vault says, what the last mount wrote down,
// and what the directories show now. It changes nothing.
func StatusOf(v *vault.Vault) (*Status, error) {
	sum, err := v.ReadSummary()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(v, err)
	}
	pid, locked, err := v.Mounted()
	if err != nil {
		return nil, unusable(v, err)
	}
	mounted := locked && pid == sum.PID && sum.Mountpoint != ""
	s := &Status{
		Vault: v.Dir, ID: v.ID, ChunkSize: cipher.Layout{ChunkLog2: v.ChunkLog2}.ChunkSize(), KeysCopied: v.KeysCopied,
		Clouds: CloudStatuses(v, &sum, mounted),
	}
	if mounted {
		s.Mounted, s.Mountpoint, s.PID, s.Started = true, sum.Mountpoint, pid, &sum.Started
		s.ReadOnly, s.From, s.Lead = sum.ReadOnly, sum.From, sum.Lead
		return s, nil
	}
	for _, c := range s.Clouds {
		if c.State == vault.CloudOK {
			s.Lead = c.Name // a mount would choose it
			break
		}
	}
	return s, nil
}

// CloudStatuses looks at every cloud's directory, by the ids in its marker. That
// a cloud lacks changes only a summary knows.
func CloudStatuses(v *vault.Vault, sum *vault.Summary, mounted bool) []CloudStatus {
	known := make(map[string]vault.SummaryCloud)
	for _, c := range sum.Clouds {
		known[c.Name] = c
	}
	var list []CloudStatus
	errs := look(v)
	for i, c := range v.Clouds {
		s := CloudStatus{Name: c.Name, Dir: c.Dir, ID: c.ID, State: vault.CloudOK}
		last := known[c.Name]
		switch s.Owes = last.Owes; {
		case mounted && last.State != "":
			s.State, s.Reason = last.State, last.Reason
		case s.Owes:
			s.State, s.Reason = vault.CloudOwes, last.Reason
		}
		if err := errs[i]; err != nil && s.State != vault.CloudSuspended {
			s.State, s.Reason = vault.CloudAbsent, err.Error()
		}
		list = append(list, s)
	}
	return list
}
