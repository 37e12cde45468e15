package missed

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/fs/index"
)

// A world is where directories stand in the cloud, and where they are to be.
type world struct {
	was  map[index.Dir]*Name // where the cloud had directories, of which others are told
	now  map[index.Dir]*Name // where they are to be
	done map[index.Dir]bool  // stand there
	path func(index.Dir) (path string, ok bool)
}

// Arrange moves directories in the cloud to where they are by now, and tells which were
// that are for sure the ones. One is moved when nothing that is yet to be moved is in its way; where directories
// have changed places none is. path is where a directory is by now; move moves one,
// and reports whether it could be.
func Arrange(list []Name, path func(index.Dir) (string, bool), move func(from, to string) (bool, error)) (moved map[index.Dir]bool, err error) {
	w := world{map[index.Dir]*Name{}, map[index.Dir]*Name{}, map[index.Dir]bool{}, path}
	for i := range list {
		n := &list[i]
		if n.Had.Kind == index.IsDir && n.Had.Dir != 0 {
			w.was[n.Had.Dir] = n
		}
		if n.Now.Kind == index.IsDir && n.Path != "" {
			w.now[n.Now.Dir] = n
		}
	}
	var waiting []index.Dir
	for d, was := range w.was {
		if now := w.now[d]; now != nil && now.Place != was.Place {
			waiting = append(waiting, d)
		}
	}
	slices.SortFunc(waiting, func(a, b index.Dir) int { return cmp.Compare(w.now[a].Path, w.now[b].Path) })
	for again := true; again; {
		again = false
		for i := 0; i < len(waiting); i++ {
			d := waiting[i]
			from, ok := w.stands(d, len(w.was))
			if !ok || w.blocked(d, waiting) {
				continue
			}
			waiting = slices.Delete(waiting, i, i+1)
			i--
			is, err := move(from, w.now[d].Path)
			if err != nil {
				return nil, err
			}
			if again = true; is {
				w.done[d] = true
			}
		}
	}
	maps.DeleteFunc(w.done, func(d index.Dir, _ bool) bool { return !w.was[d].Sure })
	return w.done, nil
}

// stands is where a directory is in the cloud, as far as that is known.
func (w *world) stands(d index.Dir, deep int) (path string, ok bool) {
	was, told := w.was[d]
	switch now := w.now[d]; {
	case !told:
		return w.path(d)
	case w.done[d] || now != nil && now.Place == was.Place:
		return now.Path, true
	case was.Place.Dir == index.Root:
		return string(was.Place.Name), true
	case deep == 0:
		return "", false
	}
	path, ok = w.stands(was.Place.Dir, deep-1)
	return path + "/" + string(was.Place.Name), ok
}

// blocked reports whether another directory that is yet to be moved is where one is to be, or above that.
func (w *world) blocked(d index.Dir, waiting []index.Dir) bool {
	to := w.now[d].Path
	return slices.ContainsFunc(waiting, func(o index.Dir) bool {
		at, ok := w.stands(o, len(w.was))
		return o != d && ok && (at == to || strings.HasPrefix(to, at+"/"))
	})
}
