package clouds

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// An Away is a cloud that is out of use, by how often it has gone out, and of which
// rows name what it misses.
type Away struct {
	Cloud cipher.ID
	Times uint64
}

// Aways are the clouds that are out of use, and of which rows name what they miss.
func Aways(cs *Clouds) (list []Away) {
	for _, c := range cs.All() {
		c.mu.Lock()
		if !c.Up() && cs.names && !cs.makeshift && (c.named || !c.owes) {
			list = append(list, Away{c.ID, c.times})
		}
		c.mu.Unlock()
	}
	return list
}

// Named reports whether rows name all that the cloud lacks.
func (c *Cloud) Named() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.named
}

// Hear has witnesses be heard from now on: all that the redo log says was told.
func Hear(cs *Clouds) { cs.heard.Store(!cs.makeshift && !cs.readOnly) }

// Witnesses are the clouds that were there from the start and are being brought what
// they miss. Of names of which they miss no change each tells as if it was in use,
// and its copies are read; it gets no changes.
func Witnesses(cs *Clouds) (list []*Cloud) {
	if !cs.heard.Load() {
		return nil
	}
	for _, c := range cs.All() {
		if !c.Up() && c.Dir != nil && c.witness() {
			list = append(list, c)
		}
	}
	return list
}

func (c *Cloud) witness() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.named && !c.silent && c.times == 0 && c.condition == Returning
}

// Doubt has a witness be asked no more that does not work, by its answer.
func Doubt(cs *Clouds, c *Cloud, err error) {
	if !FaultOf(err).OfCloud() && !errors.Is(err, cloud.ErrNoAnswer) {
		return
	}
	cs.logger.Warn("a cloud that is coming back does not answer", "cloud", c.Name, "error", err)
	c.mu.Lock()
	c.silent = true
	c.mu.Unlock()
}

// Unname records of the clouds that owe anything that rows do not name all of it,
// so that they are compared whole.
func Unname(cs *Clouds) error {
	cs.dropping.Lock()
	defer cs.dropping.Unlock()
	for id, o := range cs.state.Owes() {
		if !o.Named {
			continue
		}
		o.Named = false
		if err := cs.state.MarkOwes(id, o); err != nil {
			return fmt.Errorf("cannot record that a cloud is to be compared whole: %w", err)
		}
	}
	for _, c := range cs.All() {
		c.mu.Lock()
		c.named = false
		c.mu.Unlock()
	}
	return nil
}
