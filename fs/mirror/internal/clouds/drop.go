package clouds

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overcast-fs/overcast/fs/vault"
)

// Drop takes a cloud out of use: it owes from now on, and changes are refused
// until that is durable. What kind of error it was decides how it is asked
// again. The last one that is up is never dropped: its error comes back.
func (cs *Clouds) Drop(c *Cloud, what string, cause error) error {
	cs.dropping.Lock()
	defer cs.dropping.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Up() {
		return nil
	}
	var others []*Cloud
	for _, o := range cs.Ups() {
		if o != c {
			others = append(others, o)
		}
	}
	if len(others) == 0 {
		return fmt.Errorf("%s: cloud %s: %w", what, c.Name, cause)
	}
	// An fsync may have counted on this cloud alone.
	for _, o := range others {
		if err := o.Dir.Syncfs(); err != nil {
			cs.logger.Warn("a cloud cannot be synced", "cloud", o.Name, "error", err)
		}
	}
	c.out.Store(true)
	c.times++
	c.leave(conditionOf(cause), failure(what, cause), cs.clock())
	cs.logger.Warn("a cloud gets no changes any more, until it was brought up to date", "cloud", c.Name, "condition", c.condition, "what", what, "error", cause)
	return cs.mark(c)
}

// conditionOf is what an error makes of the cloud that it came from.
func conditionOf(cause error) Condition {
	if FaultOf(cause) == Full {
		return TakesNothing
	}
	return Suspended
}

// DropAll is Drop for several.
func (cs *Clouds) DropAll(what string, lapses []Lapse) error {
	var errs []error
	for _, l := range lapses {
		errs = append(errs, cs.Drop(l.Cloud, what, l.Why))
	}
	return errors.Join(errs...)
}

// mark makes it durable that a cloud lacks changes. Which, rows tell from then on;
// of one that owed something before, only a comparison of all of it does. The
// caller holds Clouds.dropping and standing.mu.
func (cs *Clouds) mark(c *Cloud) error {
	if c.whole && c.unmarked == nil || cs.readOnly {
		return nil
	}
	// One that fails a replay is left with names that nobody has compared.
	named := cs.names && !cs.makeshift && (c.named || !c.owes) && (cs.heard.Load() || c.Dir == nil)
	if c.unmarked = cs.state.MarkOwes(c.ID, vault.Owes{Entry: cs.next(), Reason: c.reason, Whole: true, Named: named}); c.unmarked != nil {
		cs.unwritten.Store(true)
		cs.logger.Error("it cannot be written down that a cloud lacks changes; changes are refused", "cloud", c.Name, "error", c.unmarked)
		return fmt.Errorf("cannot record that cloud %s lacks changes: %w", c.Name, c.unmarked)
	}
	c.owes, c.whole, c.named = true, true, named
	return nil
}

// MarkDropped makes good what Drop could not make durable. Until then nothing may be
// acknowledged, and the log, which brings such a cloud up to date after the next
// mount, goes on holding everything.
func (cs *Clouds) MarkDropped() error {
	if !cs.unwritten.Load() {
		return nil
	}
	if err := cs.markOut(func(c *Cloud) bool { return c.unmarked != nil }); err != nil {
		return err
	}
	cs.unwritten.Store(false)
	return nil
}

// MarkOut records that the clouds that are not in use lack changes, before the
// first one that they will miss.
func (cs *Clouds) MarkOut() error {
	if cs.makeshift {
		if err := Unname(cs); err != nil {
			return err
		}
	}
	if err := cs.markOut(func(*Cloud) bool { return true }); err != nil {
		return err
	}
	cs.marked.Store(true)
	return nil
}

func (cs *Clouds) markOut(which func(*Cloud) bool) error {
	cs.dropping.Lock()
	defer cs.dropping.Unlock()
	for _, c := range cs.All() {
		if c.Up() {
			continue
		}
		c.mu.Lock()
		var err error
		if which(c) {
			err = cs.mark(c)
		}
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// Owe records that a cloud that is in use lacks something at some names. It
// costs nothing where that is written down.
func (cs *Clouds) Owe(c *Cloud, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owes && !c.named || cs.readOnly {
		return nil
	}
	if err := cs.state.MarkOwes(c.ID, vault.Owes{Entry: cs.next(), Reason: reason}); err != nil {
		return fmt.Errorf("cannot record that cloud %s lacks something: %w", c.Name, err)
	}
	if !c.owes {
		c.reason = reason
	}
	c.owes, c.named = true, false
	return nil
}

// Lose records that what clouds lack is not known any more, of those that lack
// anything.
func (cs *Clouds) Lose() error {
	for id, o := range cs.state.Owes() {
		o.Whole, o.Lost, o.Named = true, true, false
		if err := cs.state.MarkOwes(id, o); err != nil {
			return fmt.Errorf("cannot record that a cloud is to be compared whole: %w", err)
		}
	}
	for _, c := range cs.All() {
		c.mu.Lock()
		c.whole, c.lost, c.named = c.owes, c.owes, false
		c.mu.Unlock()
	}
	return nil
}

// Missed reports whether any cloud lacks changes.
func (cs *Clouds) Missed() bool {
	return slices.ContainsFunc(cs.All(), func(c *Cloud) bool { return !c.Up() || c.Owes() })
}

// Clear records that a cloud that is in use lacks nothing any more. Everything
// that it was given is durable there.
func (cs *Clouds) Clear(c *Cloud) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owes || !c.Up() || cs.readOnly {
		return nil
	}
	if err := cs.state.ClearOwes(c.ID); err != nil {
		return fmt.Errorf("cannot record that cloud %s lacks nothing: %w", c.Name, err)
	}
	c.owes, c.whole, c.lost, c.named, c.reason, c.unmarked = false, false, false, false, "", nil
	return nil
}
