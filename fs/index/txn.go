package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index/internal/pack"
)

// A bucket is one of the database's.
type bucket byte

const (
	inHead bucket = iota
	inNames
	inIDs
	inDebts
	inRest
	buckets
)

// String returns the bucket's name in the file.
func (in bucket) String() string { return [...]string{"head", "names", "ids", "debts", "rest"}[in] }

// The rows of the head.
var (
	saltKey    = []byte("salt")
	birthKey   = []byte("birth")
	appliedKey = []byte("applied")
	tallyKey   = []byte("tally")
	sweepKey   = []byte("sweep")
)

// A snapshot is a transaction of bbolt, with rows instead of bytes. It is used by one goroutine.
type snapshot struct {
	tx   *bolt.Tx
	keys *keys
	in   [buckets]*bolt.Bucket // those that were asked for
	row  []byte                // the last one that was opened
}

// of returns a bucket. That one is missing is damage: it panics, as bbolt does on that, and guard tells.
func (s *snapshot) of(in bucket) *bolt.Bucket {
	if s.in[in] == nil {
		if s.in[in] = s.tx.Bucket([]byte(in.String())); s.in[in] == nil {
			panic("no bucket " + in.String())
		}
	}
	return s.in[in]
}

// get returns a row, which is valid until the next call, or nil.
func (s *snapshot) get(in bucket, key []byte) ([]byte, error) {
	sealed := s.of(in).Get(key)
	if sealed == nil {
		return nil, nil
	}
	return s.open(in, key, sealed)
}

func (s *snapshot) open(in bucket, key, sealed []byte) ([]byte, error) {
	row, err := s.keys.open(s.row[:0], in, key, sealed)
	if err != nil {
		return nil, damaged(err)
	}
	s.row = row
	return row, nil
}

// parsed hands on what parse made of a row: bytes that open and are no row are damage, too.
func parsed[T any](v T, err error) (T, error) { return v, damaged(err) }

// name returns the row of a name, with its place alone if there is none.
func (s *snapshot) name(key *nameKey, p Place) (Row, error) {
	b, err := s.get(inNames, key[:])
	if err != nil || b == nil {
		return Row{Place: p, Cursor: Cursor(*key)}, err
	}
	r, err := parsed(parseName(b))
	if err == nil && r.Place != p {
		return Row{}, damaged(errors.New("a name's row is another's"))
	}
	r.Cursor = Cursor(*key)
	return r, err
}

func (s *snapshot) directory(n Dir) (dir Directory, ok bool, err error) {
	key := s.keys.dir(n)
	b, err := s.get(inNames, key[:])
	if err != nil || b == nil {
		return Directory{}, false, err
	}
	number, dir, err := parseDir(b)
	if err == nil && number != n {
		return Directory{}, false, nil // one in 2^64: two numbers with one key
	}
	return dir, err == nil, damaged(err)
}

func (s *snapshot) record(key *fileKey, f File) (record, bool, error) {
	b, err := s.get(inIDs, key[:])
	if err != nil || b == nil {
		return record{file: f}, false, err
	}
	r, err := parsed(parseRecord(b))
	return r, err == nil, err
}

func (s *snapshot) birth() (time.Time, error) {
	b, err := s.get(inHead, birthKey)
	if err != nil || b == nil {
		return time.Time{}, damaged(errors.Join(err, errors.New("no birth")))
	}
	d := decoder{pack.Decoder{B: b}}
	if format := d.Byte(); format != birthFormat {
		return time.Time{}, fmt.Errorf("format %d: %w", format, ErrNewer)
	}
	born := d.Time()
	return born, damaged(d.Done())
}

func (s *snapshot) appliedRow() (Applied, error) {
	b, err := s.get(inHead, appliedKey)
	if err != nil || b == nil {
		return Applied{}, err
	}
	d := openRow(b)
	a := Applied{Log: d.ID(), Below: d.Fixed(), Names: d.Fixed()}
	return a, damaged(d.Done())
}

// owed returns how many names a cloud owes.
func (s *snapshot) owed(cloud cipher.ID) (uint64, error) {
	b, err := s.get(inRest, s.keys.rest(cloudDomain, string(cloud[:])))
	if err != nil || b == nil {
		return 0, err
	}
	d := openRow(b)
	n := d.Fixed()
	return n, damaged(d.Done())
}

// A tally is how many rows there are in each bucket but the head, and their tags, added up without carry: the tags are
// pseudorandom, so that no row can be missing, doubled or changed without a trace.
type tally struct {
	count [buckets]uint64
	tags  [buckets][tagSize]byte
}

// add takes a sealed row in or out of the tags.
func (t *tally) add(in bucket, sealed []byte) {
	tag := sealed[len(sealed)-tagSize:]
	for i := range tag {
		t.tags[in][i] ^= tag[i]
	}
}

func (s *snapshot) tally() (t tally, err error) {
	b, err := s.get(inHead, tallyKey)
	if err != nil || b == nil {
		return t, damaged(errors.Join(err, errors.New("no tally")))
	}
	d := openRow(b)
	for in := range buckets {
		t.count[in] = d.Fixed()
		copy(t.tags[in][:], d.Take(tagSize))
	}
	return t, damaged(d.Done())
}

// A txn is a snapshot that is written.
type txn struct {
	*snapshot
	sum   tally
	now   time.Time // in whole seconds
	plain []byte    // the row that is being made
	arena []byte    // sealed rows, which bbolt reads until the transaction ends
	owing map[cipher.ID]int64
}

func newTxn(tx *bolt.Tx, k *keys, now time.Time) (*txn, error) {
	t := &txn{snapshot: &snapshot{tx: tx, keys: k}, now: now.Truncate(time.Second).UTC(), owing: map[cipher.ID]int64{}}
	if t.of(inHead).Get(birthKey) == nil {
		return t, nil // it is being made
	}
	var err error
	t.sum, err = t.tally()
	return t, err
}

const arenaSize = 64 << 10

// put writes a row.
func (t *txn) put(in bucket, key, row []byte) error {
	if len(row) > maxRow {
		return fmt.Errorf("%w: a row of %d bytes", ErrInvalid, len(row))
	}
	t.plain = row // its bytes are used again
	if in != inHead {
		if err := t.strike(in, key); err != nil {
			return err
		}
		t.sum.count[in]++
	}
	size := len(row) + overhead
	if cap(t.arena)-len(t.arena) < size {
		t.arena = make([]byte, 0, max(arenaSize, size))
	}
	sealed := t.keys.seal(t.arena, in, key, row)[len(t.arena):]
	t.arena = t.arena[:len(t.arena)+len(sealed)]
	sealed = slices.Clip(sealed)
	if in != inHead {
		t.sum.add(in, sealed)
	}
	return t.of(in).Put(key, sealed)
}

// del removes a row, if there is one.
func (t *txn) del(in bucket, key []byte) error {
	if err := t.strike(in, key); err != nil {
		return err
	}
	return t.of(in).Delete(key)
}

// strike takes a row out of the tally.
func (t *txn) strike(in bucket, key []byte) error {
	old := t.of(in).Get(key)
	if old == nil {
		return nil
	}
	if len(old) < overhead || t.sum.count[in] == 0 {
		return damaged(errors.New("a row that the tally does not have"))
	}
	t.sum.add(in, old)
	t.sum.count[in]--
	return nil
}

func (t *txn) setBirth() error {
	e := encoder{pack.Encoder{B: append(t.plain[:0], birthFormat)}}
	e.Time(t.now)
	return t.put(inHead, birthKey, e.B)
}

func (t *txn) setApplied(a Applied) error {
	e := newRow(t.plain)
	e.ID(a.Log)
	e.Fixed(a.Below)
	e.Fixed(a.Names)
	return t.put(inHead, appliedKey, e.B)
}

// end writes what follows from all that was written.
func (t *txn) end() error {
	for cloud, change := range t.owing {
		if err := t.count(cloud, change); err != nil {
			return err
		}
	}
	e := newRow(t.plain)
	for in := range buckets {
		e.Fixed(t.sum.count[in])
		e.B = append(e.B, t.sum.tags[in][:]...)
	}
	return t.put(inHead, tallyKey, e.B)
}

// count changes the number of names that a cloud owes.
func (t *txn) count(cloud cipher.ID, change int64) error {
	if change == 0 {
		return nil
	}
	key := t.keys.rest(cloudDomain, string(cloud[:]))
	n, err := t.snapshot.owed(cloud)
	if err != nil {
		return err
	}
	if n += uint64(change); n == 0 {
		return t.del(inRest, key)
	}
	return t.put(inRest, key, binary.BigEndian.AppendUint64(append(t.plain[:0], rowVersion), n))
}
