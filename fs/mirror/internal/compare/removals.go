package compare

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Removals are the batches of removals of all clouds, and what they say.
type Removals struct {
	removals.Records
	Batches []*Batch   // by name
	Temps   [][]string // by cloud: temporary files of this program's beside them
}

// A Batch is one batch of removals in all clouds.
type Batch struct {
	Name   cipher.PlainName
	Mtime  time.Time // by its header; zero if it is whole nowhere
	In     []Spot    // by cloud
	Whole  []bool    // by cloud: it verifies to the last byte
	Young  []bool
	Silent []bool

	removals []cipher.Removal
}

// readRemovals reads z-gone in every cloud.
func (c *observer) readRemovals() *Removals {
	g := &Removals{Records: removals.NewRecords(), Temps: make([][]string, len(c.Clouds))}
	byName := map[cipher.PlainName]*Batch{}
	silent := make([]bool, len(c.Clouds))
	for k, cl := range c.Clouds {
		if silent[k] = cl.Dir == nil; !silent[k] {
			silent[k] = c.readBatches(k, g, byName) != nil
		}
	}
	for _, b := range byName {
		b.Silent = silent
		g.Batches = append(g.Batches, b)
		g.Add(b.removals, c.Clock().Sub(b.Mtime))
	}
	slices.SortFunc(g.Batches, func(a, b *Batch) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return g
}

// readBatches reads z-gone in one cloud. What is another's than its name says is
// foreign there and proves nothing.
func (c *observer) readBatches(k int, g *Removals, byName map[cipher.PlainName]*Batch) error {
	list, temps, err := removals.List(c.Clouds[k])
	g.Temps[k] = temps
	for _, e := range list {
		b := byName[e.Name]
		if b == nil {
			n := len(c.Clouds)
			b = &Batch{Name: e.Name, In: make([]Spot, n), Whole: make([]bool, n), Young: make([]bool, n)}
			byName[e.Name] = b
		}
		c.readBatch(k, b, e.Path)
	}
	return err
}

func (c *observer) readBatch(k int, b *Batch, path string) {
	spot := &b.In[k]
	spot.Path = path
	if info, err := c.Clouds[k].Dir.Stat(path); err == nil {
		spot.Info, b.Young[k] = info, c.young(k, info.Ctime)
	}
	cp, err := c.Clouds[k].Open(path, false)
	if err != nil {
		spot.Why = err
		return
	}
	defer cp.Close()
	spot.Head = cp.Head
	whole, err := removals.Read(cp, b.Name)
	if err != nil {
		spot.Why = err
		return
	}
	b.Whole[k], b.Mtime = true, whole.Mtime()
	if b.removals == nil {
		b.removals = whole.Removals()
	}
}

func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}

// Left is a record as a batch has it.
func Left(r judge.Record) cipher.Removal {
	kind := cipher.FileEnded
	if r.Kind == judge.RecordMoved {
		kind = cipher.FileMoved
	}
	return cipher.Removal{Kind: kind, File: r.File.ID, Version: r.Vector}
}

// facts adds to what is known of a file what the batches say.
func (c *observer) facts(id judge.Identity) (judge.Facts, error) {
	f, err := c.Memory.Of(id)
	f.Ended = append(slices.Clip(f.Ended), c.gone.Ended[id.ID]...)
	f.Moved = append(slices.Clip(f.Moved), c.gone.Moved[id.ID]...)
	return f, err
}

// wrong is what is wrong with the batches of removals.
func (g *Removals) wrong(now time.Time) (list []Finding) {
	for _, b := range g.Batches {
		for k := range b.In {
			f := Finding{Path: replica.Join(cipher.GoneName, string(b.Name)), Entry: b.In[k].Path, Cloud: k, Kind: Missing, Chunk: NoChunk, Detail: "a batch of removals"}
			switch {
			case b.Whole[k] || b.Silent[k]:
				continue
			case b.Young[k]:
				f.Kind = Arriving
			case b.In[k].Path != "":
				f.Kind = Damaged
			case now.Sub(b.Mtime) > cipher.GoneCarried:
				continue // it is brought nowhere any more
			}
			list = append(list, f)
		}
	}
	return list
}
