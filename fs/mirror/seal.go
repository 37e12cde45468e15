package mirror

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// logFresh is how many bytes of direct writes an fsync copies into the log,
// so that one fdatasync of it is enough.
const logFresh = 1 << 20

// unsealed reports whether something is in no commit yet.
func (f *file) unsealed() bool {
	return !f.pending.empty() || f.attrs || f.length != f.base.Head.Length || !f.base.Committed()
}

// seal makes a commit of everything that is in none yet and appends it to the
// log. With durable, direct writes that no cloud has synced are copied into
// the entry where they are few. The caller holds file.mu.
func (f *file) seal(durable bool) error {
	if f.orphan || !f.unsealed() && !(durable && f.copyLate()) {
		return nil
	}
	indices := f.pendingIndices()
	ids, last, err := f.m.ids(len(indices)+1, f.base.Head.Version.Highest())
	if err != nil {
		return err
	}
	accs := slices.Clone(f.accs)
	for n, i := range indices {
		c := f.pending.chunks[i]
		if c.id = ids[n]; c.data == nil {
			continue
		}
		for k, cp := range f.copies {
			if cp.serves() {
				cp.keys.Terms(&accs[k], i, ids[n:n+1], nil)
			}
		}
	}
	next := journal.Sealed{Head: f.nextHead(last), Accs: accs}
	if err := f.logCommit(indices, &next, durable && f.copyLate()); err != nil {
		return err
	}
	f.adoptSeal(indices, next)
	return nil
}

// sealForClouds seals for a commit that goes to the clouds. Where that will
// touch a version that counts, the direct writes of the new one must not get
// lost on the way.
func (f *file) sealForClouds() error {
	f.mu.Lock()
	if (f.promised || f.disk.Committed()) && f.unsealed() && len(f.late) > 0 {
		f.mu.Unlock()
		_, err := f.sealDurable()
		return err
	}
	defer f.mu.Unlock()
	return f.seal(false)
}

// copyLate reports whether direct writes are few enough to go into the log.
func (f *file) copyLate() bool {
	n := f.late.Total()
	return n > 0 && n<<f.m.layout.ChunkLog2 <= logFresh
}

// pendingIndices returns the pending chunks that the file still has, in order.
func (f *file) pendingIndices() []int64 {
	records := f.m.layout.Records(f.length)
	var indices []int64
	for i := range f.pending.chunks {
		if i < records {
			indices = append(indices, i)
		}
	}
	slices.Sort(indices)
	return indices
}

// nextHead is the header of the next version.
func (f *file) nextHead(counter uint64) cipher.Header {
	h := f.base.Head
	h.CommitID = random16()
	h.Flags = f.flags &^ cipher.Dirty
	h.Mode, h.UID, h.GID, h.Length = f.mode, f.uid, f.gid, f.length
	h.MtimeSec, h.MtimeNsec = f.mtime.Unix(), uint32(f.mtime.Nanosecond())
	h.Version = f.base.Head.Version.With(f.m.state.Writer(), counter)
	return h
}

// logCommit appends the commit's entry.
func (f *file) logCommit(indices []int64, next *journal.Sealed, late bool) error {
	v := &journal.Commit{Base: journal.NewHead(&f.disk), Head: journal.NewHead(next), Direct: slices.Clone(f.fresh), Fresh: f.replacing}
	v.Firm = len(v.Direct) > 0 && len(f.late) == 0 && !f.n.late()
	if f.pending.cut != uncut {
		v.Cut = &f.pending.cut
	}
	var data [][]byte
	for _, i := range indices {
		c := f.pending.chunks[i]
		e := journal.Chunk{Index: i}
		if c.data != nil {
			e.N, e.ID = int(f.chunkLen(i)), slices.Clone(c.id[:])
			data = append(data, c.data[:min(len(c.data), e.N)], make([]byte, max(0, e.N-len(c.data))))
		}
		v.Chunks = append(v.Chunks, e)
	}
	if late {
		more, err := f.lateChunks(v)
		if err != nil {
			return err
		}
		data = append(data, more...)
	}
	if err := f.record(&journal.Entry{Op: journal.OpCommit, Salts: salts(f.copies), Commit: v}, data...); err != nil {
		return err
	}
	if late {
		f.late = nil
	}
	return nil
}

// lateChunks adds to a commit's entry the direct writes that no cloud has
// synced, as they are.
func (f *file) lateChunks(v *journal.Commit) ([][]byte, error) {
	var data [][]byte
	size := f.m.layout.ChunkSize()
	for _, s := range f.late {
		for i := s.Lo; i < s.Hi; i++ {
			if _, where := f.find(i); where != onClouds {
				continue
			}
			plain := make([]byte, f.chunkLen(i))
			r := newRun(i, 1, plain)
			if err := f.fetch(r); err != nil {
				return nil, err
			}
			v.Chunks = append(v.Chunks, journal.Chunk{Index: i, N: int(min(size, int64(len(plain)))), ID: slices.Clone(r.ids[0][:])})
			data = append(data, plain)
		}
	}
	return data, nil
}

// adoptSeal moves what was pending into the logged layer.
func (f *file) adoptSeal(indices []int64, next journal.Sealed) {
	if f.pending.cut != uncut {
		f.logged.cut = min(f.logged.cut, f.pending.cut)
		for i, c := range f.logged.chunks {
			if i >= f.pending.cut {
				f.charge(-int64(cap(c.data)))
				delete(f.logged.chunks, i)
			}
		}
	}
	for _, i := range indices {
		c := f.pending.chunks[i]
		delete(f.pending.chunks, i)
		if old := f.logged.chunks[i]; old != nil {
			f.charge(-int64(cap(old.data)))
		}
		f.logged.chunks[i] = c
	}
	for _, c := range f.pending.chunks {
		f.charge(-int64(cap(c.data)))
	}
	f.pending = newLayer()
	f.base, f.accs = next, slices.Clone(next.Accs)
	f.covered = max(f.covered, f.m.layout.Records(next.Head.Length))
	f.attrs, f.dirtySince = false, time.Time{}
}
