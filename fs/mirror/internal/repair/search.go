package repair

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// search looks through the whole cloud for files that are at none of the places
// that the log knows: a power cut can take the end of the log, and leave in the
// cloud the rename that it told of. After a mere kill nothing is searched. A file
// without a header at a name that the log does not know is one whose rename and
// whose header were lost alike.
func (t *tree) search() error {
	lost := map[*journal.Thing]bool{}
	for _, thing := range t.fold.Things {
		if !thing.IsDir() && !thing.Gone() && len(t.of[thing]) == 0 {
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
		if known == nil && !e.Dir && !e.Regular {
			continue
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
			t.keepBlank(n)
		case known == nil && !lost[n.thing]:
			// It is none of those that are looked for, and stays unknown.
			(&planner{tree: t}).drop(n)
		}
	}
	return nil
}

// keepBlank notes a file without a header at the entry of a name.
func (t *tree) keepBlank(n *node) {
	d, err := t.Keys.DecodeEntry(cipher.EntryName(n.entry), func(side cipher.EntryName) ([]byte, error) {
		return t.ReadSidecar(replica.Join(n.parent.path(), string(side)))
	})
	if err == nil && !d.Copy {
		t.blanks[d.Special] = append(t.blanks[d.Special], n)
	}
}
