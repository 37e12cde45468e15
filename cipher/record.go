package cipher

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// A record is IV ‖ CT ‖ TAG. Of a chunk of n bytes it has n + 48, whatever n:
// the p bytes of padding that a tail's ciphertext has more, its tag has less,
// and 128 bits of it always remain. So stat tells a file's length.

// A RecordState says what [File.Open] made of a record.
type RecordState uint8

// The states of a record. The zero value is the one that serves nothing.
const (
	// RecordDamaged: it does not verify as the record of that chunk.
	RecordDamaged RecordState = iota
	// RecordHole: zero bytes only. It reads as zeros where the header has
	// [Sparse], and is damage where it has not.
	RecordHole
	// RecordOK: it verified, and its plaintext is whole.
	RecordOK
)

// String returns the state in a word.
func (s RecordState) String() string {
	switch s {
	case RecordOK:
		return "ok"
	case RecordHole:
		return "hole"
	}
	return "damaged"
}

// A group is as many records as are sealed or opened at a time: enough for the
// kernels to work on side by side, and few enough that what one pass has just
// written is still in the L2 cache when the next one reads it.
const (
	groupBytes = 256 << 10
	minGroup   = 16 // records, however large
	maxGroup   = 64
)

type group struct {
	blocks [maxGroup * blockSize]byte // write ids or IVs
	index  [maxGroup]int              // which record of the group a message or block is of
	msgs   [maxGroup]mac.Message
	lanes  [maxGroup + 1]cbc.Lane // a tail takes two
	last   [blockSize]byte        // a tail's last block, decrypted
}

func (f *File) group() *group { return f.groups.Get().(*group) }

// release gives a group back without the caller's buffers or any plaintext; at
// most that many records were in it at a time.
func (f *File) release(g *group, records int) {
	records = min(records, maxGroup)
	clear(g.msgs[:records])
	clear(g.lanes[:records+1])
	clear(g.last[:])
	f.groups.Put(g)
}

// groupSize returns the records in a full group.
func (f *File) groupSize() int {
	return min(max(groupBytes>>f.layout.ChunkLog2, minGroup), maxGroup)
}

// chunk returns the i-th chunk of consecutive ones.
func (f *File) chunk(plain []byte, i int) []byte {
	size := int(f.layout.ChunkSize())
	return plain[i*size : min((i+1)*size, len(plain))]
}

// record returns the i-th record of consecutive ones.
func (f *File) record(records []byte, i int) []byte {
	size := int(f.layout.stride())
	return records[i*size : min((i+1)*size, len(records))]
}

// padding returns p, the bytes of padding after n bytes of plaintext.
func (f *File) padding(n int) int {
	if n == int(f.layout.ChunkSize()) {
		return 0
	}
	return blockSize - n%blockSize
}

// split cuts a record into what its tag covers, IV and ciphertext, and the tag.
func (f *File) split(record []byte) (body, tag []byte) {
	n := len(record) - RecordOverhead
	end := IVSize + n + f.padding(n)
	return record[:end], record[end:]
}

// tagPrefix is what a tag covers before IV and ciphertext: index and length.
func tagPrefix(index int64, n int) (prefix [16]byte) {
	binary.BigEndian.PutUint64(prefix[:], uint64(index))
	binary.BigEndian.PutUint64(prefix[8:], uint64(n))
	return prefix
}

// checkRun holds the shape of a run of consecutive chunks against its buffers.
func (f *File) checkRun(plain, records int, first int64, count int) error {
	if n := f.layout.Records(int64(plain)); n != int64(count) || records != plain+RecordOverhead*count {
		return fmt.Errorf("%w: %d bytes of plaintext and %d of records for %d chunks of %d",
			ErrSize, plain, records, count, f.layout.ChunkSize())
	}
	if first < 0 || first > f.layout.maxRecords()-int64(count) {
		return fmt.Errorf("%w: %d chunks from chunk %d on", ErrSize, count, first)
	}
	return nil
}

// Seal encrypts and authenticates consecutive chunks: plain holds the chunks
// first, first+1, … of a file, every one full except perhaps the last, and dst
// takes their records side by side, len(plain) + 48·len(ids) bytes; the two
// must not overlap. ids has the write id of each, drawn for this write alone.
// It fails with [ErrSize] on another shape, with [ErrInvalid] on a write id
// without a counter, and then writes nothing.
func (f *File) Seal(dst, plain []byte, first int64, ids []WriteID) error {
	if err := f.checkRun(len(plain), len(dst), first, len(ids)); err != nil {
		return fmt.Errorf("cipher: sealing: %w", err)
	}
	for i, id := range ids {
		if id.Counter() == 0 {
			return fmt.Errorf("cipher: sealing chunk %d: %w: write id %v", first+int64(i), ErrInvalid, id)
		}
	}
	g := f.group()
	defer f.release(g, len(ids))
	for done, size := 0, f.groupSize(); done < len(ids); done += size {
		n := min(size, len(ids)-done)
		chunks, stride := int(f.layout.ChunkSize()), int(f.layout.stride())
		f.sealGroup(g, dst[done*stride:], plain[done*chunks:], first+int64(done), ids[done:done+n])
	}
	return nil
}

func (f *File) sealGroup(g *group, dst, plain []byte, first int64, ids []WriteID) {
	for i, id := range ids {
		copy(g.blocks[i*blockSize:], id[:])
	}
	ivs := g.blocks[:len(ids)*blockSize]
	f.iv.EncryptBlocks(ivs, ivs)
	for i := range ids {
		chunk, record := f.chunk(plain, i), f.record(dst, i)
		body, _ := f.split(record)
		iv, ct := body[:IVSize], body[IVSize:]
		copy(iv, ivs[i*blockSize:])
		if p := len(ct) - len(chunk); p > 0 {
			copy(ct, chunk)
			for j := len(chunk); j < len(ct); j++ {
				ct[j] = byte(p)
			}
			chunk = ct
		}
		g.lanes[i] = cbc.Lane{IV: (*[IVSize]byte)(iv), Dst: ct, Src: chunk}
		g.msgs[i].Prefix = tagPrefix(first+int64(i), len(record)-RecordOverhead)
		g.msgs[i].Body = body
	}
	f.enc.Encrypt(g.lanes[:len(ids)])
	f.tags.Sum(g.msgs[:len(ids)])
	for i := range ids {
		_, tag := f.split(f.record(dst, i))
		copy(tag, g.msgs[i].Sum[:])
	}
}

// Open verifies and decrypts consecutive records, the inverse of [File.Seal]:
// dst takes the plaintext of those that verify, and zeros for the others. For
// each record it sets the state, and for each with [RecordOK] the write id,
// which the caller holds against the header's version ([Vector.Covers]); other
// ids become zero. A caller must take [RecordHole] for damage unless the
// header has [Sparse]. It fails only with [ErrSize], on a shape that cannot
// be, and then writes nothing. dst must not overlap records.
func (f *File) Open(dst, records []byte, first int64, ids []WriteID, states []RecordState) error {
	if err := f.checkRun(len(dst), len(records), first, len(ids)); err != nil {
		return fmt.Errorf("cipher: opening: %w", err)
	}
	if len(states) != len(ids) {
		return fmt.Errorf("cipher: opening: %w: %d states for %d records", ErrSize, len(states), len(ids))
	}
	g := f.group()
	defer f.release(g, len(ids))
	for done, size := 0, f.groupSize(); done < len(ids); done += size {
		n := min(size, len(ids)-done)
		chunks, stride := int(f.layout.ChunkSize()), int(f.layout.stride())
		f.openGroup(g, run{
			plain: dst[done*chunks:], records: records[done*stride:],
			first: first + int64(done), ids: ids[done : done+n], states: states[done : done+n],
		})
	}
	return nil
}

// A run is one group's part of what Open was given.
type run struct {
	plain, records []byte
	first          int64
	ids            []WriteID
	states         []RecordState
}

func (f *File) openGroup(g *group, r run) {
	good := g.index[:f.verify(g, r)]
	ivs := g.blocks[:len(good)*blockSize]
	f.iv.DecryptBlocks(ivs, ivs)
	for j, i := range good {
		r.ids[i] = WriteID(ivs[j*blockSize:])
	}
	lanes, tail := 0, -1
	for _, i := range good {
		chunk, record := f.chunk(r.plain, i), f.record(r.records, i)
		body, _ := f.split(record)
		ct := body[IVSize:]
		if len(ct) > len(chunk) {
			// The padding has no room in dst: the last block goes aside,
			// chained to the block before it.
			tail = i
			whole := len(ct) - blockSize
			g.lanes[lanes] = cbc.Lane{IV: (*[IVSize]byte)(body[whole:]), Dst: g.last[:], Src: ct[whole:]}
			lanes++
			chunk, ct = chunk[:whole], ct[:whole]
		}
		if len(ct) > 0 {
			g.lanes[lanes] = cbc.Lane{IV: (*[IVSize]byte)(body), Dst: chunk, Src: ct}
			lanes++
		}
	}
	f.enc.Decrypt(g.lanes[:lanes])
	if tail >= 0 {
		f.finishTail(g, r, tail)
	}
}

// verify sets the state of every record of a run, and clears the plaintext and
// the write id of each that is not [RecordOK]. It leaves the places of those
// that are in g.index and their IVs in g.blocks, and returns their number.
func (f *File) verify(g *group, r run) int {
	count := 0
	for i := range r.ids {
		record := f.record(r.records, i)
		if isZero(record) {
			r.states[i] = RecordHole
			f.serveNothing(r, i)
			continue
		}
		g.index[count] = i
		g.msgs[count].Prefix = tagPrefix(r.first+int64(i), len(record)-RecordOverhead)
		g.msgs[count].Body, _ = f.split(record)
		count++
	}
	f.tags.Sum(g.msgs[:count])
	good := 0
	for j, i := range g.index[:count] {
		record := f.record(r.records, i)
		_, tag := f.split(record)
		if subtle.ConstantTimeCompare(g.msgs[j].Sum[:len(tag)], tag) != 1 {
			r.states[i] = RecordDamaged
			f.serveNothing(r, i)
			continue
		}
		r.states[i] = RecordOK
		g.index[good] = i
		copy(g.blocks[good*blockSize:], record[:IVSize])
		good++
	}
	return good
}

func (f *File) serveNothing(r run, i int) {
	clear(f.chunk(r.plain, i))
	r.ids[i] = WriteID{}
}

// finishTail checks the padding of a tail whose tag verified, and adds its last
// block to the plaintext. Padding that is wrong under a right tag was sealed
// wrong; that is no oracle, since only the key's holder can bring it about.
func (f *File) finishTail(g *group, r run, i int) {
	chunk := f.chunk(r.plain, i)
	used := len(chunk) % blockSize
	p := blockSize - used
	for _, pad := range g.last[used:] {
		if int(pad) != p {
			r.states[i] = RecordDamaged
			f.serveNothing(r, i)
			return
		}
	}
	copy(chunk[len(chunk)-used:], g.last[:used])
}

// PeekIDs decrypts the write ids of records without verifying anything: they
// say which write a record claims to be, for comparison with one that verified,
// and are no ground to serve or to learn from. A record that begins with zeros,
// as a hole does, has the zero write id. records is as for [File.Open], last
// the size of its last record in bytes. It fails with [ErrSize] on a shape that
// cannot be, and then writes nothing.
func (f *File) PeekIDs(ids []WriteID, records []byte, last int) error {
	stride := int(f.layout.stride())
	if len(ids) == 0 && len(records) == 0 {
		return nil
	}
	if last <= RecordOverhead || last > stride || len(records) != (len(ids)-1)*stride+last {
		return fmt.Errorf("cipher: peeking: %w: %d bytes for %d records, the last of %d", ErrSize, len(records), len(ids), last)
	}
	g := f.group()
	defer f.release(g, len(ids))
	for done := 0; done < len(ids); done += maxGroup {
		part := ids[done:min(done+maxGroup, len(ids))]
		ivs := g.blocks[:len(part)*blockSize]
		for i := range part {
			copy(ivs[i*blockSize:], records[(done+i)*stride:][:IVSize])
		}
		f.iv.DecryptBlocks(ivs, ivs)
		for i := range part {
			part[i] = WriteID(ivs[i*blockSize:])
			if isZero(records[(done+i)*stride:][:IVSize]) {
				part[i] = WriteID{}
			}
		}
	}
	return nil
}

// isZero reports whether b holds zeros only, in one look at most records.
func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
