package copies

import (
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// wholeCheck is the length up to which a file is checked as a whole before
// its first byte is served. Longer ones are checked record by record against
// another cloud.
const wholeCheck = 1 << 20

// verdict is what is known of a copy's acc.
type verdict int

const (
	unknown verdict = iota
	agrees          // acc agrees with the header
	differs         // it does not: records of different versions, or removed ones
	partial         // some record verifies nowhere, so acc cannot be had
)

// checkable reports whether acc can tell anything now: there is no verdict yet,
// and the clouds hold one version.
func (s *Set) checkable(c *Copy) bool {
	return c.whole == unknown && !s.Changing && s.Stored.Committed() && s.showsStored(c)
}

// showsStored reports whether a copy's header is that of the stored version. A
// commit writes the next one before that version counts: its acc is of other
// records.
func (s *Set) showsStored(c *Copy) bool { return c.Head.CommitID == s.Stored.Head.CommitID }

// checkWhole computes acc from every record of a copy and gives the verdict. A
// record that does not verify there counts with the write id that another copy
// has, since it is the same in every cloud. The caller holds Set.trust.
func (s *Set) checkWhole(c *Copy) {
	if !s.checkable(c) {
		return
	}
	if s.Stored.Head.Length > wholeCheck {
		acc, err := s.accOf(c, 0, s.Floor(), nil)
		s.judge(c, acc, err)
		return
	}
	var ids []cipher.WriteID
	acc, err := s.accOf(c, 0, s.Floor(), &ids)
	if s.judge(c, acc, err); c.whole == agrees {
		c.know(ids)
	}
}

// judge gives the verdict from the acc of all records, or from the error that
// says that it cannot be had. The caller holds Set.trust.
func (s *Set) judge(c *Copy, acc cipher.Acc, err error) {
	switch {
	case err != nil:
		c.whole = partial
	case acc == c.Head.Acc:
		s.vouch(c)
	default:
		c.whole = differs
		s.Logger.Error("a copy holds records of different versions", "cloud", c.On.Name, "file", s.Owner.Ino())
	}
}

// know notes the write ids of all records.
func (c *Copy) know(ids []cipher.WriteID) {
	c.ids, c.known = ids, nil
	c.known.Add(0, int64(len(ids)))
}

// tally is acc as far as reads have come across the records of a version. It
// makes a verdict of whatever reads a file to its end, in any order.
type tally struct {
	commit cipher.ID
	seen   journal.Spans
	acc    cipher.Acc
	ids    []cipher.WriteID // of all records, where they are few
}

// maxGaps bounds the memory of a tally: random reads seldom come across every
// record.
const maxGaps = 64

// tallyRun adds a run to the tally, and draws the verdict when it is whole: so
// what is read to its end is read once. The caller holds Set.trust.
func (s *Set) tallyRun(c *Copy, r *replica.Run) {
	if !s.checkable(c) || slices.Contains(r.States, cipher.RecordDamaged) {
		return
	}
	t := &c.tally
	if t.commit != s.Stored.Head.CommitID {
		*t = tally{commit: s.Stored.Head.CommitID}
	}
	records, stop := s.Floor(), r.Stop()
	if len(t.seen) > maxGaps || t.seen.Overlaps(r.First, stop) || stop > records {
		return
	}
	c.Keys.Terms(&t.acc, r.First, r.IDs, r.States)
	t.seen.Add(r.First, stop)
	if s.Stored.Head.Length <= wholeCheck {
		t.ids = slices.Grow(t.ids, int(records))[:records]
		copy(t.ids[r.First:], r.IDs)
	}
	if t.seen.Covers(0, records) && t.acc == c.Head.Acc {
		s.vouch(c)
		c.know(t.ids)
	}
}

// checked is what the index keeps of a copy whose acc agrees.
func (c *Copy) checked(ctime time.Time) (index.Checked, error) {
	info, err := c.File.Stat()
	if err == nil && !info.Ctime.Equal(ctime) {
		err = replica.ErrArriving
	}
	return index.Checked{Cloud: c.On.ID, Ino: info.Ino, CommitID: c.Head.CommitID, Ctime: ctime}, err
}

// recall believes a long copy that an earlier mount checked and nobody changed
// since.
func (s *Set) recall(c *Copy) {
	if s.Stored.Head.Length <= wholeCheck || !c.Serves() {
		return
	}
	if was, err := c.checked(c.ctime); err == nil && s.Ledger.WasChecked(was) {
		c.whole = agrees
	}
}

// vouch notes that acc agrees, for this mount and, of a long file, for later
// ones. The caller holds Set.trust.
func (s *Set) vouch(c *Copy) {
	c.whole = agrees
	if s.Stored.Head.Length <= wholeCheck || c.ours {
		return
	}
	if was, err := c.checked(c.ctime); err == nil {
		s.Ledger.Checked(was)
	}
}

// filled is the first record from i on, below stop, that does not lie in a hole of a copy which is as long as it should be.
func filled(s *Set, c *Copy, i, stop int64) int64 {
	if whole, err := replica.Wholly(&s.Stored.Head, &c.Copy); err != nil || !whole {
		return i
	}
	at, err := replica.NextData([]*replica.Copy{&c.Copy}, i, stop)
	if err != nil {
		return i
	}
	return at
}

// accOf computes a copy's acc over the records lo to hi of the stored version, and
// adds their write ids to a list, if there is one. It fails where a record verifies
// nowhere.
func (s *Set) accOf(c *Copy, lo, hi int64, ids *[]cipher.WriteID) (acc cipher.Acc, err error) {
	size := s.Layout.ChunkSize()
	plain := s.Buffer(maxRun)
	defer s.Recycle(plain)
	for at := lo; at < hi; {
		if ids == nil {
			if at = filled(s, c, at, hi); at == hi {
				break
			}
		}
		count := min(hi-at, maxRun/size)
		r := replica.NewRun(at, int(count), plain[:min((at+count)*size, s.Stored.Head.Length)-at*size])
		if err := s.verifyIDs(c, r); err != nil {
			return acc, err
		}
		c.Keys.Terms(&acc, at, r.IDs, r.States)
		if ids != nil {
			*ids = append(*ids, r.IDs...)
		}
		at += count
	}
	return acc, nil
}

// verifyIDs finds the verified write ids of a run, first in one copy and then
// in the others.
func (s *Set) verifyIDs(c *Copy, r *replica.Run) error {
	if err := s.idsFrom(c, r); err == nil {
		return nil
	}
	for i, state := range r.States {
		if state != cipher.RecordDamaged {
			continue
		}
		one := r.One(i, s.Layout.ChunkSize())
		for _, o := range s.List {
			if o != c && o.Serves() && s.idsFrom(o, one) == nil {
				break
			}
		}
		if one.States[0] == cipher.RecordDamaged {
			return fmt.Errorf("chunk %d: %w", one.First, replica.ErrDamaged)
		}
	}
	return nil
}

func (s *Set) idsFrom(c *Copy, r *replica.Run) error {
	raw := s.Buffer(r.Raw())
	defer s.Recycle(raw)
	if _, err := c.ReadInto(r, raw); err != nil {
		return err
	}
	var err error
	for i, state := range r.States {
		if state == cipher.RecordHole && s.Stored.Head.Flags&cipher.Sparse == 0 ||
			state == cipher.RecordOK && !s.Stored.Head.Version.Covers(r.IDs[i]) {
			r.States[i] = cipher.RecordDamaged
		}
		if r.States[i] == cipher.RecordDamaged {
			err = replica.ErrDamaged
		}
	}
	return err
}

// checkAfter is how long a check in the background waits for reads that come
// across all records by themselves.
const checkAfter = time.Second

// Check is the check of a copy in the background: the version that it is of, acc
// so far, and the next chunk.
type Check struct {
	s      *Set
	c      *Copy
	commit cipher.ID
	acc    cipher.Acc
	next   int64
}

// Await returns when no reads come across further records, and reports whether
// they have left something to check. wait lets time pass, and says false where
// there is none left.
func (k *Check) Await(wait func(time.Duration) bool) (left bool) {
	s, c := k.s, k.c
	for last := int64(-1); ; {
		s.trust.Lock()
		now, known := c.tally.seen.Total(), c.whole != unknown
		if known {
			c.checking = false
		}
		s.trust.Unlock()
		if known || now == last {
			return !known
		}
		last = now
		if !wait(checkAfter) {
			return false
		}
	}
}

// Step adds one batch of records. It gives up when the stored version changes,
// and draws the verdict at the end.
func (k *Check) Step() (done bool) {
	s, c := k.s, k.c
	if s.Stored.Head.CommitID != k.commit || s.Changing || !c.Serves() || !s.showsStored(c) {
		s.trust.Lock()
		c.checking = false
		s.trust.Unlock()
		return true
	}
	records := s.Floor()
	k.next = filled(s, c, k.next, records)
	stop := min(k.next+maxRun/s.Layout.ChunkSize(), records)
	part, err := s.accOf(c, k.next, stop, nil)
	k.acc.XOR(part)
	if k.next = stop; err == nil && stop < records {
		return false
	}
	s.trust.Lock()
	defer s.trust.Unlock()
	c.checking = false
	s.judge(c, k.acc, err)
	return true
}
