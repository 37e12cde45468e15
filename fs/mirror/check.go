package mirror

import (
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/vault"
)

// wholeCheck is the length up to which a file is checked as a whole before
// its first byte is served. Longer ones are checked record by record against
// another cloud.
const wholeCheck = 1 << 20

// refresh notices that somebody else wrote to a copy: what was believed of it
// is forgotten, and a header of another version takes it out.
func (f *file) refresh(c *copyOf) error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	f.trust.Lock()
	defer f.trust.Unlock()
	if c.ours || info.Ctime.Equal(c.ctime) {
		c.ctime, c.ours = info.Ctime, false
		return nil
	}
	if f.disk.Committed() {
		h, keys, err := c.cloud.ReadHeader(c.file)
		if err != nil {
			return err
		}
		keys.Wipe()
		if h.CommitID != c.head.CommitID || h.Flags&cipher.Dirty != c.head.Flags&cipher.Dirty {
			return ErrArriving
		}
	}
	c.ctime, c.marks, c.whole, c.tally = info.Ctime, nil, unknown, tally{}
	return nil
}

// touched notes that this mount wrote to a copy, and which chunks.
func (f *file) touched(c *copyOf, lo, hi int64) {
	f.trust.Lock()
	c.ours = true
	c.marks.Add(lo, hi)
	f.trust.Unlock()
}

// believe holds the verified records of a run against the version: a provider
// can put back a record of an earlier version, which verifies, or zero one in
// a sparse file. What fails becomes RecordDamaged.
func (f *file) believe(c *copyOf, r *run, raw []byte) error {
	f.trust.Lock()
	defer f.trust.Unlock()
	if c.marks.Covers(r.first, r.first+int64(len(r.ids))) {
		return nil
	}
	f.settleRun(c, r)
	if f.disk.Head.Length <= wholeCheck {
		f.settle(c)
	}
	if c.whole == agrees {
		c.marks.Add(0, f.m.layout.Records(f.disk.Head.Length))
		return nil
	}
	peer := f.peer(c)
	if c.whole == unknown && peer == nil {
		f.settleLater(c)
	}
	equal := f.compareRun(peer, r, raw)
	var reason error
	for i := range r.states {
		at := r.first + int64(i)
		if r.states[i] == cipher.RecordDamaged || c.marks.Has(at) {
			continue
		}
		if c.whole == unknown && !equal[i] && (peer != nil || r.states[i] == cipher.RecordHole) {
			f.settle(c)
		}
		switch {
		case c.whole == agrees, equal[i], peer == nil && c.whole == unknown,
			peer == nil && c.whole == partial && r.states[i] != cipher.RecordHole:
			if peer != nil {
				c.marks.Add(at, at+1)
			}
		default:
			r.states[i] = cipher.RecordDamaged
			reason = fmt.Errorf("%w: of another version than the header", ErrDamaged)
		}
	}
	return reason
}

// peer is another copy of the same version, or nil.
func (f *file) peer(c *copyOf) *copyOf {
	for _, o := range f.copies {
		if o != c && o.serves() {
			return o
		}
	}
	return nil
}

// compareRun reports for each record of a run whether the peer has the same
// write id there, or the same hole.
func (f *file) compareRun(peer *copyOf, r *run, raw []byte) []bool {
	equal := make([]bool, len(r.ids))
	if peer == nil {
		return equal
	}
	theirs := f.m.buffer(len(raw))
	defer f.m.recycle(theirs)
	n, _ := peer.file.ReadAt(theirs, f.m.layout.RecordOffset(r.first))
	clear(theirs[n:])
	ids := make([]cipher.WriteID, len(r.ids))
	last := len(raw) - (len(ids)-1)*int(f.m.layout.ChunkSize()+cipher.RecordOverhead)
	if err := peer.keys.PeekIDs(ids, theirs, last); err != nil {
		return equal
	}
	for i := range ids {
		equal[i] = ids[i] == r.ids[i]
	}
	return equal
}

// settle computes acc from every record of a copy and gives the verdict. A
// record that does not verify there counts with the write id that another
// copy has, since it is the same in every cloud. The caller holds file.trust.
func (f *file) settle(c *copyOf) {
	if !f.settleable(c) {
		return
	}
	acc, err := f.accOf(c, 0, f.m.layout.Records(f.disk.Head.Length))
	switch {
	case err != nil:
		c.whole = partial
	case acc == c.head.Acc:
		f.vouch(c)
	default:
		c.whole = differs
		f.m.logger.Error("a copy holds records of different versions", "cloud", c.cloud.Name, "file", f.n.ino)
	}
}

// tally is acc as far as reads have come across the records of a version. It
// makes a verdict of whatever reads a file to its end, in any order.
type tally struct {
	commit cipher.ID
	seen   journal.Spans
	acc    cipher.Acc
}

// maxGaps bounds the memory of a tally: random reads seldom come across every
// record.
const maxGaps = 64

// settleRun adds a run to the tally, and draws the verdict when it is whole:
// so what is read to its end is read once. The caller holds file.trust.
func (f *file) settleRun(c *copyOf, r *run) {
	if !f.settleable(c) || slices.Contains(r.states, cipher.RecordDamaged) {
		return
	}
	t := &c.tally
	if t.commit != f.disk.Head.CommitID {
		*t = tally{commit: f.disk.Head.CommitID}
	}
	records := f.m.layout.Records(f.disk.Head.Length)
	stop := r.first + int64(len(r.ids))
	if len(t.seen) > maxGaps || t.seen.Overlaps(r.first, stop) || stop > records {
		return
	}
	c.keys.Terms(&t.acc, r.first, r.ids, r.states)
	t.seen.Add(r.first, stop)
	if t.seen.Covers(0, records) && t.acc == c.head.Acc {
		f.vouch(c)
	}
}

// checked is what the ledger keeps of a copy whose acc agrees.
func (c *copyOf) checked(ctime time.Time) (vault.Checked, error) {
	info, err := c.file.Stat()
	if err == nil && !info.Ctime.Equal(ctime) {
		err = ErrArriving
	}
	return vault.Checked{Cloud: c.cloud.ID, Ino: info.Ino, CommitID: c.head.CommitID, Ctime: ctime}, err
}

// recall believes a long copy that an earlier mount checked and nobody changed
// since.
func (f *file) recall(c *copyOf) {
	if f.disk.Head.Length <= wholeCheck || !c.serves() {
		return
	}
	if was, err := c.checked(c.ctime); err == nil && f.m.state.WasChecked(was) {
		c.whole = agrees
	}
}

// vouch notes that acc agrees, for this mount and, of a long file, for later
// ones. The caller holds file.trust.
func (f *file) vouch(c *copyOf) {
	c.whole = agrees
	if f.disk.Head.Length <= wholeCheck || c.ours {
		return
	}
	if was, err := c.checked(c.ctime); err == nil {
		f.m.commits.mu.Lock()
		f.m.commits.found = append(f.m.commits.found, was)
		f.m.commits.mu.Unlock()
	}
}

// recordChecked writes down what was found since the last time.
func (m *Mirror) recordChecked() {
	m.commits.mu.Lock()
	found := m.commits.found
	m.commits.found = nil
	m.commits.mu.Unlock()
	if len(found) == 0 {
		return
	}
	if err := m.state.RecordChecked(found); err != nil {
		m.logger.Warn("the ledger cannot be written", "error", err)
	}
}

// settleable reports whether acc can tell anything now: there is no verdict
// yet, and the clouds hold one version.
func (f *file) settleable(c *copyOf) bool {
	return c.whole == unknown && f.moving.empty() && !f.replacing && f.disk.Committed() && f.showsDisk(c)
}

// showsDisk reports whether a copy's header is that of the version on the
// clouds. A commit writes the next one before that version counts: its acc is
// of other records.
func (f *file) showsDisk(c *copyOf) bool { return c.head.CommitID == f.disk.Head.CommitID }

// accOf computes a copy's acc over the records lo to hi of the version on the
// clouds. It fails where a record verifies nowhere.
func (f *file) accOf(c *copyOf, lo, hi int64) (acc cipher.Acc, err error) {
	size := f.m.layout.ChunkSize()
	plain := f.m.buffer(maxRun)
	defer f.m.recycle(plain)
	for at := lo; at < hi; {
		count := min(hi-at, maxRun/size)
		r := newRun(at, int(count), plain[:min((at+count)*size, f.disk.Head.Length)-at*size])
		if err := f.verifyIDs(c, r); err != nil {
			return acc, err
		}
		c.keys.Terms(&acc, at, r.ids, r.states)
		at += count
	}
	return acc, nil
}

// verifyIDs finds the verified write ids of a run, first in one copy and then
// in the others.
func (f *file) verifyIDs(c *copyOf, r *run) error {
	if err := f.idsFrom(c, r); err == nil {
		return nil
	}
	for i, state := range r.states {
		if state != cipher.RecordDamaged {
			continue
		}
		one := r.one(i, f.m.layout.ChunkSize())
		for _, o := range f.copies {
			if o != c && o.serves() && f.idsFrom(o, one) == nil {
				break
			}
		}
		if one.states[0] == cipher.RecordDamaged {
			return fmt.Errorf("chunk %d: %w", one.first, ErrDamaged)
		}
	}
	return nil
}

func (f *file) idsFrom(c *copyOf, r *run) error {
	raw := f.m.buffer(len(r.plain) + cipher.RecordOverhead*len(r.ids))
	defer f.m.recycle(raw)
	if _, err := f.readRaw(c, r, raw); err != nil {
		return err
	}
	var err error
	for i, state := range r.states {
		if state == cipher.RecordHole && f.disk.Head.Flags&cipher.Sparse == 0 ||
			state == cipher.RecordOK && !f.disk.Head.Version.Covers(r.ids[i]) {
			r.states[i] = cipher.RecordDamaged
		}
		if r.states[i] == cipher.RecordDamaged {
			err = ErrDamaged
		}
	}
	return err
}

// settleLater computes acc in the background, for a long file whose only copy
// this is. The caller holds file.trust.
func (f *file) settleLater(c *copyOf) {
	if c.checking || !f.disk.Committed() {
		return
	}
	c.checking = true
	commit := f.disk.Head.CommitID
	f.m.commits.background(func() {
		held, err := f.m.acquire(f.n)
		if err != nil {
			return
		}
		defer held.release()
		if held == f && !f.awaitReads(c) {
			return
		}
		var acc cipher.Acc
		for lo, done := int64(0), held != f; !done; {
			lo, done = f.settleStep(c, commit, &acc, lo)
		}
	})
}

// settleAfter is how long the check in the background waits for reads that
// come across all records by themselves.
const settleAfter = time.Second

// awaitReads returns when no reads come across further records, and reports
// whether they have left something to check.
func (f *file) awaitReads(c *copyOf) (left bool) {
	for last := int64(-1); ; {
		f.trust.Lock()
		now, settled := c.tally.seen.Total(), c.whole != unknown
		if settled {
			c.checking = false
		}
		f.trust.Unlock()
		if settled || now == last {
			return !settled
		}
		last = now
		if !f.m.commits.wait(settleAfter) {
			return false
		}
	}
}

// settleStep adds one batch of records to acc. It gives up when the version on
// the clouds changes, and draws the verdict at the end.
func (f *file) settleStep(c *copyOf, commit cipher.ID, acc *cipher.Acc, lo int64) (next int64, done bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.disk.Head.CommitID != commit || !f.moving.empty() || !c.serves() || !f.showsDisk(c) {
		f.trust.Lock()
		c.checking = false
		f.trust.Unlock()
		return lo, true
	}
	records := f.m.layout.Records(f.disk.Head.Length)
	next = min(lo+maxRun/f.m.layout.ChunkSize(), records)
	part, err := f.accOf(c, lo, next)
	acc.XOR(part)
	if err == nil && next < records {
		return next, f.m.commits.stopping()
	}
	f.trust.Lock()
	defer f.trust.Unlock()
	c.checking = false
	switch {
	case err != nil:
		c.whole = partial
	case *acc == c.head.Acc:
		f.vouch(c)
	default:
		c.whole = differs
		f.m.logger.Error("a copy holds records of different versions", "cloud", c.cloud.Name, "file", f.n.ino)
	}
	return next, true
}
