package journal

import (
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
