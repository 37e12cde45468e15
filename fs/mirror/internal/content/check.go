package content

import (
	"fmt"

	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

// maxChecked bounds what is checked at each unlock: a file with more chunks in
// memory is not.
const maxChecked = 256

// verify panics where the file is not as it always is when its lock is given
// back, if that is checked.
func (f *File) verify() {
	if !checked {
		return
	}
	if err := f.check(); err != nil {
		panic(err)
	}
}

// check holds a file against what is always so when its lock is given back. The
// first thing that is not comes back.
func (f *File) check() error {
	l := &f.Layers
	if len(l.Draft.Chunks)+len(l.Sealed.Chunks)+len(l.Applying.Chunks) > maxChecked {
		return nil
	}
	floor, records := f.Copies.Floor(), f.Env.Layout.Records(f.Length)
	for _, rule := range []struct {
		holds bool
		what  string
	}{
		{f.Reserved == l.Memory(), "the memory of the layers is what is charged"},
		{f.Covered >= floor, "what the clouds' version covers, a sealed version covers"},
		{within(l.Direct, floor, records), "direct records lie between the clouds' version and the end"},
		{within(f.Unsynced, 0, records), "what was written directly and not synced lies before the end"},
		{noneDirect(&l.Draft, l.Direct), "a chunk of the draft is not counted as direct"},
		{l.Idle() || f.underway(), "layers below the draft belong to a version on its way"},
		{f.Copies.Changing == (f.replacing() || !l.Applying.Empty()), "acc is asked only of copies that nothing changes"},
		{!f.replacing() || !f.Copies.Stored.Committed(), "fresh backing files have no version"},
		{!f.Nameless || f.ref == 0, "the log does not name a file without a name"},
		{f.ref != 0 || f.Nameless || l.Draft.Empty() && l.Idle() && len(l.Direct) == 0, "the log names a file that has something on its way"},
		{len(f.Accs) == len(f.Copies.List) && f.Length >= 0, "there is an acc for each cloud, and a length"},
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
