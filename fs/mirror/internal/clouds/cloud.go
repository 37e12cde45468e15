package clouds

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Cloud is one cloud of a vault, with what this mount may do with it.
type Cloud struct {
	*replica.Cloud
	ID cipher.ID

	out atomic.Bool // gets no changes and is not asked

	mu       lock.Mutex[lock.Cloud]
	reason   string
	marked   bool  // behind, durably
	unmarked error // why it is not, though it should be
}

// Up reports whether the cloud gets changes and is asked.
func (c *Cloud) Up() bool { return !c.out.Load() }

// Fault is [FaultOf] for an error of this cloud. Where something is missing it
// looks whether that is all of the cloud: a directory that was removed or
// unmounted answers like one that is empty.
func (c *Cloud) Fault(err error) Fault {
	f := FaultOf(err)
	if f == Strayed && c.Dir != nil && FaultOf(c.Dir.Check()) == Failed {
		return Failed
	}
	return f
}

// Status is one cloud: "ok", "absent" or "behind", and why.
type Status struct {
	Name   string
	State  string
	Reason string
}

// Status reports how the cloud is.
func (c *Cloud) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Name: c.Name, State: "ok", Reason: c.reason}
	switch {
	case c.Dir == nil:
		s.State = "absent"
	case !c.Up():
		s.State = "behind"
	}
	if c.unmarked != nil {
		s.Reason = fmt.Sprintf("%s; changes are refused, since that cannot be recorded: %v", s.Reason, c.unmarked)
	}
	return s
}

// failure is the reason that status shows, which anybody may read: what was
// done and the cause at the bottom, but no path.
func failure(what string, cause error) string {
	for {
		next := errors.Unwrap(cause)
		if next == nil {
			return what + ": " + cause.Error()
		}
		cause = next
	}
}
