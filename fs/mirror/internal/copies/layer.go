package copies

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// PutLayer brings a layer of changes to one copy, of a version with that length.
func (s *Set) PutLayer(c *Copy, l *layer.Layer, length int64) error {
	if l.Cut != layer.Uncut {
		Forget(s, c, l.Cut)
		if err := c.Cut(s.Layout.RecordOffset(l.Cut)); err != nil {
			return err
		}
	}
	chunks := l.Chunks
	indices := l.Indices(s.Layout.Records(length))
	for len(indices) > 0 {
		n := 1
		hole := chunks[indices[0]].Data == nil
		for n < len(indices) && indices[n] == indices[0]+int64(n) && (hole || int64(n)<<s.Layout.ChunkLog2 < maxRun) &&
			(chunks[indices[n]].Data == nil) == hole {
			n++
		}
		ids, err := s.putRun(c, l, indices[:n], length)
		if err != nil {
			Forget(s, c, indices[0])
			return err
		}
		Wrote(s, c, indices[0], ids)
		indices = indices[n:]
	}
	return nil
}

// putRun seals and writes consecutive chunks, or as many holes, and gives their write ids.
func (s *Set) putRun(c *Copy, l *layer.Layer, indices []int64, length int64) (ids []cipher.WriteID, err error) {
	log2 := s.Layout.ChunkLog2
	first, stop := indices[0], indices[len(indices)-1]+1
	bytes := min(stop<<log2, length) - first<<log2
	ids = make([]cipher.WriteID, len(indices))
	if l.Chunks[first].Data == nil {
		return ids, punch(s, c, s.Layout.RecordOffset(first), bytes+int64(cipher.RecordOverhead*len(indices)))
	}
	raw := s.Buffer(int(bytes) + cipher.RecordOverhead*len(indices))
	defer s.Recycle(raw)
	plain := s.Buffer(int(bytes))
	defer s.Recycle(plain)
	clear(plain)
	for n, i := range indices {
		chunk := l.Chunks[i]
		copy(plain[n<<log2:], chunk.Data)
		ids[n] = chunk.ID
	}
	return ids, c.Put(&replica.Run{First: first, Plain: plain, IDs: ids}, raw)
}

// punch makes zeros of records, and gives their room back where the filesystem can.
func punch(s *Set, c *Copy, off, n int64) error {
	err := c.File.PunchHole(off, n)
	if !errors.Is(err, cloud.ErrUnsupported) {
		return err
	}
	err = nil
	zeros := s.Buffer(int(min(n, maxRun)))
	defer s.Recycle(zeros)
	clear(zeros)
	for end := off + n; off < end && err == nil; {
		p := zeros[:min(int64(len(zeros)), end-off)]
		_, err = c.File.WriteAt(p, off)
		off += int64(len(p))
	}
	return err
}

// manyRecords is from how many records on it is worth to know a copy whole before holes are left out.
const manyRecords = 4096

// NextData is the first record of the stored version from i on, below stop, that is no hole of some copy; stop if there is none. A copy that
// is not as long as it should be has lost something, and its holes tell nothing; and those of the only one that serves tell something once acc
// agrees, since somebody may have cut it, and made it as long again. Else anything can be there.
func NextData(s *Set, i, stop int64) int64 {
	var serving []*Copy
	var list []*replica.Copy
	for _, c := range s.List {
		if c.Serves() {
			serving, list = append(serving, c), append(list, &c.Copy)
		}
	}
	if whole, err := replica.Wholly(&s.Stored.Head, list...); err != nil || !whole || len(list) == 0 {
		return i
	}
	if s.Stored.Head.Length <= wholeCheck || len(list) == 1 && !knows(s, serving[0], stop-i) {
		return i
	}
	at, err := replica.NextData(list, i, stop)
	if err != nil {
		return i
	}
	return at
}

// knows reports whether acc agrees in a copy, which is found out where that many records are to be looked at.
func knows(s *Set, c *Copy, records int64) bool {
	s.trust.Lock()
	defer s.trust.Unlock()
	if records >= manyRecords {
		s.checkWhole(c)
	}
	return c.whole == agrees
}

// Sync makes what was written to copies in one cloud durable: one file by
// itself, several by one syncfs, unless that is not to be trusted.
func Sync(cl *clouds.Cloud, list []*Copy) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		if s, err := cl.Dir.Statfs(); err == nil && !s.Fuse {
			return cl.Dir.Syncfs()
		}
	}
	for _, c := range list {
		if err := c.File.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	return nil
}
