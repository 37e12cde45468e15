package mirror

import (
	"fmt"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// final is what one backing file comes to: its records are synced first, and
// the clean header comes after that.
type final struct {
	ref    *ref
	salts  [][]byte      // by cloud
	head   *journal.Head // nil: the header that is there is left alone
	base   journal.Head
	direct journal.Spans // records that the log does not hold
}

// absorb adds a commit's records to those that must be there in the end.
func (fin *final) absorb(v *journal.Commit) {
	if v.Cut != nil {
		fin.direct.Cut(*v.Cut)
	}
	for _, s := range v.Direct {
		fin.direct.Add(s.Lo, s.Hi)
	}
	for _, ch := range v.Chunks {
		fin.direct.Remove(ch.Index)
	}
}

// redoCommit writes a commit's records, under a DIRTY header where committed
// ones change. After a kill a clean header vouches for them; after a power cut
// only a sync did, so that they are looked at whatever the header says.
func (r *replayer) redoCommit(mb *member, at int, e *journal.Entry) error {
	f, v := r.refs[e.Ref], e.Commit
	if f == nil || v == nil || mb.index >= len(e.Salts) || e.Salts[mb.index] == nil {
		return nil
	}
	e.Path = []byte(f.path) // for reports
	salt := string(e.Salts[mb.index])
	fin := r.finals[salt]
	if fin == nil {
		fin = &final{ref: f, salts: e.Salts}
	}
	path, ok := r.locateCopy(mb, fin)
	if !ok {
		_, alive := r.final(f.path, f.at)
		_, replaced := r.locate(mb, f.spot(), r.isSame(mb, v.Head.File))
		if alive && !replaced && !r.elsewhere(mb, v.Head.File) {
			r.miss(mb, e, ErrMissing)
		}
		return nil
	}
	c, err := r.openCopy(mb, path)
	if err != nil {
		r.miss(mb, e, err)
		return nil
	}
	defer c.close()
	to := v.Head.Sealed(len(r.m.members))
	had, err := r.holds(c.head, &to)
	if err != nil {
		r.miss(mb, e, err)
		return nil
	}
	life := r.lives[salt]
	switch {
	case had == later && (r.m.state.SameBoot() || !slices.Contains(life.heads, c.head.CommitID)):
		return nil
	case had == begun:
		err = r.rewrite(c, v, e.Data)
	case !r.m.state.SameBoot():
		err = r.mend(c, v, e.Data, func(i int64) bool { return life.supersedes(at, i) })
	}
	if err != nil {
		return err
	}
	fin.absorb(v)
	if had != later {
		fin.head, fin.base = &v.Head, v.Base
	}
	r.finals[salt] = fin
	return nil
}

// progress is how far a commit came in a copy.
type progress int

const (
	begun progress = iota // not at all, or in part
	whole                 // its clean header is there
	later                 // a later version's is
)

// holds tells from a copy's header how far a commit came. A conflicting
// version is not touched.
func (r *replayer) holds(h *cipher.Header, to *journal.Sealed) (progress, error) {
	if h.FileID != to.Head.FileID {
		if r.goesOn(to.Head.FileID, h) {
			return later, nil // a takeover changed the id after this commit
		}
		return begun, ErrConflict
	}
	switch cipher.Compare(h.Version, to.Head.Version) {
	case cipher.Less:
		return begun, nil
	case cipher.Greater:
		return later, nil
	case cipher.Equal:
		if h.CommitID != to.Head.CommitID {
			break
		}
		if h.Flags&cipher.Dirty != 0 {
			return begun, nil
		}
		return whole, nil
	}
	return begun, ErrConflict
}

// locateCopy finds the backing file of a commit: in place, or still beside the
// place where it belongs.
func (r *replayer) locateCopy(mb *member, fin *final) (string, bool) {
	match := r.hasSalt(mb, fin.salts[mb.index])
	if path, ok := r.locate(mb, fin.ref.spot(), match); ok {
		return path, true
	}
	if path, ok := r.locateTemp(mb, fin); ok {
		return path, true
	}
	return r.search(mb, fin.salts[mb.index])
}

// spot is where the log named the file.
func (f *ref) spot() spot { return spot{f.path, f.at, f.kind} }

func (r *replayer) locateTemp(mb *member, fin *final) (string, bool) {
	life := r.lives[string(fin.salts[mb.index])]
	if life == nil || life.temps == nil || life.temps[mb.index] == "" {
		return "", false
	}
	temp := life.temps[mb.index]
	match := r.hasSalt(mb, fin.salts[mb.index])
	for _, image := range r.images(fin.ref.path, fin.ref.at) {
		_, dir, _, err := r.entryPath(mb, image, fin.ref.kind)
		if err != nil {
			continue
		}
		if path := join(dir, temp); match(path) {
			return path, true
		}
	}
	return "", false
}

func (r *replayer) openCopy(mb *member, path string) (*copyOf, error) {
	file, err := mb.dir.Open(path, true)
	if err != nil {
		return nil, err
	}
	c := &copyOf{mb: mb, file: file}
	if c.head, c.keys, err = readHeader(mb, file); err != nil {
		file.Close()
		return nil, err
	}
	return c, nil
}

// rewrite brings a commit's records to one copy.
func (r *replayer) rewrite(c *copyOf, v *journal.Commit, data []byte) error {
	layout := r.m.layout
	base := v.Base.Sealed(len(r.m.members))
	if base.Committed() && !v.Fresh {
		base.Head.Flags |= cipher.Dirty
		if err := c.writeHeader(&base); err != nil {
			return err
		}
	}
	if v.Cut != nil {
		if err := c.cut(layout.RecordOffset(*v.Cut)); err != nil {
			return err
		}
	}
	err := v.EachChunk(data, func(ch journal.Chunk, plain []byte) error { return r.rewriteChunk(c, v, ch, plain) })
	if err != nil {
		return err
	}
	size, err := layout.CipherSize(v.Head.Length)
	if err != nil {
		return err
	}
	info, err := c.file.Stat()
	if err != nil || info.Size >= size {
		return err
	}
	return c.file.Truncate(size)
}

// mend writes the records of a commit again that a power cut took from a copy
// with a clean header of that commit, or of a later one that superseded some.
func (r *replayer) mend(c *copyOf, v *journal.Commit, data []byte, superseded func(i int64) bool) error {
	return v.EachChunk(data, func(ch journal.Chunk, plain []byte) error {
		if superseded(ch.Index) || r.newer(c, v, ch) {
			return nil
		}
		return r.rewriteChunk(c, v, ch, plain)
	})
}

// newer reports whether a copy has the record of an entry, or a later one.
func (r *replayer) newer(c *copyOf, v *journal.Commit, ch journal.Chunk) bool {
	length := max(v.Head.Length, c.head.Length)
	plain := make([]byte, r.m.layout.RecordSize(ch.Index, length)-cipher.RecordOverhead)
	id, ok := readRecord(c, r.m.layout, ch.Index, plain)
	return ok && ch.ID != nil && id.Counter() >= cipher.WriteID(ch.ID).Counter()
}

func (r *replayer) rewriteChunk(c *copyOf, v *journal.Commit, ch journal.Chunk, plain []byte) error {
	layout := r.m.layout
	record := make([]byte, layout.RecordSize(ch.Index, v.Head.Length))
	if ch.ID != nil {
		id := []cipher.WriteID{cipher.WriteID(ch.ID)}
		if err := c.keys.Seal(record, plain, ch.Index, id); err != nil {
			return err
		}
	}
	_, err := c.file.WriteAt(record, layout.RecordOffset(ch.Index))
	return err
}

// finishCommits writes the clean headers. A file whose direct writes a power
// cut took, in every cloud, keeps its DIRTY header: it is reported, and never
// served as something else.
func (r *replayer) finishCommits(mb *member) {
	for _, fin := range r.finals {
		if err := r.finishCommit(mb, fin); err != nil {
			r.m.logger.Warn("a commit cannot be finished", "cloud", mb.name, "error", err)
			r.misses[mb.index]++
		}
	}
}

func (r *replayer) finishCommit(mb *member, fin *final) error {
	path, ok := r.locateCopy(mb, fin)
	if !ok {
		return nil
	}
	c, err := r.openCopy(mb, path)
	if err != nil {
		return err
	}
	defer c.close()
	if !r.m.state.SameBoot() {
		if err := r.restoreDirect(c, fin); err != nil {
			return err
		}
	}
	if err := r.finishHeader(c, fin); err != nil {
		return err
	}
	if temp, ok := r.locateTemp(mb, fin); ok {
		return r.settleTemp(mb, fin, temp)
	}
	return nil
}

// finishHeader writes a clean header unless a later one is there.
func (r *replayer) finishHeader(c *copyOf, fin *final) error {
	if fin.head == nil {
		return nil
	}
	to, from := fin.head.Sealed(len(r.m.members)), fin.base.Sealed(len(r.m.members))
	if c.head.FileID == to.Head.FileID && cipher.Compare(c.head.Version, to.Head.Version) == cipher.Greater {
		return nil
	}
	if err := c.writeHeader(&to); err != nil {
		return err
	}
	return r.m.showAttrs(c, &from, &to)
}

// settleTemp renames a fresh backing file over the one that it replaces.
func (r *replayer) settleTemp(mb *member, fin *final, temp string) error {
	where, alive := r.final(fin.ref.path, fin.ref.at)
	if !alive || r.outdated(mb, fin.ref, fin.salts[mb.index]) {
		return mb.dir.Remove(temp)
	}
	path, _, _, err := r.entryPath(mb, where, fin.ref.kind)
	if err != nil {
		return err
	}
	return mb.dir.Rename(temp, path)
}

// outdated reports whether a file has a later version than the log has for one
// of its backing files, or goes on in one that was made later: others have
// replaced it then.
func (r *replayer) outdated(mb *member, f *ref, salt []byte) bool {
	life := r.lives[string(salt)]
	if life == nil || life.last == nil {
		return false
	}
	_, ok := r.locate(mb, f.spot(), func(path string) bool {
		h, err := r.m.peek(mb, path)
		if err != nil || !r.goesOn(life.last.File, h) {
			return false
		}
		if next := r.lives[string(h.Salt[:])]; next != nil && next != life && next.fresh > life.fresh {
			return true
		}
		return cipher.Compare(h.Version, life.last.Version) == cipher.Greater
	})
	return ok
}

// restoreDirect checks the records that were written directly, which the log
// does not hold, and takes those that a power cut took from another cloud.
func (r *replayer) restoreDirect(c *copyOf, fin *final) error {
	layout := r.m.layout
	plain := make([]byte, layout.ChunkSize())
	length := c.head.Length
	if fin.head != nil {
		length = fin.head.Length
	}
	for _, s := range fin.direct {
		for i := s.Lo; i < min(s.Hi, layout.Records(length)); i++ {
			n := layout.RecordSize(i, length) - cipher.RecordOverhead
			if _, ok := readRecord(c, layout, i, plain[:n]); ok {
				continue
			}
			if err := r.restoreRecord(c, fin, i, plain[:n]); err != nil {
				return err
			}
		}
	}
	return c.file.Sync()
}

// restoreRecord copies one record from another cloud, under the same write id.
func (r *replayer) restoreRecord(c *copyOf, fin *final, i int64, plain []byte) error {
	for _, mb := range r.m.ups() {
		if mb == c.mb || mb.index >= len(fin.salts) || fin.salts[mb.index] == nil {
			continue
		}
		path, ok := r.locateCopy(mb, fin)
		if !ok {
			continue
		}
		other, err := r.openCopy(mb, path)
		if err != nil {
			continue
		}
		id, ok := readRecord(other, r.m.layout, i, plain)
		other.close()
		if !ok {
			continue
		}
		record := make([]byte, len(plain)+cipher.RecordOverhead)
		if err := c.keys.Seal(record, plain, i, []cipher.WriteID{id}); err != nil {
			return err
		}
		_, err = c.file.WriteAt(record, r.m.layout.RecordOffset(i))
		return err
	}
	return fmt.Errorf("chunk %d: %w", i, ErrDamaged)
}
