package missed

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// A dir is a directory of a test: where it was, and is, as parent and name; "" for nowhere.
type dir struct {
	number   index.Dir
	was, now index.Place
	path     string // now
}

func at(d index.Dir, name string) index.Place {
	return index.Place{Dir: d, Name: cipher.PlainName(name)}
}

func is(d index.Dir) index.Known { return index.Known{Kind: index.IsDir, Dir: d} }

// names are those of which a cloud missed changes, when directories moved so.
func names(dirs []dir) []Name {
	byPlace := map[index.Place]*Name{}
	note := func(p index.Place) *Name {
		n := byPlace[p]
		if n == nil {
			n = &Name{Place: p, Sure: true, Had: index.Known{Kind: index.Gone}, Now: index.Known{Kind: index.Gone}}
			byPlace[p] = n
		}
		return n
	}
	for _, d := range dirs {
		if d.was.Dir != 0 {
			note(d.was).Had = is(d.number)
		}
		if d.now.Dir != 0 {
			n := note(d.now)
			n.Now, n.Path = is(d.number), d.path
		}
	}
	var list []Name
	for _, n := range byPlace {
		list = append(list, *n)
	}
	return list
}

func TestArrange(t *testing.T) {
	const a, b, c = index.Dir(10), index.Dir(11), index.Dir(12)
	root := index.Root
	tests := []struct {
		name string
		dirs []dir
		want []string
	}{
		{"nothing moved", []dir{{a, at(root, "a"), at(root, "a"), "a"}}, nil},
		{"one", []dir{{a, at(root, "a"), at(root, "b"), "b"}}, []string{"a>b"}},
		{"a chain", []dir{{a, at(root, "a"), at(root, "b"), "b"}, {b, at(root, "b"), at(root, "c"), "c"}}, []string{"b>c", "a>b"}},
		{"an exchange", []dir{{a, at(root, "a"), at(root, "b"), "b"}, {b, at(root, "b"), at(root, "a"), "a"}}, nil},
		{"out of one that moved", []dir{{a, at(root, "a"), at(root, "b"), "b"}, {c, at(a, "c"), at(root, "c"), "c"}}, []string{"a>b", "b/c>c"}},
		{"out of one that is gone", []dir{{a, at(root, "a"), index.Place{}, ""}, {c, at(a, "c"), at(root, "c"), "c"}}, []string{"a/c>c"}},
		{"into one that moved", []dir{{a, at(root, "a"), at(root, "b"), "b"}, {c, at(root, "c"), at(a, "c"), "b/c"}}, []string{"a>b", "c>b/c"}},
		{"within one that stands", []dir{{c, at(a, "c"), at(a, "d"), "a/d"}}, []string{"a/c>a/d"}},
		{"made anew", []dir{{a, at(root, "a"), index.Place{}, ""}, {b, index.Place{}, at(root, "a"), "a"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			where := func(d index.Dir) (string, bool) { return "a", d == a }
			moved, err := Arrange(names(tt.dirs), where, func(from, to string) (bool, error) {
				got = append(got, from+">"+to)
				return true, nil
			})
			if err != nil || !slices.Equal(got, tt.want) || len(moved) != len(tt.want) {
				t.Fatalf("moved %v, %v (error %v), want %v", got, moved, err, tt.want)
			}
		})
	}
}

func TestArrangeFails(t *testing.T) {
	list := names([]dir{{10, at(index.Root, "a"), at(index.Root, "b"), "b"}})
	where := func(index.Dir) (string, bool) { return "", false }
	if _, err := Arrange(list, where, func(string, string) (bool, error) { return false, errors.New("EIO") }); err == nil {
		t.Error("an error is lost")
	}
	moved, err := Arrange(list, where, func(string, string) (bool, error) { return false, nil })
	if err != nil || len(moved) > 0 {
		t.Errorf("moved %v (error %v), want nothing", moved, err)
	}
}

func TestDeep(t *testing.T) {
	moved := map[index.Dir]bool{30: true}
	for i, tt := range []struct {
		n    Name
		deep bool
	}{
		{Name{Sure: true, Had: is(10), Now: is(10)}, false},
		{Name{Had: is(10), Now: is(10)}, true},
		{Name{Sure: true, Had: is(20), Now: is(10)}, true},
		{Name{Sure: true, Had: index.Known{Kind: index.Gone}, Now: is(10)}, true},
		{Name{Now: is(30)}, false},
		{Name{Sure: true, Had: is(10), Now: index.Known{Kind: index.Gone}}, false},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if got := tt.n.Deep(moved); got != tt.deep {
				t.Errorf("deep %v, want %v", got, tt.deep)
			}
		})
	}
}
