package repair_test

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

func (s *story) next() uint64 {
	s.counter++
	return s.counter
}

func (s *story) writeID() cipher.WriteID {
	random := s.random16()
	return cipher.NewWriteID(writer, s.next(), [6]byte(random[:6]))
}

func (s *story) bytes(n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rng.Uint32()) | 1
	}
	return b
}

// edit changes a file's content or its attributes.
func (s *story) edit(p spot) {
	n := p.node()
	if n.whole() && n.temps == nil && n.ref == 0 {
		s.bind(n, p.path)
	}
	switch {
	case !n.whole() || n.temps != nil:
		s.append(n)
	case s.chance(25) && len(s.pathsOf(n)) == 1 && len(n.direct) == 0 && len(n.done) > 0:
		s.fresh(n)
		s.append(n)
	default:
		kinds := []func(n *node){s.overwrite, s.overwrite, s.append, s.shorten, s.punch, s.grow, s.chmod}
		kinds[s.rng.IntN(len(kinds))](n)
		if n.cut == nil && len(n.wanted) == 0 && n.mode == n.base.Head.Mode && s.chance(30) && !s.settled {
			return // only what was written directly: no version yet
		}
		s.commit(n)
		return
	}
	if s.settled || s.chance(70) {
		s.commit(n)
	}
}

func (s *story) bind(n *node, path string) {
	s.refs++
	n.ref = s.refs
	s.log(&event{entry: &journal.Entry{Op: journal.OpBind, Ref: n.ref, Path: []byte(path), File: idOf(n), Kind: unix.S_IFREG, Salts: n.salts}})
}

// fresh goes on in new backing files.
func (s *story) fresh(n *node) {
	n.salts, n.temps = s.salts(), s.temps()
	s.log(&event{entry: &journal.Entry{Op: journal.OpFresh, Ref: n.ref, File: idOf(n), Salts: n.salts, Temps: n.temps}, at: s.pathsOf(n)[0], temps: n.temps})
	n.cur, n.ids, n.sparse, n.direct, n.disk = nil, nil, false, nil, journal.Sealed{}
}

// resize makes room for a length; what is added is a hole, and a tail that
// grows goes into the log.
func (s *story) resize(n *node, length int64) {
	old := int64(len(n.cur))
	if length > old && old%chunk != 0 {
		s.want(n, old/chunk)
	}
	grown := make([]byte, length)
	copy(grown, n.cur)
	n.cur = grown
	ids := make([]cipher.WriteID, layout.Records(length))
	copy(ids, n.ids)
	n.ids = ids
}

// want puts a chunk into the next version's entry.
func (s *story) want(n *node, i int64) {
	n.wanted[i] = true
	n.direct.Remove(i)
}

func (s *story) overwrite(n *node) {
	if len(n.cur) == 0 {
		s.append(n)
		return
	}
	i := s.rng.Int64N(layout.Records(int64(len(n.cur))))
	part := n.cur[i*chunk : min((i+1)*chunk, int64(len(n.cur)))]
	copy(part[s.rng.IntN(len(part)):], s.bytes(chunk))
	n.ids[i] = cipher.WriteID{1}
	s.want(n, i)
}

// append writes behind the end, directly where that can be.
func (s *story) append(n *node) {
	old := int64(len(n.cur))
	first := layout.Records(old)
	length := old + 1 + s.rng.Int64N(2*chunk)
	if old%chunk != 0 {
		n.ids[old/chunk] = cipher.WriteID{1}
	}
	s.resize(n, length)
	copy(n.cur[old:], s.bytes(length-old))
	ev := &event{temps: n.temps, at: s.pathsOf(n)[0]}
	for i := first; i < layout.Records(length); i++ {
		if n.cut != nil || !s.direct {
			n.ids[i] = cipher.WriteID{1}
			s.want(n, i)
			continue
		}
		n.ids[i] = s.writeID()
		ev.records = append(ev.records, record{i, slices.Clone(n.cur[i*chunk : min((i+1)*chunk, length)]), n.ids[i]})
		n.direct.Add(i, i+1)
	}
	if count := int64(len(ev.records)); count > 0 {
		ev.entry = &journal.Entry{Op: journal.OpDirect, Ref: n.ref, Range: journal.Range{First: first, Count: count, Length: length, Counter: ev.records[0].id.Counter()}}
		s.log(ev)
	}
}

func (s *story) shorten(n *node) {
	if len(n.cur) == 0 || len(n.direct) > 0 {
		s.overwrite(n)
		return
	}
	length := s.rng.Int64N(int64(len(n.cur)))
	keep := layout.Records(length)
	s.resize(n, length)
	n.cut = &keep
	if length%chunk != 0 && n.ids[keep-1] != (cipher.WriteID{}) {
		s.want(n, keep-1)
	}
	if s.chance(50) {
		s.append(n)
	}
}

func (s *story) punch(n *node) {
	if len(n.cur) == 0 {
		return
	}
	i := s.rng.Int64N(layout.Records(int64(len(n.cur))))
	clear(n.cur[i*chunk : min((i+1)*chunk, int64(len(n.cur)))])
	n.ids[i], n.sparse = cipher.WriteID{}, true
	s.want(n, i)
}

func (s *story) grow(n *node) {
	s.resize(n, int64(len(n.cur))+1+s.rng.Int64N(2*chunk))
	n.sparse = true
}

func (s *story) chmod(n *node) { n.mode = []uint32{0o644, 0o600, 0o444, 0o4755}[s.rng.IntN(4)] }

// seal draws a version of what is in a file now.
func (s *story) seal(n *node, kind cipher.Type, length int64) journal.Sealed {
	at := s.mtime()
	v := journal.Sealed{Head: cipher.Header{
		Type: kind, FileID: n.id, CommitID: s.random16(), Mode: n.mode, UID: 1000, GID: 100, Length: length,
		MtimeSec: at.Unix(), MtimeNsec: uint32(at.Nanosecond()), Version: n.base.Head.Version.With(writer, s.next()),
	}, Accs: make([]cipher.Acc, len(s.vault))}
	if n.sparse {
		v.Head.Flags = cipher.Sparse
	}
	states := make([]cipher.RecordState, len(n.ids))
	for i, id := range n.ids {
		if states[i] = cipher.RecordOK; id.IsZero() {
			states[i] = cipher.RecordHole
		}
	}
	for k, c := range s.vault {
		keys, err := c.NewFile(kind, [16]byte(n.salts[k]))
		if err != nil {
			panic(err)
		}
		keys.Terms(&v.Accs[k], 0, n.ids, states)
	}
	return v
}

// commit makes a version of a file.
func (s *story) commit(n *node) {
	if n.ref == 0 {
		s.bind(n, s.pathsOf(n)[0])
	}
	length := int64(len(n.cur))
	records := layout.Records(length)
	ev := &event{at: s.pathsOf(n)[0], temps: n.temps, first: !n.disk.Committed() && n.temps == nil, chunks: map[int64]bool{}}
	v := &journal.Commit{Base: journal.NewHead(&n.disk), Cut: n.cut, Direct: slices.Clone(n.direct), Fresh: n.temps != nil}
	disk := layout.Records(n.disk.Head.Length)
	ev.soils = n.cut != nil && *n.cut < disk
	var data []byte
	for _, i := range slices.Sorted(maps.Keys(n.wanted)) {
		if i >= records {
			continue
		}
		ev.chunks[i] = true
		ev.soils = ev.soils || i < disk
		if !n.ids[i].IsZero() {
			n.ids[i] = s.writeID()
		}
		data = append(data, s.chunkOf(v, n, i)...)
	}
	ev.soils = ev.soils && n.disk.Committed()
	n.frail = n.frail && n.temps == nil && !(n.cut != nil && *n.cut == 0)
	if n.whole() && s.chance(70) {
		for _, r := range n.direct {
			for i := r.Lo; i < r.Hi; i++ {
				data = append(data, s.chunkOf(v, n, i)...)
			}
		}
	} else if len(n.direct) > 0 {
		n.frail = true
	}
	n.base = s.seal(n, cipher.TypeFile, length)
	v.Head = journal.NewHead(&n.base)
	sealed := n.base
	ev.sealed = &sealed
	ev.entry = &journal.Entry{Op: journal.OpCommit, Ref: n.ref, Salts: n.salts, Commit: v, Data: data}
	s.log(ev)
	n.done, n.length, n.disk, n.temps = slices.Clone(n.cur), length, n.base, nil
	n.past[n.base.Head.CommitID] = n.done
	n.direct, n.wanted, n.cut = nil, map[int64]bool{}, nil
}

// chunkOf adds a chunk to a version's entry and returns its bytes.
func (s *story) chunkOf(v *journal.Commit, n *node, i int64) []byte {
	if n.ids[i].IsZero() {
		v.Chunks = append(v.Chunks, journal.Chunk{Index: i})
		return nil
	}
	plain := n.cur[i*chunk : min((i+1)*chunk, int64(len(n.cur)))]
	v.Chunks = append(v.Chunks, journal.Chunk{Index: i, N: len(plain), ID: slices.Clone(n.ids[i][:])})
	return plain
}
