package repair

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// search looks through the whole cloud for files that are at none of the places
// that the log knows: a power cut can take the end of the log, and leave in the
// cloud the rename that it told of. Other names are searched of what is gone by the
// log, and newer than that. After a mere kill only what somebody else has moved is
// searched. What has no header is noted: the power cut may have taken that, too.
func (t *tree) search(things []*journal.Thing) error {
	lost := map[*journal.Thing]bool{}
	for _, thing := range things {
		if !thing.IsDir() && (!thing.Gone() && len(t.of[thing]) == 0 || slices.ContainsFunc(t.of[thing], t.outlives)) {
			lost[thing] = true
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return t.searchDir(t.root, lost)
}

func (t *tree) searchDir(dir *node, lost map[*journal.Thing]bool) error {
	entries, err := t.Dir.ReadDir(dir.path())
	if err != nil {
		return err
	}
	for _, e := range entries {
		known := dir.children[e.Name]
		if name := cipher.EntryName(e.Name); known == nil && !e.Dir && (!e.Regular || name.IsTemp() || name.IsSidecar()) {
			continue // neither a temporary name nor a sidecar is a name of the file
		}
		n, err := t.look(dir, e.Name)
		if err != nil {
			return err
		}
		switch {
		case n == nil:
		case n.dir:
			if err := t.searchDir(n, lost); err != nil {
				return err
			}
		case known == nil && n.blank && !n.shared:
			t.blanks = append(t.blanks, n)
		case known == nil && !lost[n.thing]:
			// It is none of those that are looked for, and stays unknown.
			(&planner{tree: t}).drop(n)
		}
	}
	return nil
}

// outlives reports whether a node is one name of a file that is gone by the log, at
// a version that this does not know.
func (t *tree) outlives(n *node) bool {
	return n.thing.Gone() && n.shared && n.head != nil && !n.thing.Covers(n.head.Version)
}
