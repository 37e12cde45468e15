package rejoin

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

const (
	f = byte(0xf0)
	g = byte(0xe0)
)

var (
	fileF  = fileOf(head(f, 1))
	dirty  = soiled
	blank  = &thing{is: file, why: replica.ErrBlank}
	broken = &thing{is: file, why: cipher.ErrDamaged}
	newer  = &thing{is: file, why: cipher.ErrNewer}
	dir    = &thing{is: directory}
)

func has(h *cipher.Header) *thing { return &thing{is: file, head: h} }

// leftX is that F has left the name x.
func leftX(p *past) { p.left["x"+string([]byte{f})] = true }

// TestFate: what proves that a file of a cloud is this machine's, and of no use
// any more. F is the file with the id f, the name is x.
func TestFate(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name string
		have *thing
		want *thing        // is to be there instead; nil: nothing
		age  time.Duration // of what the cloud has
		past func(p *past)
		at   string // where a cloud in use has F at version 2; "": nowhere
		is   fate
	}{
		{name: "an earlier version of what is wanted", have: has(head(f, 1)), want: has(head(f, 2)), is: goes},
		{name: "an earlier version that was about to be replaced", have: has(dirty(head(f, 1))), want: has(head(f, 2)), is: goes},
		{name: "a later version than is wanted", have: has(head(f, 3)), want: has(head(f, 2)), is: waits},
		{name: "a file that nobody knows", have: has(head(f, 1)), is: waits},
		{name: "a file that nobody knows, where another one is wanted", have: has(head(f, 1)), want: has(head(g, 1)), is: waits},
		{name: "it is wanted, but was never committed", have: has(head(f, 2)), want: has(head(f, 0)), is: waits},

		{name: "it has left, and nobody knows where to", have: has(head(f, 2)), past: leftX, is: waits},
		{name: "it has left, and ended at this version", have: has(head(f, 2)), past: func(p *past) { leftX(p); p.ended[fileF] = []cipher.Vector{{{Writer: 1, Counter: 2}}} }, is: goes},
		{name: "it has left, and ended at an earlier one", have: has(head(f, 2)), past: func(p *past) { leftX(p); p.ended[fileF] = []cipher.Vector{{{Writer: 1, Counter: 1}}} }, is: waits},
		{name: "it has left for a name where it is", have: has(head(f, 2)), past: func(p *past) { leftX(p); p.homes[fileF] = []string{"y"} }, at: "y", is: goes},
		{name: "it has left for a name where it is older", have: has(head(f, 3)), past: func(p *past) { leftX(p); p.homes[fileF] = []string{"y"} }, at: "y", is: waits},
		{name: "it has left for a name where it is not", have: has(head(f, 2)), past: func(p *past) { leftX(p); p.homes[fileF] = []string{"z"} }, at: "y", is: waits},
		{name: "it has moved while the cloud comes back", have: has(head(f, 2)), at: "moved", is: goes},
		{name: "it has moved while the cloud comes back, and is not there", have: has(head(f, 2)), is: waits},
		{name: "it has not left, and is elsewhere, too", have: has(head(f, 2)), past: func(p *past) { p.homes[fileF] = []string{"y"} }, at: "y", is: waits},

		{name: "never committed, and nobody knows it", have: has(head(f, 0)), age: 24 * time.Hour, is: stays},
		{name: "never committed, and nobody knows it, in an emptied name", have: has(head(f, 0)), past: func(p *past) { p.emptied["x"] = true }, is: stays},
		{name: "never committed, and nobody knows it, where another is wanted", have: has(head(f, 0)), want: has(head(g, 1)), is: stays},
		{name: "never committed, and nobody knows it, where another is wanted, ten minutes old", have: has(head(f, 0)), want: has(head(g, 1)), age: 10 * minute, is: goes},
		{name: "never committed, and nobody knows it, where another is not whole yet", have: has(head(f, 0)), want: has(head(g, 0)), age: 24 * time.Hour, is: stays},
		{name: "never committed, and nobody knows it, where a directory is wanted", have: has(head(f, 0)), want: dir, is: stays},
		{name: "never committed, and known to have left", have: has(head(f, 0)), past: leftX, is: goes},
		{name: "never committed here, and wanted", have: has(head(f, 0)), want: has(head(f, 1)), is: goes},

		{name: "of a newer format", have: newer, age: 24 * time.Hour, past: func(p *past) { p.emptied["x"] = true }, is: stays},
		{name: "of a newer format, where a file is wanted", have: newer, want: has(head(f, 1)), age: 24 * time.Hour, is: stays},

		{name: "without a header", have: blank, age: 24 * time.Hour, is: stays},
		{name: "without a header, in an emptied name, young", have: blank, age: 5 * minute, past: func(p *past) { p.emptied["x"] = true }, is: waits},
		{name: "without a header, in an emptied name", have: blank, age: 10 * minute, past: func(p *past) { p.emptied["x"] = true }, is: goes},
		{name: "without a header, where a file is wanted, young", have: blank, want: has(head(f, 1)), age: 20 * time.Second, is: waits},
		{name: "without a header, where a file is wanted", have: blank, want: has(head(f, 1)), age: minute, is: goes},
		{name: "without a header, where a directory is wanted, young", have: blank, want: dir, age: 5 * minute, is: waits},
		{name: "without a header, where a directory is wanted", have: blank, want: dir, age: 10 * minute, is: goes},
		{name: "damaged", have: broken, age: 24 * time.Hour, is: stays},
		{name: "damaged, in an emptied name", have: broken, age: minute, past: func(p *past) { p.emptied["x"] = true }, is: goes},
		{name: "damaged, in an emptied name, young", have: broken, age: 20 * time.Second, past: func(p *past) { p.emptied["x"] = true }, is: waits},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, 2)
			b.Calm = func(_ cloud.Info, least time.Duration) bool { return c.age >= least }
			b.Moves = []missed.Move{{From: "x", To: "moved"}}
			if c.past != nil {
				c.past(b.past)
			}
			if c.at != "" {
				b.put(0, c.at, head(f, 2))
			}
			is, err := b.fateOf("x", c.have, c.want)
			must(t, err)
			if is != c.is {
				t.Errorf("it is %d, want %d", is, c.is)
			}
		})
	}
}

// TestFateInRemoved: what has no header goes with its directory.
func TestFateInRemoved(t *testing.T) {
	b := newBox(t, 2)
	for _, left := range []bool{false, true} {
		b.past.dirs["d/e"] = left
		is, err := b.fateOf("d/e/x", blank, nil)
		must(t, err)
		if left != (is == goes) {
			t.Errorf("the directory has left: %v; the file's fate is %d", left, is)
		}
	}
}

// TestFateUnread: where this machine cannot read what it knows, or a cloud in
// use does not answer, nothing goes.
func TestFateUnread(t *testing.T) {
	b := newBox(t, 2)
	failed := fmt.Errorf("no answer")
	b.Past = unread{failed}
	for _, have := range []*thing{has(head(f, 0)), has(head(f, 1)), blank, broken} {
		if is, err := b.fateOf("x", have, nil); err == nil || is == goes {
			t.Errorf("%+v: %d, %v", have, is, err)
		}
	}
}

// unread is a past that cannot be read.
type unread struct{ err error }

func (u unread) Left(string, index.File, cipher.Vector) (bool, error) { return true, u.err }
func (u unread) Ended(index.File) ([]cipher.Vector, error)            { return nil, u.err }
func (u unread) Homes(index.File) ([]string, error)                   { return nil, u.err }
func (u unread) ClearedDir(string) (bool, error)                      { return true, u.err }
func (u unread) Now(string) (index.Known, error)                      { return index.Known{}, u.err }
func (u unread) LeftDir(string) (bool, error)                         { return true, u.err }
func (u unread) Emptied(string) (bool, error)                         { return true, u.err }
