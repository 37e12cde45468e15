package memory

import (
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// Past is what is known of names that are not any more, by their paths from the root.
type Past struct{ Rows }

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

// Now returns what should be at a path from the root.
func (y Past) Now(path string) (index.Known, error) {
	_, k, err := y.Find(path)
	return k, err
}

// Left reports whether a file, at that version, is known to have no business at a path: it was removed there, or the file is
// known at no lesser version, or to have ended at one, and not to be there. No version is that of a file that was never
// committed.
func (y Past) Left(path string, f index.File, v cipher.Vector) (bool, error) {
	at, k, err := y.Find(path)
	if err != nil {
		return false, err
	}
	if k.Kind == index.Gone && k.File == f && atMost(v, k.Version.Vector) {
		return true, nil
	}
	of, err := y.Of(f)
	met := of.Met && atMost(v, of.Greatest.Vector) || slices.ContainsFunc(of.Ended, func(end cipher.Vector) bool { return atMost(v, end) })
	if err != nil || !met {
		return false, err
	}
	return !slices.Contains(of.Names, at), nil
}

// Homes are the paths of a file's live names.
func (y Past) Homes(f index.File) (paths []string, err error) {
	places, err := y.Places(f)
	for _, p := range places {
		dir, ok, failed := y.Path(p.Dir)
		if failed != nil {
			return nil, failed
		}
		if ok {
			paths = append(paths, strings.TrimPrefix(dir+"/"+string(p.Name), "/"))
		}
	}
	return paths, err
}

// Ended are the versions up to which a file is known to have ended. One that has no name may have vanished, which ends nothing.
func (y Past) Ended(f index.File) ([]cipher.Vector, error) {
	of, err := y.Of(f)
	return of.Ended, err
}

// LeftDir reports whether a directory, or one above it, is known to have left a path.
func (y Past) LeftDir(path string) (bool, error) {
	dir, at := index.Root, ""
	for name := range strings.SplitSeq(path, "/") {
		at = strings.TrimPrefix(at+"/"+name, "/")
		k, err := y.At(index.Place{Dir: dir, Name: cipher.PlainName(name)})
		switch {
		case err != nil:
			return false, err
		case k.Kind == index.Gone && k.File == index.File{}:
			return true, nil
		case k.Kind == index.IsFile: // there since, or it never was one
			ended, err := y.Rows.Ended(at)
			return len(ended) > 0, err
		case k.Kind != index.IsDir:
			return false, nil
		}
		dir = k.Dir
	}
	return false, nil
}

// ClearedDir reports whether a directory of which nothing is known is at a path from which one has left, or below such a path.
func (y Past) ClearedDir(path string) (bool, error) {
	if _, k, err := y.Find(path); err != nil || k.Kind != index.Unknown {
		return false, err
	}
	for {
		if ended, err := y.Rows.Ended(path); err != nil || len(ended) > 0 {
			return err == nil, err
		}
		at := strings.LastIndexByte(path, '/')
		if at < 0 {
			return false, nil
		}
		path = path[:at]
	}
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
