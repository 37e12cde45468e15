package content

import (
	"fmt"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

// maxChecked bounds what is checked at each unlock: a file with more chunks in
// memory is not.
const maxChecked = 256

// check holds a file against what is always so when its lock is given back. The
// first thing that is not comes back.
func (f *File) check() error {
	l := &f.layers
	if len(l.Draft.Chunks)+len(l.Sealed.Chunks)+len(l.Applying.Chunks) > maxChecked {
		return nil
	}
	floor, records := f.copies.Floor(), f.s.Layout.Records(f.length)
	for _, rule := range []struct {
		holds bool
		what  string
	}{
		{f.reserved == l.Memory(), "the memory of the layers is what is charged"},
		{f.covered >= floor, "what the clouds' version covers, a sealed version covers"},
		{within(l.Direct, floor, records), "direct records lie between the clouds' version and the end"},
		{within(f.unsynced, 0, records), "what was written directly and not synced lies before the end"},
		{noneDirect(&l.Draft, l.Direct), "a chunk of the draft is not counted as direct"},
		{l.Idle() || f.underway(), "layers below the draft belong to a version on its way"},
		{f.copies.Changing == (f.replacing() || !l.Applying.Empty()), "acc is asked only of copies that nothing changes"},
		{!f.replacing() || !f.copies.Stored.Committed(), "fresh backing files have no version"},
		{!f.orphan || f.ref == 0, "the log does not name a file without a name"},
		{f.ref != 0 || f.orphan || l.Draft.Empty() && l.Idle() && len(l.Direct) == 0, "the log names a file that has something on its way"},
		{len(f.accs) == len(f.copies.List) && f.length >= 0, "there is an acc for each cloud, and a length"},
	} {
		if !rule.holds {
			return fmt.Errorf("file %d: not so: %s", f.o.Ino(), rule.what)
		}
	}
	return nil
}

// within reports whether all spans lie in [lo, hi).
func within(s journal.Spans, lo, hi int64) bool {
	return len(s) == 0 || s[0].Lo >= lo && s[len(s)-1].Hi <= hi
}

func noneDirect(l *layer.Layer, direct journal.Spans) bool {
	for i := range l.Chunks {
		if direct.Has(i) {
			return false
		}
	}
	return true
}
