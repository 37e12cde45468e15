package content

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Commit is one version of a file on its way: from the stored version, to the
// next one, by a layer of changes.
type Commit struct {
	f        *File
	from, to journal.Sealed
	layer    *layer.Layer

	// Of one that the log is told of.
	indices  []int64 // the chunks of the layer that the version has, in order
	unsynced bool    // with direct writes that no cloud has synced

	// Of one that goes to the clouds.
	risky    bool            // something committed is at stake: DIRTY headers, and syncs before clean ones
	replaces bool            // the copies are fresh backing files, which replace the old ones
	changes  bool            // records change, and not only the header
	results  []error         // by cloud, of those that were tried
	lacking  []*clouds.Cloud // that have no copy which could be changed
}

// copyUnsynced is how many bytes of direct writes an fsync copies into the log,
// so that one fdatasync of it is enough.
const copyUnsynced = 1 << 20

// sealer is a file of which versions are made, and made durable where somebody
// counts on them.
type sealer struct{ *File }

// fewUnsynced reports whether there are direct writes that no cloud has synced,
// few enough to go into the log.
func (f sealer) fewUnsynced() bool {
	n := f.Unsynced.Total()
	return n > 0 && n<<f.Env.Layout.ChunkLog2 <= copyUnsynced
}

// sealAndLog makes a version of everything that is in none yet and tells the log
// of it. The caller holds File.mu.
func (f sealer) sealAndLog(durable bool) error {
	c, err := f.seal(durable)
	if err != nil || c == nil {
		return err
	}
	return c.log()
}

// sealForClouds is sealAndLog for a version that goes to the clouds. Where that
// will touch one that counts, the direct writes of the new one must not get lost
// on the way.
func (f sealer) sealForClouds() error {
	f.lock()
	if (f.promised || f.Copies.Stored.Committed()) && f.unsealed() && len(f.Unsynced) > 0 {
		f.unlock()
		if _, err := f.sealDurable(); clouds.FaultOf(err) != clouds.Strayed {
			return err // else not even its directory is there, and the commit sees to it
		}
		f.lock()
	}
	defer f.unlock()
	return f.sealAndLog(false)
}

// appendEntry writes the version's entry to the log.
func (c *Commit) appendEntry() error {
	f := c.f
	v := &journal.Commit{Base: journal.NewHead(&c.from), Head: journal.NewHead(&c.to), Direct: slices.Clone(f.Layers.Direct), Fresh: f.replacing()}
	v.Firm = len(v.Direct) > 0 && len(f.Unsynced) == 0 && !f.o.unsynced()
	if c.layer.Cut != layer.Uncut {
		v.Cut = &c.layer.Cut
	}
	var data [][]byte
	for _, i := range c.indices {
		ch := c.layer.Chunks[i]
		e := journal.Chunk{Index: i}
		if ch.Data != nil {
			e.N, e.ID = int(f.ChunkLen(i)), slices.Clone(ch.ID[:])
			data = append(data, ch.Data[:min(len(ch.Data), e.N)], make([]byte, max(0, e.N-len(ch.Data))))
		}
		v.Chunks = append(v.Chunks, e)
	}
	if c.unsynced {
		chunks, more, err := draft.UnsyncedChunks(&f.Draft)
		if err != nil {
			return err
		}
		v.Chunks, data = append(v.Chunks, chunks...), append(data, more...)
	}
	return f.Append(&journal.Entry{Op: journal.OpCommit, Salts: f.Copies.Salts(), Commit: v}, data...)
}

// applyTo brings versions to one cloud: at once, or, where that fails, each by
// itself, so that an error is that of one file.
func (s *Store) applyTo(cl *clouds.Cloud, commits []*Commit) {
	k := cl.Index
	var there []*Commit
	for _, c := range commits {
		if c.f.Copies.List[k].Writes() {
			there = append(there, c)
		} else {
			c.results[k] = errNoCopy
		}
	}
	err := s.applySteps(cl, there)
	for _, c := range there {
		if c.results[k] = err; err != nil && len(there) > 1 {
			c.results[k] = s.applySteps(cl, []*Commit{c})
		}
	}
}

// errNoCopy says that a cloud has no copy that a commit could change.
var errNoCopy = fmt.Errorf("commit: %w", replica.ErrMissing)

func (s *Store) applySteps(cl *clouds.Cloud, commits []*Commit) error {
	if err := cl.Dir.Check(); err != nil {
		return err
	}
	var sync []*copies.Copy
	for _, c := range commits {
		cp := c.f.Copies.List[cl.Index]
		if err := c.inPlace(cp); err != nil {
			return err
		}
		if err := c.write(cp); err != nil {
			return err
		}
		// A record that a power cut takes from a sparse file would be a hole.
		if c.changes && (c.risky || c.to.Head.Flags&cipher.Sparse != 0) {
			sync = append(sync, cp)
		}
	}
	// Records are durable before a clean header says so.
	if err := copies.Sync(cl, sync); err != nil {
		return err
	}
	for _, c := range commits {
		if err := c.finish(c.f.Copies.List[cl.Index]); err != nil {
			return err
		}
	}
	return nil
}

// inPlace looks whether the path still names the file that is open here, as this
// mount left it, or what a fresh backing file is to replace.
func (c *Commit) inPlace(cp *copies.Copy) error {
	c.f.s.names.RLock()
	defer c.f.s.names.RUnlock()
	path, ok := c.f.o.Path(cp.On.Index)
	if !ok {
		return nil
	}
	if cp.Beside != "" {
		return cp.Replaces(path, &c.to.Head)
	}
	return cp.Stands(path)
}

// overwrites reports whether the version changes records that the stored one
// covers, which makes the header DIRTY meanwhile.
func (c *Commit) overwrites() bool {
	if !c.risky || c.replaces {
		return false
	}
	records := c.f.Env.Layout.Records(c.from.Head.Length)
	if c.layer.Cut < records {
		return true
	}
	for i := range c.layer.Chunks {
		if i < records {
			return true
		}
	}
	return false
}

// write brings the records to one copy, under a DIRTY header where committed
// ones change.
func (c *Commit) write(cp *copies.Copy) error {
	f := c.f
	if !c.changes {
		return nil
	}
	f.Copies.Touched(cp, 0, 0)
	if c.overwrites() {
		dirty := c.from
		dirty.Head.Flags |= cipher.Dirty
		if err := f.writeVersion(cp, &dirty); err != nil {
			return err
		}
	}
	if err := f.Copies.PutLayer(cp, c.layer, c.to.Head.Length); err != nil {
		return err
	}
	return c.fit(cp)
}

// fit gives the backing file the size of the version: a hole at its end makes
// it longer, and a tail chunk that became shorter leaves something behind. If
// the file itself is longer by now, that is a record of the next version.
func (c *Commit) fit(cp *copies.Copy) error {
	size, err := c.f.Env.Layout.CipherSize(c.to.Head.Length)
	if err != nil {
		return err
	}
	c.f.mu.RLock()
	defer c.f.mu.RUnlock()
	info, err := cp.File.Stat()
	if err != nil || info.Size == size || info.Size > size && c.f.Length > c.to.Head.Length {
		return err
	}
	return copies.Truncate(&c.f.Copies, cp, c.f.Env.Layout.Records(c.to.Head.Length), size)
}

// finish writes the clean header of one copy, and what the backing entry
// shows.
func (c *Commit) finish(cp *copies.Copy) error {
	f := c.f
	if err := f.writeVersion(cp, &c.to); err != nil {
		return err
	}
	if c.replaces {
		if err := (refiller{f}).copyXattrs(cp); err != nil {
			return err
		}
	}
	if err := cp.Show(&c.from, &c.to, f.Env.Owners, f.Env.Clock); err != nil {
		return err
	}
	if c.replaces {
		return refiller{f}.putInPlace(cp)
	}
	return nil
}

// writeVersion writes a header with no reader at work, who would take one that
// is not noted here yet for somebody else's.
func (f *File) writeVersion(c *copies.Copy, v *journal.Sealed) error {
	f.lock()
	defer f.unlock()
	f.Copies.Touched(c, 0, 0)
	return c.WriteVersion(v)
}

// conclude gives the errors of a commit to whom they belong, as [clouds.Clouds.Make]
// does. Committed records are gone where it was made, so that it cannot be
// taken back: where the process lacked something it is made again, until every
// cloud has it; a cloud that will not take it at all goes out.
func (c *Commit) conclude(tried []*clouds.Cloud) (made bool, err error) {
	var lapses []clouds.Lapse
	var reason error
	for _, cl := range tried {
		why := c.results[cl.Index]
		if why == nil {
			made = true
			continue
		}
		if reason == nil || reason == errNoCopy {
			reason = why
		}
		switch fault := cl.Fault(why); {
		case fault == clouds.Strayed:
			c.stray(cl, why)
			c.lacking = append(c.lacking, cl)
		case fault.Ours():
			return false, fmt.Errorf("commit: cloud %s: %w", cl.Name, why)
		default:
			lapses = append(lapses, clouds.Lapse{Cloud: cl, Why: why})
		}
	}
	all := c.f.Env.Clouds
	switch {
	case made:
		return true, errors.Join(all.DropAll("commit", lapses), all.MarkDropped())
	case reason == nil:
		reason = clouds.ErrNoCloud
	}
	return false, fmt.Errorf("commit: %w", reason)
}

// stray takes a copy out that is not what was opened any more.
func (c *Commit) stray(cl *clouds.Cloud, why error) {
	f := c.f
	f.lock()
	defer f.unlock()
	if cp := f.Copies.List[cl.Index]; cp.Serves() {
		cp.Err = why
		f.Env.Logger.Warn("a copy is not the one that was opened", "cloud", cl.Name, "file", f.o.Ino(), "error", why)
	}
}
