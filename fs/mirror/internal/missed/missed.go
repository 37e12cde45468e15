package missed

import "github.com/overcast-fs/overcast/fs/index"

// A Name is one of which a cloud has missed a change.
type Name struct {
	Path  string // as it is now; of one in a directory that stands nowhere any more ""
	Place index.Place
	Had   index.Known // what the cloud had there when that began, as far as anybody knows
	Sure  bool        // somebody knows
	Now   index.Known // what should be there
}

// Deep reports whether a name is brought over with all that is below it: a directory
// that the cloud had not there, unless it was moved there as it was.
func (n *Name) Deep(moved map[index.Dir]bool) bool {
	if n.Now.Kind != index.IsDir || moved[n.Now.Dir] {
		return false
	}
	return !n.Sure || n.Had.Kind != index.IsDir || n.Had.Dir != n.Now.Dir
}
