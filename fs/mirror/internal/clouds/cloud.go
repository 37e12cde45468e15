package clouds

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Cloud is one opening of a cloud of the vault. It is up or out, and out for
// good: a cloud that comes back is another Cloud, so that whatever was opened
// through this one never takes part again.
type Cloud struct {
	*replica.Cloud
	ID cipher.ID
	*standing

	out atomic.Bool // gets no changes and is not asked
}

// A standing is how a cloud of the vault stands, over all of its openings.
type standing struct {
	open func() (cloud.Dir, error) // anew; nil: the directory is all there is

	mu        lock.Mutex[lock.Cloud] // guards the rest
	condition Condition
	reason    string
	owes      bool   // durably
	whole     bool   // durably: it was out of use, and is to be compared whole
	lost      bool   // what it owes is not known any more
	named     bool   // all that it owes is named in rows
	times     uint64 // that it went out
	silent    bool   // it did not answer as a witness, and is asked no more
	unmarked  error  // why it does not, though it should
	wait      time.Duration
	due       time.Time // of the next probe
	since     time.Time // when it came into use
}

// Condition is what a cloud is good for at the moment.
type Condition int

const (
	InUse        Condition = iota // it is asked, and gets changes
	Suspended                     // it failed, or does not answer
	TakesNothing                  // it is full, over quota, or read-only
	Absent                        // its directory or marker was not there
	Returning                     // it is there, and lacks changes that are being brought to it
)

// String is the word that status shows of a cloud that owes nothing else.
func (c Condition) String() string {
	return [...]string{"ok", "suspended", "full", "absent", "owes"}[c]
}

// Up reports whether the cloud gets changes and is asked.
func (c *Cloud) Up() bool { return !c.out.Load() }

// Condition is what the cloud is good for.
func (c *Cloud) Condition() Condition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.condition
}

// Owes reports whether it is written down that the cloud lacks something.
func (c *Cloud) Owes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owes
}

// Lost reports whether what the cloud lacks is not known any more, so that what
// it alone has may have been removed.
func (c *Cloud) Lost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Mute reports whether asking the cloud is of no use: it is not there, or may
// never answer.
func (c *Cloud) Mute() bool {
	if c.Up() {
		return false
	}
	is := c.Condition()
	return c.Dir == nil || is == Suspended || is == Absent
}

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

// Status is one cloud: "ok", "absent", "suspended", "full" or "owes", and why.
type Status struct {
	Name   string
	State  string
	Owes   bool // whatever the state: it lacks changes
	Reason string
}

// Status reports how the cloud is.
func (c *Cloud) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Name: c.Name, State: c.condition.String(), Owes: c.owes, Reason: c.reason}
	if c.condition == InUse && c.owes {
		s.State = Returning.String()
	}
	if c.unmarked != nil {
		s.Reason = fmt.Sprintf("%s; changes are refused, since that cannot be written down: %v", s.Reason, c.unmarked)
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
