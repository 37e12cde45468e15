package journal

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// An object is JSON that is being written, to the byte what encoding/json makes of an Entry, which a test compares. Every change
// writes one, and encoding/json takes longer to look up what an entry is made of than all else takes to append it.
type object struct {
	b   []byte
	err error
}

// json gives the head of an entry.
func (e *Entry) json() ([]byte, error) {
	o := &object{b: make([]byte, 0, 512)}
	o.open()
	o.key("o")
	o.number(uint64(e.Op))
	o.some("r", e.Ref)
	o.data("p", e.Path)
	o.data("t", e.To)
	o.data("b", e.Also)
	o.id("f", e.File)
	o.some("k", uint64(e.Kind))
	o.some("y", uint64(e.Over))
	o.signed("a", e.First)
	o.signed("n", e.Count)
	o.signed("x", e.Off)
	o.signed("l", e.Length)
	o.some("c", e.Counter)
	if e.Attrs != nil {
		o.key("m")
		o.attrs(e.Attrs)
	}
	o.datas("s", e.Salts)
	o.numbers("i", e.Inodes)
	o.datas("h", e.Handles)
	o.vector("w", e.Seen)
	o.vector("z", e.Had)
	if e.Other != nil {
		o.key("g")
		o.open()
		o.id("f", e.Other.File)
		o.numbers("i", e.Other.Inodes)
		o.datas("h", e.Other.Handles)
		o.close()
	}
	o.id("j", e.Last)
	if len(e.Temps) > 0 {
		o.key("e")
		values(o, e.Temps, o.text)
	}
	if e.Commit != nil {
		o.key("v")
		o.commit(e.Commit)
	}
	o.some("q", e.Revokes)
	o.flag("d", e.Linked)
	o.close()
	return o.b, o.err
}

func (o *object) attrs(a *Attrs) {
	o.open()
	for _, m := range []struct {
		key string
		n   *uint32
	}{{"m", a.Mode}, {"u", a.UID}, {"g", a.GID}} {
		if m.n != nil {
			o.key(m.key)
			o.number(uint64(*m.n))
		}
	}
	o.time("a", a.Atime)
	o.time("t", a.Mtime)
	o.close()
}

func (o *object) commit(v *Commit) {
	o.open()
	o.key("b")
	o.head(&v.Base)
	o.key("h")
	o.head(&v.Head)
	if v.Cut != nil {
		o.key("x")
		o.integer(*v.Cut)
	}
	if len(v.Direct) > 0 {
		o.key("d")
		values(o, v.Direct, func(s Span) { values(o, []int64{s.Lo, s.Hi}, o.integer) })
	}
	if len(v.Chunks) > 0 {
		o.key("k")
		values(o, v.Chunks, func(ch Chunk) {
			o.open()
			o.key("i")
			o.integer(ch.Index)
			o.signed("n", int64(ch.N))
			o.data("w", ch.ID)
			o.close()
		})
	}
	o.flag("f", v.Fresh)
	o.flag("s", v.Firm)
	o.close()
}

func (o *object) head(h *Head) {
	o.open()
	o.key("t")
	o.number(uint64(h.Type))
	o.id("f", &h.File)
	o.id("c", &h.Commit)
	o.some("b", uint64(h.Flags))
	for _, m := range []struct {
		key string
		n   uint32
	}{{"m", h.Mode}, {"u", h.UID}, {"g", h.GID}} {
		o.key(m.key)
		o.number(uint64(m.n))
	}
	o.key("l")
	o.integer(h.Length)
	o.key("s")
	o.integer(h.Sec)
	o.key("n")
	o.number(uint64(h.Nsec))
	o.key("v")
	values(o, h.Version, o.version)
	o.key("a")
	values(o, h.AccSlice, o.bytes)
	o.close()
}

func (o *object) open()  { o.b = append(o.b, '{') }
func (o *object) close() { o.b = append(o.b, '}') }

// key begins a member. Keys are letters.
func (o *object) key(k string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), k...), '"', ':')
}

// some and those that follow write a member where it is not empty.
func (o *object) some(k string, n uint64) {
	if n != 0 {
		o.key(k)
		o.number(n)
	}
}

func (o *object) signed(k string, n int64) {
	if n != 0 {
		o.key(k)
		o.integer(n)
	}
}

func (o *object) flag(k string, is bool) {
	if is {
		o.key(k)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) data(k string, b []byte) {
	if len(b) > 0 {
		o.key(k)
		o.bytes(b)
	}
}

func (o *object) datas(k string, list [][]byte) {
	if len(list) > 0 {
		o.key(k)
		values(o, list, o.bytes)
	}
}

func (o *object) numbers(k string, list []uint64) {
	if len(list) > 0 {
		o.key(k)
		values(o, list, o.number)
	}
}

func (o *object) vector(k string, v cipher.Vector) {
	if len(v) > 0 {
		o.key(k)
		values(o, v, o.version)
	}
}

func (o *object) id(k string, id *cipher.ID) {
	if id != nil {
		o.key(k)
		o.b = append(hex.AppendEncode(append(o.b, '"'), id[:]), '"')
	}
}

func (o *object) time(k string, t *time.Time) {
	if t == nil {
		return
	}
	o.key(k)
	b, err := t.AppendText(append(o.b, '"'))
	if err != nil {
		o.err = fmt.Errorf("redo log: %w", err)
	}
	o.b = append(b, '"')
}

// values writes a list, and null for none.
func values[T any](o *object, list []T, one func(T)) {
	if list == nil {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = append(o.b, '[')
	for i, v := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		one(v)
	}
	o.b = append(o.b, ']')
}

func (o *object) number(n uint64) { o.b = strconv.AppendUint(o.b, n, 10) }
func (o *object) integer(n int64) { o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) version(v cipher.Version) {
	o.open()
	o.key("Writer")
	o.number(uint64(v.Writer))
	o.key("Counter")
	o.number(v.Counter)
	o.close()
}

func (o *object) bytes(b []byte) {
	if b == nil {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = append(base64.StdEncoding.AppendEncode(append(o.b, '"'), b), '"')
}

// text is left to encoding/json: few entries have any.
func (o *object) text(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		o.err = fmt.Errorf("redo log: %w", err)
	}
	o.b = append(o.b, b...)
}
