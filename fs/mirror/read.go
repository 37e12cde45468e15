package mirror

import (
	"errors"
	"fmt"
	"io"

	"github.com/overcast-fs/overcast/cipher"
)

// maxRun bounds the bytes of plaintext that are read or written at a time.
const maxRun = 1 << 20

// run is consecutive chunks on their way from the clouds: plain is cut to the
// file's length, ids and states have one element for each chunk.
type run struct {
	first  int64
	plain  []byte
	ids    []cipher.WriteID
	states []cipher.RecordState
}

func newRun(first int64, count int, plain []byte) *run {
	return &run{first, plain, make([]cipher.WriteID, count), make([]cipher.RecordState, count)}
}

// one is the part of a run that is chunk i of it.
func (r *run) one(i int, size int64) *run {
	lo := int64(i) * size
	hi := min(lo+size, int64(len(r.plain)))
	return &run{r.first + int64(i), r.plain[lo:hi], r.ids[i : i+1], r.states[i : i+1]}
}

// chunkLen is the plaintext bytes of chunk i at the present length.
func (f *file) chunkLen(i int64) int64 {
	size := f.m.layout.ChunkSize()
	return max(0, min(size, f.length-i*size))
}

// place says where a chunk's content is.
type place int

const (
	inLayer place = iota
	inHole
	onClouds
)

// find returns where chunk i's content is. A layer that was cut hides what is
// below it from the cut on.
func (f *file) find(i int64) (*chunk, place) {
	if c, ok := f.pending.chunks[i]; ok {
		return c, inLayer
	}
	if f.fresh.Has(i) {
		return nil, onClouds
	}
	for _, l := range []*layer{&f.pending, &f.logged, &f.moving} {
		if c, ok := l.chunks[i]; ok {
			return c, inLayer
		}
		if i >= l.cut {
			return nil, inHole
		}
	}
	if i >= f.floor {
		return nil, inHole
	}
	return nil, onClouds
}

// readAt reads plaintext; io.EOF at the end.
func (f *file) readAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off < 0 {
		return 0, ErrInvalid
	}
	if off >= f.length {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > f.length-off {
		p, short = p[:f.length-off], true
	}
	done := 0
	for done < len(p) {
		n, err := f.readSome(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	if short {
		return done, io.EOF
	}
	return done, nil
}

// readSome reads one chunk of a layer, one hole, or one run from the clouds.
func (f *file) readSome(p []byte, off int64) (int, error) {
	size := f.m.layout.ChunkSize()
	i, within := off/size, off%size
	c, where := f.find(i)
	switch where {
	case inLayer:
		n := int(min(int64(len(p)), f.chunkLen(i)-within))
		copyPadded(p[:n], c.data, within)
		return n, nil
	case inHole:
		n := int(min(int64(len(p)), f.chunkLen(i)-within))
		clear(p[:n])
		return n, nil
	}
	end := i + 1
	for end*size < off+int64(len(p)) && (end-i)*size < maxRun {
		if _, where := f.find(end); where != onClouds {
			break
		}
		end++
	}
	bytes := min(end*size, f.length) - i*size
	if within == 0 && bytes <= int64(len(p)) {
		return int(bytes), f.fetch(newRun(i, int(end-i), p[:bytes]))
	}
	buf := f.m.buffer(int(bytes))
	defer f.m.recycle(buf)
	if err := f.fetch(newRun(i, int(end-i), buf)); err != nil {
		return 0, err
	}
	return copy(p, buf[within:]), nil
}

// copyPadded copies data from off on, and zeros where data ends.
func copyPadded(dst, data []byte, off int64) {
	n := 0
	if off < int64(len(data)) {
		n = copy(dst, data[off:])
	}
	clear(dst[n:])
}

// readers returns the copies that serve, the one that is read first.
func (f *file) readers() []*copyOf {
	list := make([]*copyOf, 0, len(f.copies))
	if c := f.copies[f.source]; c.serves() && c.cloud.Up() {
		list = append(list, c)
	}
	for _, up := range []bool{true, false} {
		for _, c := range f.copies {
			if c.serves() && c.cloud.Up() == up && (len(list) == 0 || c != list[0]) {
				list = append(list, c)
			}
		}
	}
	return list
}

// fetch fills a run: from the copy that is read, and record by record from the
// others where that one does not verify.
func (f *file) fetch(r *run) error {
	readers := f.readers()
	if len(readers) == 0 {
		return unreadable("read", f.copies, f.m.clouds.All())
	}
	first := f.readRun(readers[0], r)
	if first == nil {
		return nil
	}
	f.m.logger.Warn("records do not verify; another cloud is asked", "cloud", readers[0].cloud.Name, "file", f.n.ino, "chunk", r.first, "error", first)
	for i, state := range r.states {
		if state != cipher.RecordDamaged {
			continue
		}
		one := r.one(i, f.m.layout.ChunkSize())
		failed := &UnreadableError{What: fmt.Sprintf("read chunk %d", one.first), Clouds: []CloudError{{readers[0].cloud.Name, first}}}
		for _, c := range readers[1:] {
			err := f.readRun(c, one)
			if err == nil {
				break
			}
			failed.Clouds = append(failed.Clouds, CloudError{c.cloud.Name, err})
		}
		if one.states[0] == cipher.RecordDamaged {
			f.m.logger.Error("no cloud can serve a record", "file", f.n.ino, "error", failed)
			return failed
		}
	}
	return nil
}

// readRun fills a run from one copy. An error means that at least one record
// does not serve: its state is RecordDamaged and its plaintext is zeros.
func (f *file) readRun(c *copyOf, r *run) error {
	if err := f.refresh(c); err != nil {
		r.refuse()
		return err
	}
	raw := f.m.buffer(len(r.plain) + cipher.RecordOverhead*len(r.ids))
	defer f.m.recycle(raw)
	reason, err := f.readRaw(c, r, raw)
	if err != nil {
		return err
	}
	for i, state := range r.states {
		switch {
		case state == cipher.RecordDamaged && reason == nil:
			reason = ErrDamaged
		case state == cipher.RecordHole && f.flags&cipher.Sparse == 0:
			r.states[i], reason = cipher.RecordDamaged, fmt.Errorf("%w: zeros", ErrDamaged)
		case state == cipher.RecordOK && r.first+int64(i) < f.floor && !f.base.Head.Version.Covers(r.ids[i]):
			r.states[i], reason = cipher.RecordDamaged, ErrArriving
		}
	}
	if err := f.believe(c, r, raw); err != nil {
		reason = err
	}
	r.clearDamaged(f.m.layout.ChunkSize())
	return reason
}

// readRaw reads and opens records. reason says that some are missing at the
// end of the backing file; err that none could be had.
func (f *file) readRaw(c *copyOf, r *run, raw []byte) (reason, err error) {
	n, err := c.file.ReadAt(raw, f.m.layout.RecordOffset(r.first))
	if err != nil && !errors.Is(err, io.EOF) {
		r.refuse()
		return nil, err
	}
	if n < len(raw) {
		clear(raw[n:])
		reason = ErrTruncated
	}
	if err := c.keys.Open(r.plain, raw, r.first, r.ids, r.states); err != nil {
		r.refuse()
		return nil, err
	}
	if reason != nil {
		// Zeros past the end are no holes: a hole's record is there.
		stride := f.m.layout.ChunkSize() + cipher.RecordOverhead
		for i := range r.states {
			if min(int64(i+1)*stride, int64(len(raw))) > int64(n) {
				r.states[i] = cipher.RecordDamaged
			}
		}
	}
	return reason, nil
}

// refuse marks all of the run as damaged.
func (r *run) refuse() {
	clear(r.states)
	clear(r.plain)
}

func (r *run) clearDamaged(size int64) {
	for i, state := range r.states {
		if state == cipher.RecordDamaged {
			clear(r.one(i, size).plain)
			r.ids[i] = cipher.WriteID{}
		}
	}
}

// buffer takes scratch memory of n bytes.
func (m *Mirror) buffer(n int) []byte {
	if b, ok := m.buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, max(n, 1<<16))
}

func (m *Mirror) recycle(b []byte) {
	b = b[:cap(b)]
	m.buffers.Put(&b)
}
