package daemon

import (
	"encoding/json"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/vault"
)

// The descriptors that the process inherits.
const (
	secretFD  = 3 // to read the keys from, up to the end
	reportsFD = 4 // to write reports to
)

// ErrNotStarted means that this process was not started by [Start].
var ErrNotStarted = errors.New("not started as a background process")

// A Child is this process, if it is the background process of a mount.
type Child struct{ secret, reports *os.File }

// Inherit takes over what [Start] left to this process. The error is [ErrNotStarted].
func Inherit() (*Child, error) {
	for _, fd := range []int{secretFD, reportsFD} {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return nil, ErrNotStarted
		}
		unix.CloseOnExec(fd)
	}
	return &Child{secret: os.NewFile(secretFD, "keys"), reports: os.NewFile(reportsFD, "reports")}, nil
}

// Keys reads the keys of a vault, once. The caller wipes them.
func (c *Child) Keys(v *vault.Vault) (*vault.Keys, error) {
	keys, err := readKeys(c.secret, v)
	if err != nil {
		return nil, err
	}
	if err := c.secret.Close(); err != nil {
		keys.Wipe()
		return nil, err
	}
	return keys, nil
}

// Warn tells whoever waits for the mount.
func (c *Child) Warn(line string) { c.tell(report{Warning: line}) }

// Ready says that the mount can be used. Nothing is reported after it.
func (c *Child) Ready(sum vault.Summary) {
	c.tell(report{Ready: &sum})
	c.reports.Close()
}

// Fail says why there is no mount.
func (c *Child) Fail(f Failure) { c.tell(report{Failure: &f}) }

// tell does not fail: who does not listen any more does not want the mount to end.
func (c *Child) tell(r report) { _ = json.NewEncoder(c.reports).Encode(r) }
