package copies

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// CloudError is what one cloud answered.
type CloudError struct {
	Cloud string
	Err   error
}

func (e CloudError) Error() string { return e.Cloud + ": " + e.Err.Error() }
func (e CloudError) Unwrap() error { return e.Err }

// UnreadableError says, for each cloud, why it could not serve. It unwraps to
// every reason.
type UnreadableError struct {
	What   string
	Clouds []CloudError
}

func (e *UnreadableError) Error() string {
	reasons := make([]string, len(e.Clouds))
	for i, c := range e.Clouds {
		reasons[i] = c.Error()
	}
	return fmt.Sprintf("%s: no cloud can serve it (%s)", e.What, strings.Join(reasons, "; "))
}

// Unwrap returns the reason of each cloud.
func (e *UnreadableError) Unwrap() []error {
	errs := make([]error, len(e.Clouds))
	for i, c := range e.Clouds {
		errs[i] = c
	}
	return errs
}

// errAbsent is the reason of a cloud that has no directory here.
var errAbsent = errors.New("absent")

// Unreadable is the error when no copy serves.
func (s *Set) Unreadable(what string) error {
	e := &UnreadableError{What: what}
	for _, cl := range s.Clouds.All() {
		reason := replica.ErrDamaged
		switch c := s.List[cl.Index]; {
		case c == nil:
			reason = errAbsent
		case c.Err != nil:
			reason = c.Err
		}
		e.Clouds = append(e.Clouds, CloudError{cl.Name, reason})
	}
	return e
}

// Starved is the error when a copy was not opened for want of descriptors or
// memory of this process, or while the mirror is being closed: that says nothing
// of the copy.
func (s *Set) Starved() error {
	for _, c := range s.List {
		if c == nil {
			continue
		}
		for _, err := range []error{c.Err, c.Unwritable} {
			if err != errUnopened && clouds.FaultOf(err).Ours() {
				return err
			}
		}
	}
	return nil
}

// NoAnswer reports an error that says nothing of what is there, of any cloud.
func NoAnswer(err error) bool {
	var all *UnreadableError
	if errors.As(err, &all) {
		return slices.ContainsFunc(all.Clouds, func(c CloudError) bool { return NoAnswer(c.Err) })
	}
	return clouds.FaultOf(err) != clouds.Strayed
}

// Writable is nil where a copy gets this mount's changes. What a cloud alone has
// that is coming back goes on being read.
func Writable(s *Set) error {
	switch {
	case slices.ContainsFunc(s.List, (*Copy).Writes):
		return nil
	case slices.ContainsFunc(s.List, (*Copy).Serves):
		return fmt.Errorf("write: %w: the one that has it is coming back", clouds.ErrNoCloud)
	}
	return s.Unreadable("write")
}
