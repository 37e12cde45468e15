package compare

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Removals are the batches of removals of all clouds, and what they say.
type Removals struct {
	Batches []*Batch   // by name
	Temps   [][]string // by cloud: temporary files of this program's beside them

	ended, moved map[cipher.ID][]cipher.Vector
	dirsEnded    map[string][]cipher.Vector
	dirsMade     map[string][]cipher.Vector
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
	g := &Removals{
		ended: map[cipher.ID][]cipher.Vector{}, moved: map[cipher.ID][]cipher.Vector{},
		dirsEnded: map[string][]cipher.Vector{}, dirsMade: map[string][]cipher.Vector{}, Temps: make([][]string, len(c.Clouds)),
	}
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
		g.add(b, c.Clock())
	}
	slices.SortFunc(g.Batches, func(a, b *Batch) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return g
}

// readBatches reads z-gone in one cloud. What is not named as a batch, or is
// another's, is foreign there and proves nothing.
func (c *observer) readBatches(k int, g *Removals, byName map[cipher.PlainName]*Batch) error {
	cl := c.Clouds[k]
	entries, err := cl.Dir.ReadDir(cipher.GoneName)
	if replica.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		d, err := cl.Keys.DecodeEntry(cipher.EntryName(e.Name), func(cipher.EntryName) ([]byte, error) { return nil, cipher.ErrForeign })
		if e.Regular && cipher.EntryName(e.Name).MayBeOwnTemp() {
			g.Temps[k] = append(g.Temps[k], replica.Join(cipher.GoneName, e.Name))
		}
		if err != nil || d.Copy || d.Special || !e.Regular {
			continue
		}
		if _, err := cipher.ParseGoneEntry(d.Name); err != nil {
			continue
		}
		b := byName[d.Name]
		if b == nil {
			n := len(c.Clouds)
			b = &Batch{Name: d.Name, In: make([]Spot, n), Whole: make([]bool, n), Young: make([]bool, n)}
			byName[d.Name] = b
		}
		c.readBatch(k, b, replica.Join(cipher.GoneName, e.Name))
	}
	return nil
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
	content, err := wholeBatch(cp, b.Name)
	if err != nil {
		spot.Why = err
		return
	}
	b.Whole[k], b.Mtime = true, time.Unix(cp.Head.MtimeSec, int64(cp.Head.MtimeNsec))
	if b.removals == nil {
		b.removals, _ = cipher.ParseRemovals(content) // what is before an entry that does not parse stands
	}
}

// wholeBatch reads a batch, which is believed only if all of it verifies.
func wholeBatch(cp *replica.Copy, name cipher.PlainName) ([]byte, error) {
	if err := cp.Cloud.Keys.CheckGone(name, cp.Head); err != nil {
		return nil, err
	}
	acc, bad, err := cp.Check(cp.Head)
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 || acc != cp.Head.Acc {
		return nil, cipher.ErrDamaged
	}
	var content []byte
	err = cp.Each(cp.Head.Length, func(r *replica.Run) error {
		content = append(content, r.Plain...)
		return nil
	})
	return content, err
}

// add takes what a batch says into account.
func (g *Removals) add(b *Batch, now time.Time) {
	old := now.Sub(b.Mtime) > cipher.GoneKept
	for _, r := range b.removals {
		switch r.Kind {
		case cipher.FileEnded:
			g.ended[r.File] = append(g.ended[r.File], r.Version)
		case cipher.FileMoved:
			g.moved[r.File] = append(g.moved[r.File], r.Version)
		case cipher.DirEnded:
			if !old {
				g.dirsEnded[r.Path] = append(g.dirsEnded[r.Path], r.Version)
			}
		case cipher.DirMade:
			if !old {
				g.dirsMade[r.Path] = append(g.dirsMade[r.Path], r.Version)
			}
		}
	}
}

// ends reports whether a record ends the directory at a path: one that no later
// making of it follows.
func (g *Removals) ends(path string, known []cipher.Vector) bool {
	for _, end := range append(slices.Clip(known), g.dirsEnded[path]...) {
		if !slices.ContainsFunc(g.dirsMade[path], func(made cipher.Vector) bool { return !atMost(made, end) }) {
			return true
		}
	}
	return false
}

func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}

// about reports whether any record tells of a file.
func (g *Removals) about(id cipher.ID) bool { return len(g.ended[id]) > 0 || len(g.moved[id]) > 0 }

// Tells reports whether the batches say already what a record is to say.
func (g *Removals) Tells(r judge.Record) bool {
	of := g.ended
	if r.Kind == judge.RecordMoved {
		of = g.moved
	}
	return slices.ContainsFunc(of[r.File.ID], func(v cipher.Vector) bool { return atMost(r.Vector, v) })
}

// facts adds to what is known of a file what the batches say.
func (c *observer) facts(id judge.Identity) (judge.Facts, error) {
	f, err := c.Memory.Of(id)
	f.Ended = append(slices.Clip(f.Ended), c.gone.ended[id.ID]...)
	f.Moved = append(slices.Clip(f.Moved), c.gone.moved[id.ID]...)
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
