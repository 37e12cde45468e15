package journal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// TestFoldHandles: what finds a directory is what the last entry said of it,
// cloud by cloud.
func TestFoldHandles(t *testing.T) {
	list := entries(t, `
		rename a b kind=d handle=1
		rename b c kind=d over=d otherhandle=2
		exchange c d kind=d over=d otherhandle=3
		rmdir c handle=4`)
	list[0].Handles = [][]byte{salt(1), nil, salt(9)}
	list[1].Handles = [][]byte{nil, salt(8)}
	f := journal.NewFold(list)
	want(t, f, `
		a -
		b -
		c -
		d dir`)
	byName := map[string]*journal.Thing{}
	for _, thing := range f.Things[1:] {
		byName[thing.Was[0].Name] = thing
	}
	for _, test := range []struct {
		name  string
		cloud int
		want  int
	}{
		{"a", 0, 1}, {"a", 1, 8}, {"a", 2, 9}, {"c", 0, 2}, {"d", 0, 4},
	} {
		if h := byName[test.name].Handles[test.cloud]; string(h) != string(salt(test.want)) {
			t.Errorf("%s in cloud %d is found by %v, want %v", test.name, test.cloud, h, salt(test.want))
		}
	}
}

// TestFoldAttrs: a directory gets what the log gives it; its mtime only where
// nothing in it changed since.
func TestFoldAttrs(t *testing.T) {
	at := time.Unix(1_600_000_000, 7)
	mode, uid := uint32(0o750), uint32(5)
	touch := &journal.Entry{Op: journal.OpDirAttr, Path: []byte("a"), Attrs: &journal.Attrs{Mtime: &at}}
	owned := &journal.Entry{Op: journal.OpDirAttr, Path: []byte("a"), Attrs: &journal.Attrs{Mode: &mode, UID: &uid}}
	for _, test := range []struct {
		name, before, after string
		kept                bool
	}{
		{"nothing changes", `mkdir a`, ``, true},
		{"it moves", `mkdir a`, `rename a b kind=d`, true},
		{"a file is made in it", ``, `create a/f ref=1 id=1 salt=1`, false},
		{"a file goes from it", ``, `unlink a/f id=1`, false},
		{"a file leaves it", ``, `rename a/f g id=1`, false},
		{"a file below is made", `create a/b/f ref=1 id=1 salt=1`, `create a/b/g ref=2 id=2 salt=2`, true},
		{"a version of a file in it", `bind a/f ref=1 id=1 salt=1`, `commit ref=1 id=1 base=3 ver=5 salt=1`, true},
	} {
		list := append(append(entries(t, test.before), touch, owned), entries(t, test.after)...)
		a := journal.NewFold(list).Root.Slots[0].Was[0]
		if got := a.Attrs.Mtime != nil; got != test.kept {
			t.Errorf("%s: mtime kept: %v", test.name, got)
		}
		if a.Attrs.Mode == nil || *a.Attrs.Mode != mode || a.Attrs.UID == nil || *a.Attrs.UID != uid || a.Attrs.GID != nil {
			t.Errorf("%s: attributes are %+v", test.name, a.Attrs)
		}
	}
}

// TestFoldTemps: an exchange without a system call of its own leaves its first
// entry under a temporary name for a moment.
func TestFoldTemps(t *testing.T) {
	f := journal.NewFold(entries(t, `exchange a/f b/g id=1 over=f other=2 temp=.~0.tmp`))
	for _, thing := range f.Things {
		in := len(thing.Was) == 1 && thing.Was[0].Name == "b"
		if in != (len(thing.Temps) == 1) {
			t.Fatalf("temporary names: %v", thing.Temps)
		}
		if in && (thing.Temps[0].Of.ID() != id(1) || thing.Temps[0].Entries[0] != ".~0.tmp") {
			t.Errorf("it is %v", thing.Temps[0])
		}
	}
}

// TestFoldWho: a header's salt tells its file, else its id; one of two files
// that had an id is the one whose backing file the log does not know.
func TestFoldWho(t *testing.T) {
	f := journal.NewFold(entries(t, `
		create t ref=1 id=2 salt=2
		commit ref=1 id=2 ver=5 salt=2
		rename t f id=2 over=f other=1 takeover=6 salt=2`))
	newer, older := f.Ref(1), f.Things[2]
	for _, test := range []struct {
		name string
		id   int
		salt int
		want *journal.Thing
	}{
		{"the new one, before it took over", 2, 2, newer},
		{"the new one", 1, 2, newer},
		{"the new one, whatever its id", 9, 2, newer},
		{"the old one", 1, 7, older},
		{"a whole copy of the new one", 2, 7, newer},
		{"one that the log does not know", 9, 9, nil},
	} {
		if got := f.Who(0, &cipher.Header{FileID: id(test.id), Salt: [16]byte(salt(test.salt))}); got != test.want {
			t.Errorf("%s is %s", test.name, word(got))
		}
	}
	if f.Who(1, &cipher.Header{FileID: id(9), Salt: [16]byte(salt(2))}) != nil {
		t.Error("a salt of another cloud tells a file")
	}
}

// TestFoldSpecial: what is no regular file is whole in its only entry.
func TestFoldSpecial(t *testing.T) {
	thing := journal.NewFold(entries(t, `
		special s id=1 ver=5 salt=1 len=3 chunks=0
		link s t id=1 kind=l`)).Things[1]
	if b := thing.Committed(); b == nil || b.Whole == nil || !thing.Special() || thing.IsDir() || len(thing.Now) != 2 {
		t.Errorf("it is %+v", thing)
	}
}

// TestFoldYield: a file that goes on elsewhere leaves its name, also where the way to it
// leads through a directory of that name; and stays where the log has something else.
func TestFoldYield(t *testing.T) {
	for _, test := range []struct {
		path  string
		moved bool
		after string
	}{
		{"g", true, `
			f -
			g file* 1
			h file* 2`},
		{"f/g", true, `
			f dir
			f/g file* 1
			h file* 2`},
		{"h", false, `
			f file* 1
			h file* 2`},
	} {
		f := journal.NewFold(entries(t, `
			create f ref=1 id=1 salt=1
			create h ref=2 id=2 salt=2`))
		thing := f.Ref(1)
		if moved := f.Yield(thing.Now[0], test.path); moved != test.moved || len(thing.Now) != 1 {
			t.Errorf("to %s: %v, with %d names", test.path, moved, len(thing.Now))
		}
		want(t, f, test.after)
	}
}

// TestFoldHome: a name that a file had before the log goes where the log has taken its
// directory by then. Where the log has touched it, nothing is new.
func TestFoldHome(t *testing.T) {
	for _, test := range []struct {
		path, after string
	}{
		{"y", "y file 1"},
		{"d/y", "e/y file 1"},
		{"d/new/y", "e/new dir\ne/new/y file 1"},
		{"d/f", ""},
		{"f", ""},
		{"gone/y", ""},
		{"d/moved/y", "moved/y file 1"},
	} {
		script := `
			unlink f id=1
			rename d/moved moved kind=d
			rename d e kind=d
			mkdir d
			create e/f ref=2 id=2 salt=2
			rmdir gone`
		f, same := journal.NewFold(entries(t, script)), journal.NewFold(entries(t, script))
		before := picture(same)
		f.Home(f.Root.Slots[0].Was[0], test.path)
		added := slices.DeleteFunc(strings.Split(picture(f), "\n"), func(line string) bool {
			return slices.Contains(strings.Split(before, "\n"), line)
		})
		if got := strings.TrimSpace(strings.Join(added, "\n")); got != test.after {
			t.Errorf("%s: %q is there, want %q", test.path, got, test.after)
		}
		consistent(t, f)
	}
}
