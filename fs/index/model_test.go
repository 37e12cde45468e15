package index

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// A world is what an index should know after random batches, kept in the plainest way.
type world struct {
	names map[Place]Known
	dirs  []Dir            // every number that was ever drawn
	ever  map[File]Version // the greatest that was ever accepted
}

// place returns where a directory stands.
func (w *world) place(d Dir) (Place, bool) {
	for p, k := range w.names {
		if k.Kind == IsDir && k.Dir == d {
			return p, true
		}
	}
	return Place{}, false
}

// set changes a name as a batch does.
func (w *world) set(p Place, k Known) {
	if k.Kind == IsDir {
		if old, ok := w.place(k.Dir); ok && old != p {
			delete(w.names, old)
		}
	}
	w.names[p] = k
	if k.Kind == IsFile {
		w.ever[k.File] = w.ever[k.File].Join(k.Version)
	}
	if k.Kind == Unknown {
		delete(w.names, p)
	}
}

// forget drops what is in directories that stand nowhere, until nothing is.
func (w *world) forget() {
	for again := true; again; {
		again = false
		for p := range w.names {
			if _, ok := w.place(p.Dir); !ok && p.Dir != Root {
				delete(w.names, p)
				again = true
			}
		}
	}
}

func (w *world) randomName(rng *rand.Rand) (Place, Known) {
	standing := []Dir{Root}
	for _, d := range w.dirs {
		if _, ok := w.place(d); ok {
			standing = append(standing, d)
		}
	}
	p := at1(standing[rng.IntN(len(standing))], fmt.Sprint(rng.IntN(12)))
	switch rng.IntN(8) {
	case 0:
		return p, Known{}
	case 1:
		return p, isGone(rng.IntN(20), 1+rng.IntN(50))
	case 2:
		d := NewDir()
		w.dirs = append(w.dirs, d)
		return p, isDir(d)
	case 3: // one that stands elsewhere moves here, unless that were into itself
		d := standing[rng.IntN(len(standing))]
		if d == Root || w.within(p.Dir, d) {
			return p, Known{}
		}
		return p, isDir(d)
	}
	return p, isFile(rng.IntN(20), 1+rng.IntN(50))
}

func (w *world) within(d, top Dir) bool {
	for d != Root {
		if d == top {
			return true
		}
		p, ok := w.place(d)
		if !ok {
			return false
		}
		d = p.Dir
	}
	return false
}

func (w *world) links(f File) map[Place]bool {
	names := map[Place]bool{}
	for p, k := range w.names {
		if k.Kind == IsFile && k.File == f {
			names[p] = true
		}
	}
	return names
}

func (w *world) check(t *testing.T, b *bench) {
	t.Helper()
	b.look(func(v *View) {
		for _, d := range append([]Dir{Root}, w.dirs...) {
			got := map[Place]Known{}
			for r, err := range v.List(d, Cursor{}) {
				must(t, err)
				r.Known.Since = Known{}.Since
				got[r.Place] = r.Known
			}
			want := maps.Clone(w.names)
			maps.DeleteFunc(want, func(p Place, _ Known) bool { return p.Dir != d })
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("directory %x has %v, want %v", d, got, want)
			}
			dir, known, err := v.Directory(d)
			must(t, err)
			if p, stands := w.place(d); d != Root && (known != stands || dir.Place != p) {
				t.Fatalf("directory %x stands at %v (%v), want %v (%v)", d, dir.Place, known, p, stands)
			}
		}
		for n := range 20 {
			id, err := v.ID(fileN(n))
			must(t, err)
			names := w.links(fileN(n))
			got := map[Place]bool{}
			for _, p := range id.Names {
				got[p] = true
			}
			if !maps.Equal(got, names) || len(got) != len(id.Names) || !id.Greatest.Equal(w.ever[fileN(n)]) {
				t.Fatalf("file %d: %+v, want %v at %+v", n, id, names, w.ever[fileN(n)])
			}
		}
	})
}

func TestRandomBatches(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t)
		w := &world{names: map[Place]Known{}, ever: map[File]Version{}}
		for range 30 {
			b.apply(func(c *Batch) {
				moved := map[Dir]bool{}
				used := map[Place]bool{}
				var list []Place
				for range 1 + rng.IntN(12) {
					p, k := w.randomName(rng)
					// In one batch a name and a directory change once: what more often would mean is the model's to say, not the index's.
					if used[p] || k.Kind == IsDir && moved[k.Dir] || w.stands(p) && len(list) > 0 {
						continue
					}
					if old, ok := w.place(k.Dir); k.Kind == IsDir && ok {
						used[old] = true
					}
					used[p], moved[k.Dir] = true, k.Kind == IsDir
					w.set(p, k)
					c.SetName(p, k)
					list = append(list, p)
					if w.gone(slices.Values(list)) {
						break
					}
				}
				w.forget()
			})
			w.check(t, b)
		}
		must(t, b.Check(t.Context()))
		b.reopen()
		w.check(t, b)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// stands reports whether a directory stands at a name.
func (w *world) stands(p Place) bool { return w.names[p].Kind == IsDir }

// gone reports whether a directory of one of the places stands nowhere any more.
func (w *world) gone(list func(func(Place) bool)) bool {
	for p := range list {
		if _, ok := w.place(p.Dir); !ok && p.Dir != Root {
			return true
		}
	}
	return false
}
