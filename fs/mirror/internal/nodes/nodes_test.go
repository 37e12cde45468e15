package nodes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
)

// numbers draws the numbers of directories, and counts how often it was asked.
type numbers struct {
	of    map[index.Place]index.Dir
	asked int
}

func (d *numbers) draw(parent index.Dir, name cipher.PlainName) index.Dir {
	d.asked++
	at := index.Place{Dir: parent, Name: name}
	if d.of[at] == 0 {
		d.of[at] = index.Dir(len(d.of) + 100)
	}
	return d.of[at]
}

// newTable is a table over two clouds, of files without content.
func newTable() (*Table, *numbers) {
	d := &numbers{of: map[index.Place]index.Dir{}}
	return New(Config{Clouds: 2, Init: func(*content.Object, content.Place) {}, Draw: d.draw}), d
}

// at is a name, spelt in either cloud with that cloud's letter.
func at(dir *Node, name string) Link {
	return Link{Parent: dir, Name: name, Enc: []cipher.Name{{Entry: cipher.EntryName("a-" + name)}, {Entry: cipher.EntryName("b-" + name)}}}
}

// dir is a directory as a lookup finds it, and file a file.
func dir(inodes ...uint64) *Found {
	return &Found{Kind: unix.S_IFDIR, Inodes: inodes, Info: cloud.Info{Dir: true, Ino: inodes[0]}}
}

func file(inodes ...uint64) *Found {
	return &Found{Kind: unix.S_IFREG, Inodes: inodes, Info: cloud.Info{Regular: true, Ino: inodes[0], Size: 10, Mtime: time.Unix(5, 0)}}
}

// with is a changed copy of what was found.
func with(f *Found, change func(*Found)) *Found {
	c := *f
	c.Inodes = slices.Clone(f.Inodes)
	change(&c)
	return &c
}

func TestAdoptFindsTheSameNodeAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		second *Found
		same   bool
	}{
		{"as it was", file(1, 11), true},
		{"another backing file in one cloud", file(1, 12), false},
		{"another size", with(file(1, 11), func(f *Found) { f.Info.Size++ }), false},
		{"another mtime", with(file(1, 11), func(f *Found) { f.Info.Mtime = time.Unix(6, 0) }), false},
		{"another size by another cloud, which says nothing", with(file(1, 11), func(f *Found) { f.Best, f.Info.Size = 1, 20 }), true},
		{"in one cloud only", file(1, 0), true},
		{"served by nobody", with(file(0, 0), func(f *Found) { f.Best = -1 }), true},
		{"a directory", dir(1, 11), false},
		{"a symlink", with(file(1, 11), func(f *Found) { f.Kind = unix.S_IFLNK }), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, _ := newTable()
			first := table.Adopt(at(table.Root(), "x"), file(1, 11))
			second := table.Adopt(at(table.Root(), "x"), tc.second)
			if same := first == second; same != tc.same || same == first.Content.Stale() {
				t.Errorf("same node: %v, want %v; the first is stale: %v", same, tc.same, first.Content.Stale())
			}
			if live := table.Root().Live("x"); live != second {
				t.Error("the name has another node than the lookup gave")
			}
			if first != second && (!first.Gone() || second.Ino() == first.Ino()) {
				t.Errorf("the first has a name: %v; numbers %d and %d", !first.Gone(), first.Ino(), second.Ino())
			}
			if first.Forget(); table.Root().Live("x") != second {
				t.Error("one of two references given back, and the node is gone")
			}
		})
	}
}

func TestAdoptFindsLinks(t *testing.T) {
	id, other := cipher.ID{1}, cipher.ID{2}
	of := func(id cipher.ID) func(*Found) { return func(f *Found) { f.ID = id } }
	for _, tc := range []struct {
		name string
		link *Found
		same bool
	}{
		{"the same backing files", file(1, 11), true},
		{"in one cloud, the other does not have it", file(1, 0), true},
		{"the same id", with(file(1, 11), of(id)), true},
		{"another id", with(file(1, 11), of(other)), false},
		{"another file in the second cloud", file(1, 12), false},
		{"of another kind", with(file(1, 11), func(f *Found) { f.Kind = unix.S_IFIFO }), false},
		{"of another size", with(file(1, 11), func(f *Found) { f.Info.Size++ }), false},
		{"served by nobody", with(file(1, 11), func(f *Found) { f.Best = -1 }), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, _ := newTable()
			first := table.Adopt(at(table.Root(), "x"), file(1, 11))
			place{first}.Known(&cipher.Header{FileID: id})
			if link := table.Adopt(at(table.Root(), "y"), tc.link); (link == first) != tc.same {
				t.Errorf("same node: %v, want %v", link == first, tc.same)
			}
			if names := len(first.Links()); (names == 2) != tc.same {
				t.Errorf("%d names", names)
			}
			if first.Forget(); first.Gone() == tc.same {
				t.Error("one reference was given back, and another was left only if it is the same node")
			}
		})
	}
}

func TestAdoptLearnsInodes(t *testing.T) {
	table, _ := newTable()
	n := table.Adopt(at(table.Root(), "x"), file(1, 0))
	table.Adopt(at(table.Root(), "x"), file(1, 11))
	if table.Backed(1, 11) != n || !slices.Equal(n.Backing(), []uint64{1, 11}) {
		t.Errorf("its inodes are %v", n.Backing())
	}
	table.ForgetCloud(1)
	if table.Backed(1, 11) != nil || !slices.Equal(n.Backing(), []uint64{1, 0}) {
		t.Errorf("its inodes are %v after one cloud was forgotten", n.Backing())
	}
	place{n}.Replaced(1, 12)
	place{n}.Replaced(1, 13)
	if table.Backed(1, 13) != n || table.Backed(1, 12) != nil {
		t.Error("it is not found by the backing file that replaced its first, and by no other")
	}
}

// TestPaths follows names through what changes them.
func TestPaths(t *testing.T) {
	table, _ := newTable()
	root := table.Root()
	d := table.Adopt(at(root, "d"), dir(2, 12))
	e := table.Adopt(at(d, "e"), dir(3, 13))
	f := table.NewFile()
	f.Made(at(e, "f"), cipher.ID{7}, []uint64{4, 14}, 0)
	check := func(n *Node, want ...string) {
		t.Helper()
		plain, ok := n.Plain()
		inB, okB := n.Path(1)
		if len(want) == 0 {
			if ok || okB || !n.Gone() {
				t.Errorf("it is at %q, %q; it should have no name", plain, inB)
			}
			return
		}
		if !ok || !okB || plain != want[0] || inB != want[1] || table.At(plain) != n {
			t.Errorf("it is at %q, in a cloud at %q; want %q", plain, inB, want)
		}
	}
	check(f, "d/e/f", "b-d/b-e/b-f")
	if id, _ := f.ID(); id != (cipher.ID{7}) || f.Ino() != 4 {
		t.Errorf("the new file has the id %x and the number %d", id, f.Ino())
	}
	f.Linked(at(root, "g"))
	f.Moved(at(e, "f"), at(d, "h"))
	if links := f.Links(); len(links) != 2 || !links[0].Same(at(root, "g")) || !links[1].Same(at(d, "h")) {
		t.Errorf("its links are %v", links)
	}
	check(f, "g", "b-g")
	if !e.Within(d) || !e.Within(root) || d.Within(e) || !d.Within(d) {
		t.Error("what lies within what is wrong")
	}
	Exchanged(e, f, at(d, "e"), at(root, "g"))
	check(e, "g", "b-g")
	check(d, "d", "b-d")
	if !f.Unlinked(at(d, "h")) || f.Unlinked(at(d, "e")) {
		t.Error("it had two names")
	}
	check(f)
	if root.Live("g") != e || d.Live("e") != nil || d.Live("h") != nil {
		t.Error("names have the wrong nodes")
	}
	d.Unlinked(at(root, "d"))
	check(d)
}

func TestNumbersAreAskedForOnce(t *testing.T) {
	table, drawn := newTable()
	d := table.Adopt(at(table.Root(), "d"), dir(2, 12))
	e := table.Adopt(at(d, "e"), dir(3, 13))
	first := e.Number()
	want := drawn.of[index.Place{Dir: drawn.of[index.Place{Dir: index.Root, Name: "d"}], Name: "e"}]
	if p, ok := at(e, "x").Place(); first != want || !ok || p != (index.Place{Dir: first, Name: "x"}) {
		t.Errorf("number %d, want %d; a name in it is at %v", first, want, p)
	}
	if again := e.Number(); again != first || drawn.asked != 2 {
		t.Errorf("numbers %d and %d, asked for %d times", first, again, drawn.asked)
	}
	table.ForgetNumbers()
	clear(drawn.of)
	drawn.of[index.Place{Dir: index.Root, Name: "d"}] = 77
	if d.Number() != 77 || drawn.asked != 3 {
		t.Errorf("after all were forgotten it is %d, asked for %d times", d.Number(), drawn.asked)
	}
	d.Unlinked(at(table.Root(), "d"))
	if n := e.Number(); n != 0 {
		t.Errorf("below a directory without a name it is %d", n)
	}
	if n := table.Root().Number(); n != index.Root {
		t.Errorf("the root's is %d", n)
	}
}

func TestLength(t *testing.T) {
	table, _ := newTable()
	n := table.Adopt(at(table.Root(), "x"), file(1, 11))
	info := cloud.Info{Ino: 1, Size: 4096, Mtime: time.Unix(9, 0)}
	place{n}.Length(0, info, 5)
	if plain, ok := table.Length(0, info); !ok || plain != 5 {
		t.Errorf("%d, %v", plain, ok)
	}
	later := info
	later.Size++
	if _, ok := table.Length(0, later); ok {
		t.Error("it is believed of another size")
	}
	if _, ok := table.Length(1, info); ok {
		t.Error("it is believed of another cloud")
	}
	table.ForgetCloud(0)
	if _, ok := table.Length(0, info); ok {
		t.Error("it is believed of a cloud that was forgotten")
	}
}

// TestReferences makes a tree, changes it in many ways and gives all references
// back: nothing stays.
func TestReferences(t *testing.T) {
	table, _ := newTable()
	root := table.Root()
	var held []*Node
	dirs := []*Node{root}
	for i := range 200 {
		parent, name := dirs[i*7%len(dirs)], fmt.Sprint("n", i%17)
		inode := uint64(i%50 + 2)
		if i%3 == 0 {
			n := table.Adopt(at(parent, name), dir(inode+1000, inode+2000))
			held = append(held, n)
			dirs = append(dirs, n)
			continue
		}
		n := table.Adopt(at(parent, name), file(inode, inode+100))
		held = append(held, n)
		switch i % 5 {
		case 1:
			n.Moved(at(parent, name), at(root, fmt.Sprint("m", i)))
		case 2:
			n.Linked(at(root, fmt.Sprint("l", i)))
		case 3:
			n.Unlinked(at(parent, name))
		}
	}
	for i, n := range held {
		if i%2 == 0 {
			n.Forget()
		}
	}
	for i, n := range held {
		if i%2 == 0 {
			continue
		}
		if l, ok := n.Link(); ok && table.byIno[l.Parent.Ino()] != l.Parent {
			t.Fatal("a directory is gone in which a node has a name")
		}
		n.Forget()
	}
	if len(table.byIno) != 1 || len(table.byBacking) != 0 || len(root.children) != 0 || root.refs != 1 {
		t.Errorf("%d nodes, %d backing files, %d names and %d references of the root are left",
			len(table.byIno), len(table.byBacking), len(root.children), root.refs)
	}
}
