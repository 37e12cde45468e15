package copies

import (
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Refresh notices that somebody else wrote to a copy: what was believed of it
// is forgotten, and a header of another version takes it out.
func (s *Set) Refresh(c *Copy) error {
	info, err := c.File.Stat()
	if err != nil {
		return err
	}
	s.trust.Lock()
	defer s.trust.Unlock()
	if c.ours || info.Ctime.Equal(c.ctime) {
		c.ctime, c.ours = info.Ctime, false
		return nil
	}
	if s.Stored.Committed() {
		h, keys, err := c.On.ReadHeader(c.File)
		if err != nil {
			return err
		}
		keys.Wipe()
		if h.CommitID != c.Head.CommitID || h.Flags&cipher.Dirty != c.Head.Flags&cipher.Dirty {
			return replica.ErrArriving
		}
	}
	c.ctime = info.Ctime
	c.doubt()
	return nil
}

// Touched notes that this mount wrote to a copy, and which chunks.
func (s *Set) Touched(c *Copy, lo, hi int64) {
	s.trust.Lock()
	c.ours = true
	c.marks.Add(lo, hi)
	s.trust.Unlock()
}

// Wrote is Touched for records of which this mount has the write ids. Should somebody else write to the backing file between
// that and the last look at its ctime, what is read later is still not taken for ours.
func Wrote(s *Set, c *Copy, first int64, ids []cipher.WriteID) {
	s.trust.Lock()
	defer s.trust.Unlock()
	c.ours = true
	c.marks.Add(first, first+int64(len(ids)))
	stop := min(first+int64(len(ids)), wholeCheck/s.Layout.ChunkSize())
	if first >= stop {
		return
	}
	if more := stop - int64(len(c.ids)); more > 0 {
		c.ids = append(c.ids, make([]cipher.WriteID, more)...)
	}
	copy(c.ids[first:stop], ids)
	c.known.Add(first, stop)
}

// Forget notes that the records from one on are not what this mount wrote there any more.
func Forget(s *Set, c *Copy, from int64) {
	s.trust.Lock()
	c.known.Cut(from)
	s.trust.Unlock()
}

// Truncate sets the size of a copy that is to have so many records.
func Truncate(s *Set, c *Copy, records, size int64) error {
	s.Touched(c, 0, 0)
	Forget(s, c, records)
	return c.File.Truncate(size)
}

// left notes how this mount has left a copy, after the last of its own writes.
func left(s *Set, c *Copy, ctime time.Time) {
	s.trust.Lock()
	c.ctime, c.ours = ctime, false
	s.trust.Unlock()
}

// believe holds the verified records of a run against the version: a provider
// can put back a record of an earlier version, which verifies, or zero one in
// a sparse file. What fails becomes RecordDamaged.
func (s *Set) believe(c *Copy, r *replica.Run, raw []byte) error {
	s.trust.Lock()
	defer s.trust.Unlock()
	var reason error
	if c.refute(r) > 0 {
		reason = errAnswers
		c.doubt()
	}
	if c.marks.Covers(r.First, r.Stop()) {
		return nil
	}
	s.tallyRun(c, r)
	if s.Stored.Head.Length <= wholeCheck {
		s.checkWhole(c)
	}
	if c.whole == agrees {
		c.marks.Add(0, s.Floor())
		if c.refute(r) > 0 {
			reason = errAnswers
		}
		return reason
	}
	peer := peerOf(c, s.List)
	if c.whole == unknown && peer == nil && !c.checking && s.Stored.Committed() {
		c.checking = true
		s.Owner.CheckLater(&Check{s: s, c: c, commit: s.Stored.Head.CommitID})
	}
	equal := s.compareRun(peer, r, raw)
	for i := range r.States {
		at := r.First + int64(i)
		if r.States[i] == cipher.RecordDamaged || c.marks.Has(at) {
			continue
		}
		if c.whole == unknown && !equal[i] && (peer != nil || r.States[i] == cipher.RecordHole) {
			s.checkWhole(c)
		}
		switch {
		case c.whole == agrees, equal[i] && c.whole != differs, peer == nil && c.whole == unknown,
			peer == nil && c.whole == partial && r.States[i] != cipher.RecordHole:
			if peer != nil {
				c.marks.Add(at, at+1)
			}
		case c.whole == unknown && at >= s.Floor() && !contradicts(s, peer, r, i):
		default:
			r.States[i] = cipher.RecordDamaged
			reason = fmt.Errorf("%w: of another version than the header", replica.ErrDamaged)
		}
	}
	return reason
}

// contradicts reports whether a peer has a record there that verifies, where it has not
// the same one. Of what was written directly no acc tells, and what does not verify
// says nothing of any other copy.
func contradicts(s *Set, peer *Copy, r *replica.Run, i int) bool {
	size := int(s.Layout.ChunkSize())
	plain := s.Buffer(min(size, len(r.Plain)-i*size))
	defer s.Recycle(plain)
	one := replica.NewRun(r.First+int64(i), 1, plain)
	raw := s.Buffer(one.Raw())
	defer s.Recycle(raw)
	_, err := peer.ReadInto(one, raw)
	return err == nil && one.States[0] == cipher.RecordOK
}

// errAnswers: what was read is not what was checked, or written.
var errAnswers = fmt.Errorf("%w: other records than were read or written before", replica.ErrDamaged)

// doubt forgets what was believed of a copy. The caller holds Set.trust.
func (c *Copy) doubt() { c.marks, c.whole, c.tally, c.known = nil, unknown, tally{}, nil }

// refute makes those records of a run damaged that are others than were checked or
// written, and tells how many: a server can answer two reads differently. The caller holds Set.trust.
func (c *Copy) refute(r *replica.Run) (others int) {
	for i := range r.States {
		if at := r.First + int64(i); c.known.Has(at) && r.States[i] != cipher.RecordDamaged && r.IDs[i] != c.ids[at] {
			r.States[i] = cipher.RecordDamaged
			others++
		}
	}
	return others
}

// peerOf is another copy of the same version, in a cloud that is up, or nil.
func peerOf(c *Copy, list []*Copy) *Copy {
	for _, o := range list {
		if o != c && o.Serves() && o.On.Up() {
			return o
		}
	}
	return nil
}

// compareRun reports for each record of a run whether the peer has the same
// write id there, or the same hole. Of what the peer does not have to its end, or
// what cannot be read, nothing is the same.
func (s *Set) compareRun(peer *Copy, r *replica.Run, raw []byte) []bool {
	equal := make([]bool, len(r.IDs))
	if peer == nil {
		return equal
	}
	theirs := s.Buffer(len(raw))
	defer s.Recycle(theirs)
	n, _ := peer.File.ReadAt(theirs, s.Layout.RecordOffset(r.First))
	clear(theirs[n:])
	ids := make([]cipher.WriteID, len(r.IDs))
	last := len(raw) - (len(ids)-1)*int(s.Layout.ChunkSize()+cipher.RecordOverhead)
	if err := peer.Keys.PeekIDs(ids, theirs, last); err != nil {
		return equal
	}
	size := int(s.Layout.ChunkSize() + cipher.RecordOverhead)
	for i := range ids {
		equal[i] = ids[i] == r.IDs[i] && n >= min((i+1)*size, len(raw))
	}
	return equal
}
