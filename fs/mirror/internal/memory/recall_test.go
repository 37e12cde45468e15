package memory

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/index"
)

// views counts how often the index is asked.
func (b *bench) views(ask func()) int {
	before := b.ix.views
	ask()
	return b.ix.views - before
}

// The index is asked once for what nobody has changed.
func TestAskedOnce(t *testing.T) {
	b := newBench(t)
	b.MadeDir(at(index.Root, "d"), index.Owner{Mode: 0o700})
	d := b.Number(index.Root, "d")
	for i := range 3 {
		b.Made(at(d, fmt.Sprint(i)), isFile(i+1, 1))
	}
	all := func() {
		for i := range 3 {
			b.want(at(d, fmt.Sprint(i)), isFile(i+1, 1))
			_, err := Rows{b.Memory}.Row(at(d, fmt.Sprint(i)))
			must(t, err)
		}
		b.want(at(d, "nothing"), index.Known{})
		o, err := Rows{b.Memory}.Owner(d)
		must(t, err)
		if o == nil || o.Mode != 0o700 {
			t.Errorf("the owner is %v", o)
		}
	}
	list := func() {
		names, err := Rows{b.Memory}.List(d)
		must(t, err)
		if len(names) != 3 {
			t.Errorf("listed: %v", names)
		}
	}
	if n := b.views(func() { all(); list() }); n != 0 {
		t.Errorf("of a directory that it cannot know the index is asked %d times", n)
	}
	must(t, b.commit())
	if n := b.views(all); n != 5 {
		t.Errorf("%d questions, want one for each name and one for the owner", n)
	}
	if n := b.views(all); n != 0 {
		t.Errorf("%d questions of what was asked for before", n)
	}
	b.open()
	if n := b.views(func() { list(); all() }); n != 3 {
		t.Errorf("%d questions after a list, want one for it, one for what is not there and one for the owner", n)
	}
}

// What is asked for while a transaction ends is what was told.
func TestAskedMeanwhile(t *testing.T) {
	asks := map[string]func(*bench, index.Place) (index.Known, error){
		"name": func(b *bench, p index.Place) (index.Known, error) { return b.At(p) },
		"row": func(b *bench, p index.Place) (index.Known, error) {
			row, err := Rows{b.Memory}.Row(p)
			return row.Known, err
		},
		"list": func(b *bench, p index.Place) (index.Known, error) {
			list, err := Rows{b.Memory}.List(p.Dir)
			return list[p.Name], err
		},
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			p := at(index.Root, "a")
			b.Made(p, isFile(1, 1))
			must(t, b.commit())
			b.Removed(p, fileN(1), version(1))
			b.ix.looked = func() { must(t, b.commit()) }
			for range 2 {
				k, err := ask(b, p)
				must(t, err)
				if k.Kind != index.Gone {
					t.Errorf("%+v, of what was removed", k)
				}
			}
		})
	}
}

// Nothing is known any more of an index that was lost, and nothing of one that cannot be read.
func TestForgotten(t *testing.T) {
	b := newBench(t)
	p := at(index.Root, "a")
	b.Made(p, isFile(1, 1))
	must(t, b.commit())
	b.want(p, isFile(1, 1))
	must(t, b.ix.Index.Lose("a test"))
	b.note(index.ErrLost)
	b.want(p, index.Known{})
	b.Forget()
	b.Made(p, isFile(2, 2))
	must(t, b.commit())
	b.want(p, isFile(2, 2))
	b.mu.Lock()
	b.giveUp()
	b.mu.Unlock()
	b.want(p, index.Known{})
}

// However many names are asked for, few are kept.
func TestRecallIsBounded(t *testing.T) {
	b := newBench(t)
	for i := range 5 * manyRecalled {
		b.want(at(index.Root, fmt.Sprint(i)), index.Known{})
		b.recall.draw()
	}
	if n := len(b.recall.rows.young) + len(b.recall.rows.old); n > 2*manyRecalled {
		t.Errorf("%d rows are kept", n)
	}
	if n := len(b.recall.drawn); n > manyRecalled {
		t.Errorf("%d numbers are kept", n)
	}
}
