package journal

import (
	"path"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
)

// Tells reports whether the log tells of a file, or of what became of a directory on the way to a path that this had before
// the log.
func (f *Fold) Tells(id cipher.ID, path string) bool {
	if len(f.byID[id]) > 0 {
		return true
	}
	dir := f.Root
	for {
		name, rest, deeper := strings.Cut(path, "/")
		s := dir.names[name]
		if !deeper || s == nil {
			return false
		}
		at := slices.IndexFunc(s.Was, func(d *Thing) bool { return d.IsDir() && d.Found == s })
		if at < 0 || s.Was[at] != s.Now {
			return true
		}
		dir, path = s.Now, rest
	}
}

// KnownBy reports whether a file had a name before the log, in whatever directory: those may have other places by now.
func (t *Thing) KnownBy(name string) bool {
	return slices.ContainsFunc(t.Homes, func(home string) bool { return path.Base(home) == name })
}
