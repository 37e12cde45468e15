package compare

import (
	"cmp"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Span is the chunks from Lo on that are before Hi.
type Span struct{ Lo, Hi int64 }

// Content is what copies of one commit hold, record by record, held against
// each other and against acc.
type Content struct {
	Bad   [][]Span // by copy: chunks that are not as the commit wrote them
	Lost  []Span   // chunks that no copy has, or of which nobody can tell who is right
	Cut   []int64  // by copy: from this chunk on the file has ended too soon; [NotCut]
	Bytes []int64  // by copy: how many were read
}

// NotCut is beyond every chunk.
const NotCut = math.MaxInt64

// IsLost reports whether no copy has a chunk.
func (c *Content) IsLost(chunk int64) bool { return within(c.Lost, chunk) }

// Sound reports whether every copy is whole.
func (c *Content) Sound() bool {
	return len(c.Lost) == 0 && !slices.ContainsFunc(c.Bad, func(b []Span) bool { return len(b) > 0 })
}

// Has reports whether a copy has a chunk right.
func (c *Content) Has(copy int, chunk int64) bool {
	return !within(c.Bad[copy], chunk) && !within(c.Lost, chunk)
}

// within reports whether spans, which are sorted, hold a chunk.
func within(spans []Span, chunk int64) bool {
	i, ok := slices.BinarySearchFunc(spans, chunk, func(s Span, chunk int64) int { return cmp.Compare(s.Lo, chunk) })
	return ok || i > 0 && chunk < spans[i-1].Hi
}

// The sizes of what is read at a time, in bytes of plaintext.
const (
	runBytes     = 1 << 20
	segmentBytes = 16 << 20
)

// maxContested bounds how many chunks on which copies differ are kept.
const maxContested = 1 << 18

// checker compares the copies of one file. Its segments are checked by as many
// workers as are free.
type checker struct {
	copies []*replica.Copy
	head   *cipher.Header
	layout cipher.Layout

	mu        sync.Mutex
	own       []cipher.Acc // over the records of each copy that verify
	agreed    []cipher.Acc // over those on which all agree that have one, by each copy's keys
	bad       [][]Span
	none      []Span // chunks that no copy has
	contested []contest
	tooMany   bool
	cut       []int64
	bytes     []int64
	err       error
}

// A contest is a chunk for which copies have different write ids. Zero is a
// hole.
type contest struct {
	chunk int64
	ids   []cipher.WriteID // by copy
	good  []bool           // by copy: it has a record, or a hole, that can be right
}

// Check reads every record of some copies of one commit. Those that cannot be
// read are bad. It fails only where the copies are not of one commit, or where
// the comparison is to stop.
func (c *Comparison) Check(copies []*replica.Copy) (*Content, error) {
	n := len(copies)
	k := &checker{
		copies: copies, head: copies[0].Head, layout: copies[0].Keys.Layout(),
		own: make([]cipher.Acc, n), agreed: make([]cipher.Acc, n), bad: make([][]Span, n), cut: uncut(n), bytes: make([]int64, n),
	}
	for _, cp := range copies {
		if cp.Head.CommitID != k.head.CommitID || cp.Head.Length != k.head.Length || cp.Head.Type != k.head.Type {
			return nil, errors.New("compare: the copies are not of one commit")
		}
	}
	step := segmentBytes / k.layout.ChunkSize()
	records := k.layout.Records(k.head.Length)
	segments := replica.ScanWhole(k.head, copies, 0, records, step).Parts() // what is a hole in every copy is right, and in no sum
	c.pool.each(len(segments), func(i int, s *scratch) {
		if err := c.stopped(); err != nil {
			k.merge(&checker{err: err})
			return
		}
		lo := segments[i]
		k.segment(lo, min(lo+step, records), s)
	})
	if k.err != nil {
		return nil, k.err
	}
	return k.result(), nil
}

func uncut(n int) []int64 {
	cut := make([]int64, n)
	for i := range cut {
		cut[i] = NotCut
	}
	return cut
}

// scratch is what one worker reads into.
type scratch struct {
	raw, plain []byte
	ids        [][]cipher.WriteID
	states     [][]cipher.RecordState
}

func (s *scratch) fit(copies, chunks int, plain int64) {
	if cap(s.plain) < int(plain) {
		s.plain = make([]byte, plain)
	}
	if need := int(plain) + chunks*cipher.RecordOverhead; cap(s.raw) < need {
		s.raw = make([]byte, need)
	}
	for len(s.ids) < copies {
		s.ids, s.states = append(s.ids, nil), append(s.states, nil)
	}
	for k := range copies {
		if cap(s.ids[k]) < chunks {
			s.ids[k], s.states[k] = make([]cipher.WriteID, chunks), make([]cipher.RecordState, chunks)
		}
		s.ids[k], s.states[k] = s.ids[k][:chunks], s.states[k][:chunks]
	}
}

// segment checks the records from lo to hi.
func (k *checker) segment(lo, hi int64, s *scratch) {
	part := k.part()
	scan := replica.ScanWhole(k.head, k.copies, lo, hi, runBytes/k.layout.ChunkSize())
	for first, stop, ok := scan.Next(); ok; first, stop, ok = scan.Next() {
		part.run(first, stop, s)
	}
	k.merge(part)
}

// part is a checker for some of the records.
func (k *checker) part() *checker {
	n := len(k.copies)
	return &checker{
		copies: k.copies, head: k.head, layout: k.layout,
		own: make([]cipher.Acc, n), agreed: make([]cipher.Acc, n), bad: make([][]Span, n), cut: uncut(n), bytes: make([]int64, n),
	}
}

func (k *checker) merge(p *checker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err = errors.Join(k.err, p.err); p.err != nil {
		return
	}
	for i := range k.copies {
		k.own[i].XOR(p.own[i])
		k.agreed[i].XOR(p.agreed[i])
		k.bad[i] = append(k.bad[i], p.bad[i]...)
		k.cut[i] = min(k.cut[i], p.cut[i])
		k.bytes[i] += p.bytes[i]
	}
	k.none = append(k.none, p.none...)
	k.contested = append(k.contested, p.contested...)
	k.tooMany = k.tooMany || p.tooMany || len(k.contested) > maxContested
	if k.tooMany {
		k.contested = nil
	}
}

// run reads the same records of every copy.
func (k *checker) run(first, stop int64, s *scratch) {
	size := k.layout.ChunkSize()
	n := int(stop - first)
	plain := min(stop*size, k.head.Length) - first*size
	s.fit(len(k.copies), n, plain)
	alike := true
	for i, cp := range k.copies {
		ids, states := s.ids[i], s.states[i]
		raw := s.raw[:int(plain)+n*cipher.RecordOverhead]
		got, err := cp.File.ReadAt(raw, k.layout.RecordOffset(first))
		clear(raw[got:])
		if got < len(raw) && errors.Is(err, io.EOF) {
			k.cut[i] = min(k.cut[i], first+int64(got)/(size+cipher.RecordOverhead))
		}
		k.bytes[i] += int64(got)
		if err := cp.Keys.Open(s.plain[:plain], raw, first, ids, states); err != nil {
			k.err = err
			return
		}
		k.refuse(records{cp.Head, ids, states}, got, len(raw))
		cp.Keys.Terms(&k.own[i], first, ids, states)
		alike = alike && slices.Equal(ids, s.ids[0]) && slices.Equal(states, s.states[0])
	}
	if !alike || slices.Contains(s.states[0], cipher.RecordDamaged) {
		for j := range n {
			k.chunk(first+int64(j), j, s)
		}
		return
	}
	for i, cp := range k.copies {
		cp.Keys.Terms(&k.agreed[i], first, s.ids[0], s.states[0])
	}
}

// records are consecutive ones of one copy.
type records struct {
	head   *cipher.Header
	ids    []cipher.WriteID
	states []cipher.RecordState
}

// refuse calls damaged what cannot be of the version: a hole where there are
// none, a record that it does not cover, and what was not read to its end, of
// the bytes that were asked for.
func (k *checker) refuse(r records, got, asked int) {
	stride := int(k.layout.ChunkSize()) + cipher.RecordOverhead
	for j, state := range r.states {
		cut := got < min((j+1)*stride, asked)
		if cut || state == cipher.RecordHole && r.head.Flags&cipher.Sparse == 0 || state == cipher.RecordOK && !r.head.Version.Covers(r.ids[j]) {
			r.states[j], r.ids[j] = cipher.RecordDamaged, cipher.WriteID{}
		}
	}
}

// chunk compares one record of every copy.
func (k *checker) chunk(chunk int64, j int, s *scratch) {
	c := contest{chunk: chunk, ids: make([]cipher.WriteID, len(k.copies)), good: make([]bool, len(k.copies))}
	some, differ := -1, false
	for i := range k.copies {
		c.ids[i], c.good[i] = s.ids[i][j], s.states[i][j] != cipher.RecordDamaged
		switch {
		case !c.good[i]:
			k.bad[i] = add(k.bad[i], chunk)
		case some < 0:
			some = i
		default:
			differ = differ || c.ids[i] != c.ids[some]
		}
	}
	switch {
	case some < 0:
		k.none = add(k.none, chunk)
	case differ && len(k.contested) > maxContested:
		k.tooMany = true
	case differ:
		k.contested = append(k.contested, c)
	case !c.ids[some].IsZero():
		for i, cp := range k.copies {
			cp.Keys.Terms(&k.agreed[i], chunk, c.ids[some:some+1], nil)
		}
	}
}

// add adds a chunk to spans that end before it.
func add(spans []Span, chunk int64) []Span {
	if n := len(spans); n > 0 && spans[n-1].Hi == chunk {
		spans[n-1].Hi++
		return spans
	}
	return append(spans, Span{chunk, chunk + 1})
}

// join sorts spans and makes one of those that touch.
func join(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.Lo, b.Lo) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].Hi >= s.Lo {
			out[n-1].Hi = max(out[n-1].Hi, s.Hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

// A pool is the workers that read content.
type pool struct{ free chan *scratch }

func newPool(workers int) *pool {
	p := &pool{free: make(chan *scratch, workers)}
	for range workers {
		p.free <- &scratch{}
	}
	return p
}

// each does n things, by every worker that is free, or becomes so meanwhile.
func (p *pool) each(n int, do func(i int, s *scratch)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	var work func(s *scratch)
	work = func(s *scratch) {
		defer func() { p.free <- s }()
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if i+1 < n {
				select {
				case other := <-p.free:
					wg.Go(func() { work(other) })
				default:
				}
			}
			do(i, s)
		}
	}
	if n > 0 {
		work(<-p.free)
	}
	wg.Wait()
}
