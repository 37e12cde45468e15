package memory

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// A recall is what the index was found to have since its last transaction, or had before that. A name is asked for several
// times in a row by most operations, and what is asked for here needs no transaction to read, and no row to be opened.
//
// What is told meanwhile is over it as it is over the index. Whoever changes the index forgets all of it in the moment in which
// what was on its way there is, so that an old row is never taken for what the index has by then.
type recall struct {
	turn   uint64 // how often all was forgotten
	rows   lately[index.Place, index.Row]
	owners lately[index.Dir, *index.Owner]
	drawn  map[index.Dir]bool // numbers of directories that are new since: the index has nothing in them
}

// manyRecalled bounds each half of what is kept of a kind. All of it are a few MiB.
const manyRecalled = 4096

// forget forgets all. The caller holds mu.
func (r *recall) forget() { *r = recall{turn: r.turn + 1} }

// draw draws the number of a directory. The caller holds mu.
func (r *recall) draw() index.Dir {
	d := index.NewDir()
	if len(r.drawn) >= manyRecalled {
		clear(r.drawn)
	}
	if r.drawn == nil {
		r.drawn = map[index.Dir]bool{}
	}
	r.drawn[d] = true
	return d
}

// lately is a map that forgets what was not asked for lately.
type lately[K comparable, V any] struct{ young, old map[K]V }

func (l *lately[K, V]) get(k K) (v V, ok bool) {
	if v, ok = l.young[k]; ok {
		return v, true
	}
	if v, ok = l.old[k]; ok {
		l.put(k, v)
	}
	return v, ok
}

func (l *lately[K, V]) put(k K, v V) {
	if len(l.young) >= manyRecalled {
		l.old, l.young = l.young, nil
	}
	if l.young == nil {
		l.young = map[K]V{}
	}
	l.young[k] = v
}

// recalled is what the index has of something. Nobody changes what the result leads to. It returns with mu held, and nothing was
// applied since it looked: what is on its way to the index is over that.
func recalled[K comparable, V any](y *Memory, in *lately[K, V], k K, look func(*index.View) (V, error)) (v V, err error) {
	y.mu.Lock()
	for y.index != nil && !y.full {
		if v, ok := in.get(k); ok {
			return v, nil
		}
		turn := y.recall.turn
		y.mu.Unlock()
		err = y.view(func(s *index.View) (err error) {
			v, err = look(s)
			return err
		})
		y.mu.Lock()
		switch {
		case err != nil:
			return v, err
		case turn == y.recall.turn:
			in.put(k, v)
			return v, nil
		}
	}
	return *new(V), nil
}

// indexedRow is what the index has at a name. It returns with mu held; see recalled.
func indexedRow(y *Memory, p index.Place) (row index.Row, err error) {
	y.mu.Lock()
	if y.recall.drawn[p.Dir] {
		return index.Row{Place: p}, nil
	}
	y.mu.Unlock()
	return recalled(y, &y.recall.rows, p, func(v *index.View) (index.Row, error) { return v.Name(p) })
}

// indexedOwner is mode and owner of a directory as the index has them. It returns with mu held; see recalled.
func indexedOwner(y *Memory, d index.Dir) (*index.Owner, error) {
	return recalled(y, &y.recall.owners, d, func(v *index.View) (*index.Owner, error) {
		dir, _, err := v.Directory(d)
		return dir.Owner, err
	})
}

// indexedList is what the index has in a directory. It returns with mu held, and nothing was applied since it looked. Whoever
// lists a directory mostly asks for its names next.
func indexedList(y *Memory, d index.Dir) (map[cipher.PlainName]index.Known, error) {
	y.mu.Lock()
	for {
		list := map[cipher.PlainName]index.Known{}
		if y.recall.drawn[d] {
			return list, nil
		}
		turn := y.recall.turn
		y.mu.Unlock()
		var next []index.Row
		err := y.view(func(v *index.View) error {
			for row, err := range v.List(d, index.Cursor{}) {
				if err != nil {
					return err
				}
				list[row.Place.Name] = row.Known
				if len(next) < manyRecalled/2 {
					next = append(next, row)
				}
			}
			return nil
		})
		y.mu.Lock()
		if err != nil {
			return list, err
		}
		if turn == y.recall.turn {
			for i := range next {
				y.recall.rows.put(next[i].Place, next[i])
			}
			return list, nil
		}
	}
}
