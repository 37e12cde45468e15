package compare

import "github.com/overcast-fs/overcast/fs/cloud"

// paths are some places of the tree, with all that is below them; none is everything.
type paths struct {
	at    map[string]bool
	above map[string]bool // directories above them
}

func newPaths(list []string) paths {
	p := paths{map[string]bool{}, map[string]bool{}}
	for _, path := range list {
		p.at[path] = true
		for dir, _ := cloud.SplitPath(path); dir != "" && !p.above[dir]; dir, _ = cloud.SplitPath(dir) {
			p.above[dir] = true
		}
	}
	return p
}

// cover reports whether a path is one of them, or below one.
func (p paths) cover(path string) bool {
	for at := path; ; at, _ = cloud.SplitPath(at) {
		if len(p.at) == 0 || p.at[at] || at == "" {
			return len(p.at) == 0 || p.at[at]
		}
	}
}

// leadTo is cover, or whether the path is above one.
func (p paths) leadTo(path string) bool { return p.above[path] || p.cover(path) }
