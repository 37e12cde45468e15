package clouds

import (
	"errors"
	"fmt"
)

// Drop puts a cloud behind: it is out from now on, and changes are refused until
// that is durable. The last one that is up is never dropped: its error comes
// back.
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
	c.reason = failure(what, cause)
	c.out.Store(true)
	cs.logger.Warn("a cloud is behind from now on", "cloud", c.Name, "what", what, "error", cause)
	return cs.mark(c)
}

// DropAll is Drop for several.
func (cs *Clouds) DropAll(what string, lapses []Lapse) error {
	var errs []error
	for _, l := range lapses {
		errs = append(errs, cs.Drop(l.Cloud, what, l.Why))
	}
	return errors.Join(errs...)
}

// mark makes it durable that a cloud is behind. The caller holds
// Clouds.dropping and Cloud.mu.
func (cs *Clouds) mark(c *Cloud) error {
	if c.marked {
		return nil
	}
	if c.unmarked = cs.state.MarkBehind(c.ID, c.reason); c.unmarked != nil {
		cs.unrecorded.Store(true)
		cs.logger.Error("it cannot be recorded that a cloud is behind; changes are refused", "cloud", c.Name, "error", c.unmarked)
		return fmt.Errorf("cannot record that cloud %s is behind: %w", c.Name, c.unmarked)
	}
	c.marked = true
	return nil
}

// MarkDropped makes good what Drop could not make durable. Until then nothing may be
// acknowledged, and the log, which brings such a cloud up to date after the next
// mount, goes on holding everything.
func (cs *Clouds) MarkDropped() error {
	if !cs.unrecorded.Load() {
		return nil
	}
	cs.dropping.Lock()
	defer cs.dropping.Unlock()
	for _, c := range cs.all {
		if c.Dir == nil || c.Up() {
			continue
		}
		c.mu.Lock()
		err := cs.mark(c)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	cs.unrecorded.Store(false)
	return nil
}

// MarkAbsent records that the clouds that are not there are behind, before the
// first change that they will miss.
func (cs *Clouds) MarkAbsent() error {
	for _, c := range cs.all {
		if err := cs.markAbsent(c); err != nil {
			return err
		}
	}
	return nil
}

func (cs *Clouds) markAbsent(c *Cloud) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Dir != nil || c.marked {
		return nil
	}
	if err := cs.state.MarkBehind(c.ID, "absent while files were changed"); err != nil {
		return fmt.Errorf("cannot mark cloud %s behind: %w", c.Name, err)
	}
	c.marked = true
	return nil
}
