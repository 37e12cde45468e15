package telling

import (
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// showing is what the clouds show of a name.
type showing struct {
	asked bool          // some cloud has answered
	dirs  int           // clouds that have a directory there
	blank bool          // some cloud has a file of which nobody can tell a version
	files []index.Known // versions that are whole
}

// look asks every cloud that is up.
func look(all *clouds.Clouds, path string) (s showing) {
	for _, cl := range all.Ups() {
		for _, special := range kinds {
			s.ask(cl, path, special)
		}
	}
	return s
}

// kinds are the names of entries that one name may have, by the letter for what is
// no file and no directory.
var kinds = [...]bool{false, true}

// ask asks one cloud for one kind. One that gives no answer shows nothing either way.
func (s *showing) ask(cl *clouds.Cloud, path string, special bool) {
	dir, last := "", path
	if at := strings.LastIndexByte(path, '/'); at >= 0 {
		for name := range strings.SplitSeq(path[:at], "/") {
			enc, err := cl.Keys.EncodeName(cipher.PlainName(name))
			if err != nil {
				return
			}
			dir = replica.Join(dir, replica.Entry(enc, false))
		}
		last = path[at+1:]
	}
	enc, err := cl.Keys.EncodeName(cipher.PlainName(last))
	if err != nil {
		return
	}
	entry := replica.Join(dir, replica.Entry(enc, special))
	info, err := cl.Dir.Stat(entry)
	if err != nil {
		s.asked = s.asked || replica.Missing(err)
		return
	}
	if s.asked = true; info.Dir && !special {
		s.dirs++
	}
	if info.Dir {
		return
	}
	h, err := cl.Header(entry)
	if err != nil || len(h.Version) == 0 || h.Flags&cipher.Dirty != 0 {
		s.blank = true
		return
	}
	s.files = append(s.files, Known(h))
}

// nothing reports that no cloud has anything there.
func (s *showing) nothing() bool { return s.dirs == 0 && !s.blank && len(s.files) == 0 }

// oneDir reports that one cloud alone has anything there, and that is a directory: whether it is of the past is looked at when somebody asks.
func (s *showing) oneDir() bool { return s.dirs == 1 && !s.blank && len(s.files) == 0 }

// agreed is the file that all clouds show that show a whole one, at its greatest
// version; ok is false where there is none, or they do not agree.
func (s *showing) agreed() (k index.Known, ok bool) {
	for i, o := range s.files {
		order := cipher.Compare(o.Version.Vector, k.Version.Vector)
		switch {
		case o.File != s.files[0].File:
			return index.Known{}, false
		case i == 0, order == cipher.Greater:
			k = o
		case order != cipher.Less && !o.Version.Equal(k.Version):
			return index.Known{}, false
		}
	}
	return k, len(s.files) > 0
}

// only is what is there as far as all clouds that have something show the same,
// a directory without its number; else Unknown.
func (s *showing) only() index.Known {
	k, ok := s.agreed()
	switch {
	case s.dirs > 0 && !s.blank && len(s.files) == 0:
		return index.Known{Kind: index.IsDir}
	case s.dirs > 0 || s.blank || !ok:
		return index.Known{}
	}
	return k
}

// shownAs is what is known of a name where the log says k: that, as far as some
// cloud shows it, or none can, since the log alone has it, or one that is not
// asked. Where the clouds show something else, and all the same, it is that; and Unknown where nobody can
// tell.
func (r *replayed) shownAs(path string, k index.Known) index.Known {
	if k.Kind == index.Unknown || r.Waits(path, k) {
		return k
	}
	var s showing
	ups := r.Clouds.Ups()
	for _, cl := range ups {
		for _, special := range kinds {
			if s.ask(cl, path, special); k.Kind == index.IsFile && s.has(k) {
				return k // one that shows it is enough
			}
		}
	}
	switch {
	case !s.asked,
		s.nothing() && len(ups) < r.Clouds.N(),
		k.Kind == index.IsDir && s.dirs > 0,
		k.Kind == index.Gone && (s.nothing() || s.oneDir() && len(ups) > 1):
		return k
	case k.Kind == index.IsFile && len(ups) < r.Clouds.N() && s.lesser(k):
		return k // one that is away can have it: what an older version is changed to has not seen it
	case k.Kind == index.IsFile:
		return s.file(k)
	}
	return index.Known{}
}

// lesser reports whether the clouds show nothing but older versions of a file.
func (s *showing) lesser(k index.Known) bool {
	is, ok := s.agreed()
	return ok && s.dirs == 0 && is.File == k.File && cipher.Compare(is.Version.Vector, k.Version.Vector) == cipher.Less
}

// has reports whether some cloud shows exactly that version of a file.
func (s *showing) has(k index.Known) bool {
	return slices.ContainsFunc(s.files, func(is index.Known) bool { return is.File == k.File && is.Version.Equal(k.Version) })
}

// file is shownAs of a file that no cloud shows at just that version.
func (s *showing) file(k index.Known) index.Known {
	for _, is := range s.files {
		if is.File == k.File && is.Version.Commit == k.Version.Commit {
			return is
		}
	}
	is, agreed := s.agreed()
	switch {
	case s.dirs > 0:
		return index.Known{}
	case agreed && (!s.blank || is.File == k.File):
		return is
	case s.blank && len(s.files) == 0:
		return k // nobody can tell that it is another one
	}
	return index.Known{}
}
