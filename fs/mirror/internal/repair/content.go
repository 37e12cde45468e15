package repair

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

var (
	errOther   = errors.New("another file is there")
	errNewer   = errors.New("a version that the log does not know is there")
	errOlder   = errors.New("an older version than the log builds on is there")
	errLacking = errors.New("missing")
)

// job is one file's last version on its way to one cloud.
type job struct {
	t       *tree
	thing   *journal.Thing
	backing *journal.Backing
	head    cipher.Header // as it is to be in this cloud
	prev    *cipher.Header
	node    *node
	writes  bool // records are to be written from the log
	beside  bool // this cloud has no backing file that the log knows
	done    bool
	err     error // why it cannot be finished
}

func (j *job) path() string { return j.node.path() }

// jobs are the files of which the log holds a version, in one cloud. One in which the log
// has no backing file of it had none that counted: nothing is written in place there.
func (r *Replay) jobs(t *tree) []*job {
	var list []*job
	for _, thing := range t.fold.Things {
		b := thing.Committed()
		if thing.Gone() || b == nil {
			continue
		}
		n := len(r.Clouds)
		j := &job{t: t, thing: thing, backing: b, beside: b.Salt(t.Index) == nil}
		head := b.Head().Sealed(n)
		j.head, j.head.Acc = head.Head, head.Accs[t.Index]
		if b.Prev != nil {
			prev := b.Prev.Sealed(n)
			j.prev = &prev.Head
		}
		if b.Whole != nil && !j.beside {
			j.head.Acc = t.AccOf(j.head.Type, [16]byte(b.Salt(t.Index)), b.Whole.Chunks)
		}
		if j.node = j.find(); j.node == nil {
			j.err = errLacking
		}
		list = append(list, j)
	}
	return list
}

// nodes are those of the file, in place before under temporary names: what is
// parked can be one more name of what is in place.
func (j *job) nodes() (list []*node) {
	for _, temp := range []bool{false, true} {
		for _, n := range j.t.of[j.thing] {
			if n.temp == temp {
				list = append(list, n)
			}
		}
	}
	return list
}

// find is the node of the backing file that has the version.
func (j *job) find() *node {
	last, nodes := j.backing.Head(), j.nodes()
	for _, n := range nodes {
		if last != nil && !n.temp && n.head != nil && n.head.Flags&cipher.Dirty == 0 && cipher.Compare(n.head.Version, last.Version) == cipher.Greater {
			return n // a later version is in place already
		}
	}
	for _, n := range nodes {
		if n.head != nil && string(n.head.Salt[:]) == string(j.backing.Salt(j.t.Index)) || j.beside && n.born() && !n.temp {
			return n
		}
	}
	for _, n := range nodes {
		if n.head == nil || n.head.Flags&cipher.Dirty != 0 {
			continue
		}
		if n.head.CommitID == last.Commit || cipher.Compare(n.head.Version, last.Version) == cipher.Greater {
			return n // a whole copy that a repair made, or a later version
		}
	}
	entry := ""
	if j.backing.Temps != nil {
		entry = j.backing.Temps[j.t.Index]
	}
	for _, n := range nodes {
		if n.blank && !j.beside && (n.entry == entry || entry == "" && !n.temp) {
			return n
		}
	}
	return nil
}

// begin looks how far the version came in this cloud.
func (j *job) begin(r *Replay) error {
	c, err := j.t.Open(j.path(), true)
	if errors.Is(err, replica.ErrBlank) {
		h := cipher.Header{Type: j.head.Type, FileID: j.thing.IDs[0], Salt: [16]byte(j.backing.Salt(j.t.Index))}
		c, err = j.t.Begin(j.path(), h, cipher.BackingMode(j.head.Mode, false))
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if !slices.Contains(j.thing.IDs, c.Head.FileID) || c.Head.Type != j.head.Type {
		return errOther
	}
	j.node.head, j.node.blank = c.Head, false
	order := cipher.Compare(c.Head.Version, j.head.Version)
	switch {
	case order == cipher.Less && (j.beside || !j.builds(c.Head)):
		return errOlder
	case order == cipher.Less:
		j.writes = true
	case order == cipher.Greater, j.beside && c.Head.CommitID == j.head.CommitID:
		return j.beyond(c, r)
	case order == cipher.Concurrent, c.Head.CommitID != j.head.CommitID:
		return errNewer
	case c.Head.Flags&cipher.Dirty != 0:
		j.writes = true
	case j.t.sameBoot:
		j.done = true // written by the mirror, and nothing is lost since
		return j.show(c, r)
	default:
		acc, bad, err := c.Check(&j.head)
		j.writes = err != nil || len(bad) > 0 || acc != j.head.Acc
	}
	return nil
}

// builds reports whether the log's chunks lead from a version to the last one:
// from an older one than they were made for they would make a mixture.
func (j *job) builds(h *cipher.Header) bool {
	return len(h.Version) == 0 || j.backing.Has(h.CommitID) || j.backing.Base.Commit == h.CommitID
}

// beyond looks at a version that is greater than the log's: another machine's,
// or one of ours that changed the header only and that a power cut took from the
// log. Where its records are the ones that the log tells of, it is finished like
// that one. The entry may not show yet what the header says.
func (j *job) beyond(c *replica.Copy, r *Replay) error {
	if c.Head.Flags&cipher.Dirty == 0 {
		acc, bad, err := c.Check(c.Head)
		if j.done = err == nil && len(bad) == 0 && acc == c.Head.Acc; j.done {
			j.head = *c.Head
			return j.show(c, r)
		}
	}
	if c.Head.Acc != j.head.Acc || c.Head.Length != j.head.Length || c.Head.Acc == (cipher.Acc{}) {
		return errNewer
	}
	j.head, j.writes = *c.Head, true
	j.head.Flags &^= cipher.Dirty
	return nil
}

// show puts right what the entry shows of a version that is there.
func (j *job) show(c *replica.Copy, r *Replay) error {
	info, err := c.File.Stat()
	if err != nil {
		return err
	}
	want := cipher.BackingMode(j.head.Mode, false)
	mtime := time.Unix(j.head.MtimeSec, int64(j.head.MtimeNsec))
	shown := info.Mode == want && info.Mtime.Equal(mtime) || info.Mode == cipher.BackingMode(j.head.Mode, true)
	if shown && (!r.Owners || info.UID == j.head.UID && info.GID == j.head.GID) {
		return nil
	}
	return c.Show(j.prev, r.Owners, r.Clock())
}

// write writes the chunks of one entry of the log that are in the last version.
func (j *job) write(at int, e *journal.Entry) error {
	c, err := j.t.Open(j.path(), true)
	if err != nil {
		return err
	}
	defer c.Close()
	layout := c.Keys.Layout()
	records := layout.Records(j.head.Length)
	return e.EachChunk(layout, func(ch journal.Chunk, plain []byte) error {
		if ch.Index < 0 || ch.Index >= records || !j.backing.Latest(at, ch.Index) {
			return nil
		}
		if len(c.Head.Version) > 0 {
			if err := c.Soil(); err != nil {
				return err
			}
		}
		return c.WriteChunk(ch, plain, j.head.Length)
	})
}

// finish verifies what is there, and only then writes the clean header.
func (j *job) finish(r *Replay) error {
	c, err := j.t.Open(j.path(), true)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := j.fit(c, r); err != nil {
		return err
	}
	changed, err := j.whole(c, r)
	if err != nil {
		return err
	}
	if changed {
		if err := c.File.Sync(); err != nil {
			return err
		}
	}
	if c.Head.Flags&cipher.Dirty == 0 && c.Head.CommitID == j.head.CommitID {
		err = j.show(c, r)
	} else if err = c.WriteHeader(&j.head); err == nil {
		err = c.Show(j.prev, r.Owners, r.Clock())
	}
	j.done, j.node.head = err == nil, c.Head
	return err
}

// fit gives the backing file the size of the version. After a mere kill, what
// was written directly since stays behind it.
func (j *job) fit(c *replica.Copy, r *Replay) error {
	if !r.SameBoot || len(j.backing.After) == 0 {
		return c.Fit(j.head.Length)
	}
	return c.FitBefore(j.head.Length, j.backing.After)
}

// whole makes the records those of the version, as well as that can be done, and
// tells whether that changed any.
func (j *job) whole(c *replica.Copy, r *Replay) (changed bool, err error) {
	acc, bad, err := c.Check(&j.head)
	for _, mend := range []func(*replica.Copy, *Replay, []int64) error{j.clearStrays, j.fetch, j.copyAll} {
		if err == nil && len(bad) == 0 && acc == j.head.Acc {
			return changed, nil
		}
		if err := mend(c, r, bad); err != nil {
			return true, err
		}
		changed = true
		acc, bad, err = c.Check(&j.head)
	}
	if err == nil && len(bad) == 0 && acc == j.head.Acc {
		return changed, nil
	}
	return changed, fmt.Errorf("%d of its records are lost, or are of another version: %w", len(bad), errors.Join(cipher.ErrDamaged, err))
}

// clearStrays makes holes of what lies where the log has no record and no
// earlier version had one.
func (j *job) clearStrays(c *replica.Copy, _ *Replay, _ []int64) error {
	if j.head.Flags&cipher.Sparse == 0 {
		return nil
	}
	layout := c.Keys.Layout()
	chunks, first := j.backing.Chunks(), j.backing.Ours(layout)
	return c.EachData(j.head.Length, func(run *replica.Run) error {
		for n, state := range run.States {
			i := run.First + int64(n)
			if i < first || state == cipher.RecordHole || chunks.Has(i) || j.backing.Direct.Has(i) {
				continue
			}
			if err := j.soil(c); err != nil {
				return err
			}
			if err := c.Write(i, make([]byte, layout.RecordSize(i, j.head.Length)-cipher.RecordOverhead), cipher.WriteID{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// soil is Soil for a file that has a version.
func (j *job) soil(c *replica.Copy) error {
	if len(c.Head.Version) == 0 {
		return nil
	}
	return c.Soil()
}

// fetch takes the records that cannot be right from other clouds.
func (j *job) fetch(c *replica.Copy, r *Replay, bad []int64) error {
	return r.trees.and(r.behind).others(j, func(o *replica.Copy) error {
		for _, i := range bad {
			_, id, state := o.One(i, j.head.Length)
			if state != cipher.RecordOK || !j.head.Version.Covers(id) {
				continue
			}
			if _, have, state := c.One(i, j.head.Length); state == cipher.RecordOK && j.head.Version.Covers(have) {
				continue
			}
			if err := j.soil(c); err != nil {
				return err
			}
			if err := c.CopyFrom(o, i, j.head.Length); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyAll makes the records the same as those of a cloud where they are whole.
func (j *job) copyAll(c *replica.Copy, r *Replay, _ []int64) error {
	return r.trees.and(r.behind).others(j, func(o *replica.Copy) error {
		acc, bad, err := o.Check(&j.head)
		if err != nil || len(bad) > 0 || acc != j.accIn(o, len(r.Clouds)) {
			return nil
		}
		return o.EachFilled(&j.head, func(run *replica.Run) error { return j.copyRun(c, o, run) }, c)
	})
}

// accIn is what acc is to be in another cloud's copy.
func (j *job) accIn(o *replica.Copy, clouds int) cipher.Acc {
	if j.backing.Whole != nil {
		return o.Cloud.AccOf(j.head.Type, o.Head.Salt, j.backing.Whole.Chunks)
	}
	head := j.backing.Head().Sealed(clouds)
	return head.Accs[o.Cloud.Index]
}

func (j *job) copyRun(c, o *replica.Copy, run *replica.Run) error {
	for n, id := range run.IDs {
		i := run.First + int64(n)
		_, have, state := c.One(i, j.head.Length)
		if state == run.States[n] && have == id {
			continue
		}
		if err := j.soil(c); err != nil {
			return err
		}
		if err := c.CopyFrom(o, i, j.head.Length); err != nil {
			return err
		}
	}
	return nil
}

// others opens the same backing file in every other cloud, one after the other.
func (all trees) others(j *job, do func(o *replica.Copy) error) error {
	for _, t := range all {
		if t == nil || t == j.t || j.backing.Salt(t.Index) == nil {
			continue
		}
		other := job{t: t, thing: j.thing, backing: j.backing}
		n := other.find()
		if n == nil || n.blank {
			continue
		}
		c, err := t.Open(n.path(), false)
		if err != nil {
			continue
		}
		err = do(c)
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}
