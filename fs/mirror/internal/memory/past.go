package memory

import (
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// Of returns the greatest version that is known of a file, and its live names, in no order.
func (y *Memory) Of(f index.File) (v index.Version, places []index.Place, err error) {
	var id index.ID
	err = y.view(func(view *index.View) (err error) {
		id, err = view.ID(f)
		return err
	})
	y.mu.Lock()
	defer y.mu.Unlock()
	v = id.Greatest.Join(y.told.versions[f]).Join(y.told.left[f])
	candidates := append(id.Names, y.told.places[f]...)
	if y.going != nil {
		v = v.Join(y.going.versions[f]).Join(y.going.left[f])
		candidates = append(candidates, y.going.places[f]...)
	}
	met := map[index.Place]bool{}
	for i, p := range candidates {
		if met[p] {
			continue
		}
		met[p] = true
		k, told := y.toldAt(p)
		if k.File == f {
			v = v.Join(k.Version)
		}
		live := i < len(id.Names) && !y.told.dropped[p.Dir] && (y.going == nil || !y.going.dropped[p.Dir])
		if told {
			live = k.Kind == index.IsFile && k.File == f
		}
		if live {
			places = append(places, p)
		}
	}
	return v, places, err
}

// Past is what is known of names that are not any more, by their paths from the root.
type Past struct{ *Memory }

// Find returns the place of a path from the root, and what should be there. Where a directory above it is not known, it has no
// place.
func (y Past) Find(path string) (p index.Place, k index.Known, err error) {
	dir := index.Root
	for {
		name, rest, more := strings.Cut(path, "/")
		p = index.Place{Dir: dir, Name: cipher.PlainName(name)}
		if k, err = y.At(p); err != nil || !more {
			return p, k, err
		}
		if k.Kind != index.IsDir {
			return index.Place{}, index.Known{}, nil
		}
		dir, path = k.Dir, rest
	}
}

// Left reports whether a file, at that version, is known to have no business at a path: it was removed there, or the file is
// known at no lesser version and not to be there.
func (y Past) Left(path string, f index.File, v cipher.Vector) (bool, error) {
	at, k, err := y.Find(path)
	if err != nil {
		return false, err
	}
	if k.Kind == index.Gone && k.File == f && atMost(v, k.Version.Vector) {
		return true, nil
	}
	greatest, places, err := y.Of(f)
	if err != nil || len(v) == 0 || !atMost(v, greatest.Vector) {
		return false, err
	}
	for _, p := range places {
		if p == at {
			return false, nil
		}
	}
	return true, nil
}

// Ended returns the greatest version of a file that is known and has no name any more; none of any other.
func (y Past) Ended(f index.File) (cipher.Vector, error) {
	v, places, err := y.Of(f)
	if err != nil || len(places) > 0 {
		return nil, err
	}
	return v.Vector, nil
}

// LeftDir reports whether a directory, or one above it, is known to have left a path.
func (y Past) LeftDir(path string) (bool, error) {
	dir := index.Root
	for name := range strings.SplitSeq(path, "/") {
		k, err := y.At(index.Place{Dir: dir, Name: cipher.PlainName(name)})
		switch {
		case err != nil:
			return false, err
		case k.Kind == index.Gone && k.File == index.File{}:
			return true, nil
		case k.Kind != index.IsDir:
			return false, nil
		}
		dir = k.Dir
	}
	return false, nil
}

// Emptied reports whether something is known to have left a path, and nothing to be there.
func (y Past) Emptied(path string) (bool, error) {
	_, k, err := y.Find(path)
	return k.Kind == index.Gone, err
}

// atMost reports whether a version is not above another one.
func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}
