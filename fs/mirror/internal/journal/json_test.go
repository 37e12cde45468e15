package journal

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// fill makes up a value of any type that an entry has. In one of few cases it is empty, or is left out.
func fill(r *rand.Rand, v reflect.Value) {
	if r.IntN(4) == 0 {
		return
	}
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(r.Int64N(4e9), r.Int64N(1e9)).In([]*time.Location{time.UTC, time.FixedZone("", 5400), time.FixedZone("", -3600)}[r.IntN(3)])
		return
	case *string:
		*at = []string{"0a1b.tmp", "", "<&>\u2028\"\\\xff\x00"}[r.IntN(3)]
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(r.Uint64()))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	default:
		panic("what is a " + v.Type().String())
	}
}

// TestJSON holds what is written to what encoding/json makes of it, and to what it reads from that, in whatever an entry can be.
func TestJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		e := &Entry{}
		for v := reflect.ValueOf(e).Elem(); reflect.DeepEqual(*e, Entry{}); {
			fill(r, v)
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.json()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatalf("%+v\n got %s\nwant %s", e, got, want)
		}
	}
}

// A time that JSON cannot tell is refused, and nothing is logged of it.
func TestJSONRefuses(t *testing.T) {
	far := time.Unix(1<<50, 0)
	e := &Entry{Op: OpAttr, Attrs: &Attrs{Mtime: &far}}
	if _, err := json.Marshal(e); err == nil {
		t.Fatal("encoding/json takes it")
	}
	if _, err := e.Encode(); err == nil {
		t.Error("it is written")
	}
}
