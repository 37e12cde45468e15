package journal_test

import (
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// These are the smallest inputs that have failed.

// TestCoversWithoutVersion: of a file that the log made and gave no version,
// every version is another machine's.
func TestCoversWithoutVersion(t *testing.T) {
	f := journal.NewFold(entries(t, `
		create f ref=1 id=1 salt=1
		unlink f id=1`))
	if f.Things[1].Covers(vector(5)) {
		t.Error("a version is taken for one of the log's")
	}
}

// TestWhoOfCopy: a whole copy of what took over an id has a salt that the log
// does not know, and a version that it does.
func TestWhoOfCopy(t *testing.T) {
	f := journal.NewFold(entries(t, `
		bind f ref=1 id=1 salt=1
		bind g ref=2 id=2 salt=2
		rename g f id=2 over=f other=1 takeover=6 salt=2`))
	h := &cipher.Header{FileID: id(1), Salt: [16]byte(salt(9)), CommitID: id(6), Version: vector(6)}
	if got := f.Who(0, h); got != f.Ref(2) {
		t.Errorf("it is %s", word(got))
	}
}

// TestLatestOfFirst: the log's first entry has none of the chunks that a later
// one cut.
func TestLatestOfFirst(t *testing.T) {
	list := entries(t, `
		special s ref=1 id=1 ver=5 salt=1 chunks=0-2
		commit ref=1 id=1 base=5 ver=6 salt=1 cut=1`)
	b := journal.NewFold(list).Things[1].Backings[0]
	if b.Latest(0, 1) {
		t.Error("chunk 1 is the first entry's")
	}
}

// TestMtimeAtFirstWord: that the log names an entry which was there changes
// nothing in its directory.
func TestMtimeAtFirstWord(t *testing.T) {
	at := time.Unix(1_600_000_000, 7)
	for _, after := range []string{`bind a/f ref=1 id=1 salt=1`, `create a/b/f ref=1 id=1 salt=1`, `rmdir a/b/c`} {
		touch := &journal.Entry{Op: journal.OpDirAttr, Path: []byte("a"), Attrs: &journal.Attrs{Mtime: &at}}
		f := journal.NewFold(append([]*journal.Entry{touch}, entries(t, after)...))
		if f.Root.Slots[0].Now.Attrs.Mtime == nil {
			t.Errorf("%s: the mtime that was set is forgotten", after)
		}
	}
}
