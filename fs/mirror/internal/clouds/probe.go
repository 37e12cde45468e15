package clouds

import (
	"errors"
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A cloud that is out is asked again after a second, then after twice as long
// each time, and so on up to half a minute.
const (
	firstWait   = time.Second
	longestWait = 30 * time.Second
)

// leave notes that a cloud went out. One that did so soon after it had come back
// is not asked as soon as it would be. The caller holds standing.mu.
func (s *standing) leave(is Condition, reason string, now time.Time) {
	if is == s.condition || s.condition == InUse && now.Sub(s.since) < longestWait || s.condition == Returning {
		s.wait = min(2*s.wait, longestWait)
	} else {
		s.wait = firstWait
	}
	s.wait = max(s.wait, firstWait)
	s.condition, s.reason, s.due = is, reason, now.Add(s.wait)
}

// Due are the clouds that are out and to be asked again by now.
func (cs *Clouds) Due(now time.Time) (list []*Cloud) {
	for _, c := range cs.All() {
		c.mu.Lock()
		if !c.Up() && !now.Before(c.due) {
			list = append(list, c)
		}
		c.mu.Unlock()
	}
	return list
}

// Hurry has every cloud that is out asked at once.
func Hurry(cs *Clouds) {
	for _, c := range cs.All() {
		c.mu.Lock()
		c.due = time.Time{}
		c.mu.Unlock()
	}
}

// Probe asks a cloud that is out whether it answers, and has room for changes.
// One that does is opened anew, and is returning: who gets it brings it up to
// date, and ends that with [Clouds.Enter] or [Clouds.Fail]. A cloud with freeable
// room may be full: there is something to be removed in it.
func (cs *Clouds) Probe(c *Cloud, freeable bool) (*Cloud, error) {
	dir, err := c.reopen(freeable)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		is := c.condition
		if is == Absent || is == Returning { // what it does not give has a reason of its own
			is = conditionOf(err)
			if errors.Is(err, cloud.ErrAbsent) {
				is = Absent
			}
			c.reason = failure("open", err)
		}
		c.leave(is, c.reason, cs.clock())
		return nil, err
	}
	again := &Cloud{Cloud: &replica.Cloud{Index: c.Index, Name: c.Name, Dir: dir, Keys: c.Keys}, ID: c.ID, standing: c.standing}
	again.out.Store(true)
	c.mu.Lock()
	c.condition = Returning
	c.mu.Unlock()
	return again, nil
}

// reopen opens the directory of a cloud anew, if it answers.
func (c *Cloud) reopen(freeable bool) (dir cloud.Dir, err error) {
	if c.Condition() == TakesNothing && c.Dir != nil {
		if err := room(c.Dir, freeable); err != nil {
			return nil, err
		}
	}
	if c.open == nil && c.Dir == nil {
		return nil, fmt.Errorf("cloud %s: %w", c.Name, cloud.ErrAbsent)
	}
	dir = c.Dir
	if c.open != nil {
		if dir, err = c.open(); err != nil {
			return nil, err
		}
	}
	if err = errors.Join(dir.Check(), room(dir, freeable)); err == nil {
		return dir, nil
	}
	if c.open != nil {
		err = errors.Join(err, dir.Close())
	}
	return nil, err
}

// ErrFull: a cloud has no room yet.
var ErrFull = errors.New("no room yet")

// room fails where a filesystem takes no changes, or next to none. One that
// does not tell its size has to be tried.
func room(dir cloud.Dir, freeable bool) error {
	s, err := dir.Statfs()
	const least = 1 << 20
	switch {
	case err != nil:
		return err
	case s.ReadOnly:
		return ErrFull
	case freeable:
	case s.Blocks > 0 && s.Avail*s.BlockSize < min(least, s.Blocks*s.BlockSize/16), s.Files > 0 && s.FilesFree == 0:
		return ErrFull
	}
	return nil
}

// Enter takes a cloud into use that was brought up to date, in the place of what
// it was. No operation and no commit is under way.
func (cs *Clouds) Enter(c *Cloud) error {
	cs.dropping.Lock()
	defer cs.dropping.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	old := cs.All()
	now := append([]*Cloud(nil), old...)
	now[c.Index] = c
	c.condition, c.since = InUse, cs.clock()
	if !c.owes {
		c.reason = ""
	}
	c.out.Store(false)
	cs.all.Store(&now)
	if was := old[c.Index].Dir; was != nil && was != c.Dir {
		return was.Close() // nobody is left who calls it
	}
	return nil
}

// Fail ends the return of a cloud that could not be brought up to date.
func (cs *Clouds) Fail(c *Cloud, what string, cause error) error {
	c.mu.Lock()
	c.leave(conditionOf(cause), failure(what, cause), cs.clock())
	c.mu.Unlock()
	if c.open == nil {
		return nil
	}
	return c.Dir.Close()
}
