package clouds

import (
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
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
