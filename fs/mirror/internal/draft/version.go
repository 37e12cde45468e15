package draft

import (
	"crypto/rand"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// Next is the version that the draft would be, with each cloud's acc and the write
// ids of its layer, and the chunks of the layer that it has, in order.
func Next(d *Draft) (v journal.Sealed, indices []int64, err error) {
	indices = d.Layers.Draft.Indices(d.Env.Layout.Records(d.Length))
	ids, last, err := d.Env.Draw(len(indices)+1, d.Sealed.Head.Version.Highest())
	if err != nil {
		return v, nil, err
	}
	v = journal.Sealed{Head: nextHead(d, last), Accs: slices.Clone(d.Accs)}
	for n, i := range indices {
		c := d.Layers.Draft.Chunks[i]
		if c.ID = ids[n]; c.Data != nil {
			d.Copies.Terms(v.Accs, i, ids[n:n+1], nil)
		}
	}
	return v, indices, nil
}

func nextHead(d *Draft, counter uint64) cipher.Header {
	h := d.Sealed.Head
	rand.Read(h.CommitID[:])
	h.Flags = d.Flags &^ cipher.Dirty
	h.Mode, h.UID, h.GID, h.Length = d.Mode, d.UID, d.GID, d.Length
	h.MtimeSec, h.MtimeNsec = d.Mtime.Unix(), uint32(d.Mtime.Nanosecond())
	h.Version = h.Version.With(d.Env.Writer(), counter)
	return h
}

// maxNameless is how many bytes of changes to a file without a name wait in memory.
const maxNameless = 1 << 20

// Spill brings what is in the layers of a file without a name to its copies, in
// place, when it is more than a little. No commit of it is under way.
func Spill(d *Draft) error {
	if !d.Nameless || d.Reserved < maxNameless && !Full(d) {
		return nil
	}
	if err := d.Log.Sync(); err != nil {
		return err
	}
	d.Log = deaf{}
	flatten(d)
	next, _, err := Next(d)
	if err != nil {
		return err
	}
	size, err := d.Env.Layout.CipherSize(d.Length)
	if err != nil {
		return err
	}
	err = d.Copies.Each("write", func(c *copies.Copy) error {
		d.Copies.Touched(c, 0, 0)
		if err := d.Copies.PutLayer(c, &d.Layers.Draft, d.Length); err != nil {
			return err
		}
		if err := copies.Truncate(&d.Copies, c, d.Env.Layout.Records(d.Length), size); err != nil {
			return err
		}
		c.Assume(&next)
		return nil
	})
	if d.Copies.Changing = false; err != nil {
		return err
	}
	d.Charge(-d.Layers.Empty())
	d.Sealed, d.Copies.Stored, d.Accs = next, next, slices.Clone(next.Accs)
	d.Covered, d.Unsynced = d.Copies.Floor(), nil
	return nil
}

// deaf is the log of a file that it has nothing to do with any more.
type deaf struct{}

func (deaf) Append(*journal.Entry, ...[]byte) error { return nil }
func (deaf) Sync() error                            { return nil }

// flatten brings what is in the other layers into the draft's, where it counts for
// nothing.
func flatten(d *Draft) {
	drafted := d.Layers.Draft.Chunks
	d.Charge(-d.Layers.Flatten(d.Env.Layout.Records(d.Length)))
	for i, c := range d.Layers.Draft.Chunks {
		if drafted[i] == nil && c.Data != nil {
			d.Count(i, c.ID)
		}
	}
}
