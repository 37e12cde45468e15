package compare

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// result says which records are right. A copy whose records agree with its own
// acc is right everywhere. Where there is none, and copies differ in some
// chunks, acc tells which of them is right in each: it is a sum, and one choice
// for all of those chunks has to make it come out. Two copies that agree against
// acc are wrong.
func (k *checker) result() *Content {
	out := &Content{Bad: k.bad, Cut: k.cut, Bytes: k.bytes, Lost: join(k.none)}
	for i := range out.Bad {
		out.Bad[i] = join(out.Bad[i])
	}
	slices.SortFunc(k.contested, func(a, b contest) int { return cmp.Compare(a.chunk, b.chunk) })
	whole := k.whole(out)
	switch {
	case k.tooMany:
		k.condemn(out, whole)
	case whole >= 0:
		k.decide(out, func(c contest) cipher.WriteID { return c.ids[whole] })
	case len(out.Lost) == 0 && k.solve(out):
	default:
		k.doubt(out)
	}
	return out
}

// whole is a copy that has every record of its acc, or -1.
func (k *checker) whole(out *Content) int {
	return slices.IndexFunc(k.indexes(), func(i int) bool { return len(out.Bad[i]) == 0 && k.own[i] == k.copies[i].Head.Acc })
}

func (k *checker) indexes() []int {
	list := make([]int, len(k.copies))
	for i := range list {
		list[i] = i
	}
	return list
}

// decide calls bad, in every chunk on which copies differ, what is not the right
// record.
func (k *checker) decide(out *Content, right func(contest) cipher.WriteID) {
	for _, c := range k.contested {
		id := right(c)
		for i := range k.copies {
			if c.good[i] && c.ids[i] != id {
				out.Bad[i] = append(out.Bad[i], Span{c.chunk, c.chunk + 1})
			}
		}
	}
	for i := range out.Bad {
		out.Bad[i] = join(out.Bad[i])
	}
}

// all is every chunk.
func (k *checker) all() []Span { return []Span{{0, max(1, k.layout.Records(k.head.Length))}} }

// condemn calls bad whatever is not whole: copies differ in too many chunks to
// tell them one by one.
func (k *checker) condemn(out *Content, whole int) {
	for i := range k.copies {
		if k.own[i] != k.copies[i].Head.Acc {
			out.Bad[i] = k.all()
		}
	}
	if whole < 0 {
		out.Lost = k.all()
	}
}

// doubt says what nobody can tell. Where acc does not come out although nobody
// differs, that is everything.
func (k *checker) doubt(out *Content) {
	if len(out.Lost) == 0 && len(k.contested) == 0 {
		out.Lost = k.all()
	}
	for _, c := range k.contested {
		out.Lost = append(out.Lost, Span{c.chunk, c.chunk + 1})
	}
	out.Lost = join(out.Lost)
	for i := range out.Bad {
		out.Bad[i] = join(append(out.Bad[i], out.Lost...))
	}
}

// solve finds the one choice of records with which acc comes out.
func (k *checker) solve(out *Content) bool {
	for i := range k.copies {
		if right, ok := k.choose(i); ok {
			n := -1
			k.decide(out, func(contest) cipher.WriteID { n++; return right[n] })
			return true
		}
	}
	return false
}

// maxUnknown is how many choices are tried to be told from one sum: of 128 bits,
// so many leave no room for chance.
const maxUnknown = 64

// A term is what another choice for one chunk changes in the sum.
type term struct {
	chunk int // its place in the list of contests
	id    cipher.WriteID
	delta cipher.Acc
}

// choose finds the records that make one copy's acc come out.
func (k *checker) choose(i int) (right []cipher.WriteID, ok bool) {
	keys, rest := k.copies[i].Keys, k.agreed[i]
	rest.XOR(k.copies[i].Head.Acc)
	var terms []term
	for n, c := range k.contested {
		ids := c.choices()
		first := termOf(keys, c.chunk, ids[0])
		rest.XOR(first)
		right = append(right, ids[0])
		for _, id := range ids[1:] {
			t := term{n, id, termOf(keys, c.chunk, id)}
			t.delta.XOR(first)
			terms = append(terms, t)
		}
	}
	if len(terms) > maxUnknown {
		return nil, false
	}
	taken, ok := sumTo(terms, rest)
	if !ok {
		return nil, false
	}
	changed := map[int]bool{}
	for j, t := range terms {
		if taken&(1<<j) == 0 {
			continue
		}
		if changed[t.chunk] {
			return nil, false
		}
		changed[t.chunk], right[t.chunk] = true, t.id
	}
	return right, true
}

func termOf(keys *cipher.File, chunk int64, id cipher.WriteID) (acc cipher.Acc) {
	if !id.IsZero() {
		keys.Terms(&acc, chunk, []cipher.WriteID{id}, nil)
	}
	return acc
}

// choices are the different records that copies have, in an order that does not
// depend on theirs.
func (c contest) choices() []cipher.WriteID {
	var ids []cipher.WriteID
	for i, id := range c.ids {
		if c.good[i] {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b cipher.WriteID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// sumTo finds which terms add up to a sum, by elimination over bits. It fails
// where there is no way, or more than one.
func sumTo(terms []term, sum cipher.Acc) (taken uint64, ok bool) {
	type row struct {
		hi, lo, of uint64
	}
	var basis []row
	reduce := func(r row) row {
		for _, b := range basis {
			if leads(b.hi, b.lo, r.hi, r.lo) {
				r.hi, r.lo, r.of = r.hi^b.hi, r.lo^b.lo, r.of^b.of
			}
		}
		return r
	}
	split := func(a cipher.Acc) (hi, lo uint64) {
		return binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	}
	for j, t := range terms {
		hi, lo := split(t.delta)
		r := reduce(row{hi, lo, 1 << j})
		if r.hi|r.lo == 0 {
			return 0, false
		}
		basis = append(basis, r)
	}
	hi, lo := split(sum)
	r := reduce(row{hi: hi, lo: lo})
	return r.of, r.hi|r.lo == 0
}

// leads reports whether the leading bit of one sum is set in another.
func leads(hi, lo, inHi, inLo uint64) bool {
	if hi != 0 {
		return inHi>>(bits.Len64(hi)-1)&1 == 1
	}
	return inLo>>(bits.Len64(lo)-1)&1 == 1
}
