package memory

import (
	"context"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// Index is where it is kept; *index.Index is the real one.
type Index interface {
	View(fn func(*index.View) error) error
	Apply(b *index.Batch) error
	Lose(why string) error
	Check(ctx context.Context) error
	Close() error
}

// Memory is what this machine knows. It is safe for concurrent use, except that of Begin and Apply one runs at a time.
type Memory struct {
	index Index // nil: nothing is kept
	log   cipher.ID

	clouds []cipher.ID // that may owe something

	numbering sync.Mutex // one directory at a time is given its number

	mu      sync.Mutex // guards the rest
	told    *changes   // since the last Begin
	going   *changes   // what the next Apply takes; nil for nothing
	recall  recall     // what the index has
	names   uint64     // entries of the log below it are in going or in the index, as far as they change names
	applied index.Applied
	since   time.Time            // since when something waits for a transaction; zero for nothing
	began   time.Time            // the beginning of what is known, as the index last told it
	size    int64                // of the log then
	writers map[uint32]bool      // that were ever seen
	lost    bool                 // the index was replaced by an empty one, and Forget was not called yet
	away    map[cipher.ID]uint64 // clouds that were out at the last transaction, by how often they had gone out
	full    bool                 // what is not in the index is in the log alone: too much was told, or the index cannot be read
}

// New makes the memory over an index, for a log of that id, and these clouds. Without an index it knows nothing, and keeps nothing.
func New(ix Index, log cipher.ID, clouds []cipher.ID) *Memory {
	return &Memory{index: ix, log: log, clouds: clouds, told: newChanges(), writers: map[uint32]bool{}}
}

// Close closes the index.
func (y *Memory) Close() error {
	if y.index == nil {
		return nil
	}
	Rows{y}.Since()
	return y.index.Close()
}

// view looks into the index, and notes that it is lost. Without one, or where what it has is not all that is known of it, it
// looks at nothing.
func (y *Memory) view(look func(*index.View) error) error {
	y.mu.Lock()
	blind := y.index == nil || y.full
	y.mu.Unlock()
	if blind {
		return nil
	}
	err := y.index.View(look)
	y.note(err)
	return err
}

// At returns what should be at a name.
func (y *Memory) At(p index.Place) (k index.Known, err error) {
	y.mu.Lock()
	k, ok := y.toldAt(p)
	y.mu.Unlock()
	if ok {
		return k, nil
	}
	row, err := indexedRow(y, p)
	defer y.mu.Unlock()
	if k, ok = y.toldAt(p); ok {
		return k, nil
	}
	return y.told.newest(y.going.newest(row.Known)), err
}

// toldAt is At of what the index does not have yet. The caller holds mu.
func (y *Memory) toldAt(p index.Place) (k index.Known, ok bool) {
	k, ok = y.told.at(p)
	if !ok && y.going != nil && !y.told.dropped[p.Dir] {
		k, ok = y.going.at(p)
	}
	return y.told.newest(y.going.newest(k)), ok
}

// Places returns the live names of a file, in no order.
func (y *Memory) Places(f index.File) (places []index.Place, err error) {
	var indexed []index.Place
	err = y.view(func(v *index.View) (err error) {
		indexed, err = v.Names(f)
		return err
	})
	y.mu.Lock()
	defer y.mu.Unlock()
	candidates := append(indexed, y.told.places[f]...)
	if y.going != nil {
		candidates = append(candidates, y.going.places[f]...)
	}
	met := map[index.Place]bool{}
	for i, p := range candidates {
		if met[p] {
			continue
		}
		met[p] = true
		live := i < len(indexed) && !y.told.dropped[p.Dir] && (y.going == nil || !y.going.dropped[p.Dir])
		if k, told := y.toldAt(p); told {
			live = k.Kind == index.IsFile && k.File == f
		}
		if live {
			places = append(places, p)
		}
	}
	return places, err
}

// Number returns the number of the directory that stands at a name of another one. One that nobody has numbered yet is known
// from now on.
func (y *Memory) Number(parent index.Dir, name cipher.PlainName) index.Dir {
	y.numbering.Lock()
	defer y.numbering.Unlock()
	p := index.Place{Dir: parent, Name: name}
	k, err := y.At(p)
	if err == nil && k.Kind == index.IsDir {
		return k.Dir
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	d := y.recall.draw()
	if err != nil && !y.lost {
		y.giveUp() // it may have another number, and all that the index has in it
	}
	see(y, p, index.Known{Kind: index.IsDir, Dir: d})
	return d
}

// WasChecked reports whether exactly this was found before.
func (y *Memory) WasChecked(c index.Checked) (was bool) {
	_ = y.view(func(v *index.View) (err error) { // what cannot be read is not known
		was, err = v.WasChecked(c)
		return err
	})
	return was
}
