package journal

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// Again is what a list of entries says of a file's versions, as if it had been at
// these paths from the first on, under a reference of its own: so it can be said
// again at the end of the log, where nothing of what was said before is left.
// The Seq of an entry is that of the one whose data it has, 0 without any. To
// say twice what was said changes nothing.
func (t *Thing) Again(entries []*Entry, ref uint64, paths []string) []*Entry {
	list := t.placed(entries, ref, paths)
	said := map[cipher.ID]bool{}
	for _, e := range entries {
		if e == nil || !slices.ContainsFunc(t.Backings, func(b *Backing) bool { return b.Is(e) }) {
			continue
		}
		switch {
		case e.Op == OpFresh:
			list = append(list, &Entry{Op: OpFresh, Ref: ref, Salts: e.Salts, Temps: e.Temps})
		case e.Op != OpSpecial && e.Commit != nil && !said[e.Commit.Head.Commit]:
			said[e.Commit.Head.Commit] = true
			list = append(list, &Entry{Op: OpCommit, Ref: ref, Salts: e.Salts, Commit: e.Commit, Seq: e.Seq})
		}
	}
	return list
}

// placed is what says of a file that it is there.
func (t *Thing) placed(entries []*Entry, ref uint64, paths []string) []*Entry {
	first := &Entry{Op: OpBind, Ref: ref, Path: []byte(paths[0]), Kind: t.Kind, Salts: t.Backings[0].Salts, Before: Before{Had: t.Known}}
	if len(t.IDs) > 0 {
		first.File = &t.IDs[0]
	}
	if t.Made {
		first.Op, first.Attrs = OpCreate, &t.Attrs
	}
	for _, e := range entries {
		if e != nil && e.Op == OpSpecial && t.Backings[0].Is(e) {
			special := *e
			first, special.Path, special.Ref = &special, first.Path, ref
		}
	}
	list := []*Entry{first}
	for _, path := range paths[1:] {
		list = append(list, &Entry{Op: OpLink, Path: first.Path, To: []byte(path), File: first.File, Kind: t.Kind})
	}
	return list
}

// saidAgain is the file that an entry makes, where the log made it there before.
func (f *Fold) saidAgain(s *Slot, e *Entry) *Thing {
	if t := s.Now; e.Op != OpMkdir && e.File != nil && t != nil && t.Made && t.Kind != unix.S_IFDIR && slices.Contains(t.IDs, *e.File) {
		return t
	}
	return nil
}
