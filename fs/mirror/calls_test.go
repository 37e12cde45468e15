package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// costs are what an operation asks of one cloud of two, where nothing is wrong,
// in a vault of which the machine knows everything. Nothing may get dearer.
var costs = []struct {
	what  string
	do    func(m *mirror.Mirror) error
	calls string
}{
	{"lookup", func(m *mirror.Mirror) error { return lookUp(m, "f", nil) }, "1 stat"},
	{"lookup of nothing", func(m *mirror.Mirror) error { return lookUp(m, "nothing", fs.ErrNotExist) }, "2 stat"},
	{"open and close", func(m *mirror.Mirror) error {
		return withFile(m, "f", false, func(*mirror.Handle) error { return nil })
	}, "1 open, 1 readat, 3 stat"},
	{"create", func(m *mirror.Mirror) error { return makeFile(m, "new") }, "1 chtimes, 1 create, 2 writeat, 5 stat"},
	{"write all", func(m *mirror.Mirror) error { return tryWrite(m, "f", []byte("other"), true) }, "1 chmod, 1 chown, 1 create, 1 listxattr, 1 open, 1 readat, 1 rename, 1 sync, 3 chtimes, 3 writeat, 8 stat"},
	{"write a part", func(m *mirror.Mirror) error { return tryWrite(m, "f", []byte("o"), false) }, "1 chmod, 1 chown, 1 create, 1 listxattr, 1 open, 1 readat, 1 rename, 1 sync, 3 chtimes, 3 writeat, 8 stat"},
	{"unlink", func(m *mirror.Mirror) error { return m.Root().Unlink("f") }, "1 remove, 2 stat"},
	{"rename", func(m *mirror.Mirror) error { return m.Root().Rename("f", m.Root(), "new", mirror.RenameFlags{}) }, "1 rename, 4 stat"},
	{"rename over", func(m *mirror.Mirror) error { return m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{}) }, "1 chtimes, 1 open, 1 readat, 1 rename, 1 writeat, 8 stat"},
	{"mkdir", func(m *mirror.Mirror) error { return makeDir(m, "new") }, "1 chown, 1 mkdir, 3 stat"},
	{"rmdir", func(m *mirror.Mirror) error { return m.Root().Rmdir("d") }, "1 readdir, 1 rmdir, 2 stat"},
	{"list", func(m *mirror.Mirror) error { _, err := m.Root().ReadDir(); return err }, "1 readdir"},
	{"chmod", func(m *mirror.Mirror) error { return chmod(m, "f", 0o600) }, "1 chmod, 1 chtimes, 1 open, 1 readat, 1 writeat, 5 stat"},
}

func lookUp(m *mirror.Mirror, name string, want error) error {
	n, _, err := m.Root().LookupAttr(name)
	if err == nil {
		n.Forget()
	}
	if !errors.Is(err, want) {
		return fmt.Errorf("got %w, want %w", err, want)
	}
	return nil
}

func makeFile(m *mirror.Mirror, name string) error {
	n, h, err := m.Root().Create(name, 0o644, mirror.Owner{})
	if err != nil {
		return err
	}
	defer n.Forget()
	return h.Close()
}

func makeDir(m *mirror.Mirror, name string) error {
	n, err := m.Root().Mkdir(name, 0o755, mirror.Owner{})
	if err == nil {
		n.Forget()
	}
	return err
}

func chmod(m *mirror.Mirror, path string, mode uint32) error {
	n, err := m.Walk(path)
	if err != nil {
		return err
	}
	defer n.Forget()
	_, err = n.SetAttr(mirror.SetAttr{Mode: &mode})
	return err
}

// counter counts calls of one kind.
type counter struct{ n *int }

func (c counter) Act() { *c.n++ }

func (c counter) String() string { return "count" }

// TestCalls counts what operations ask of a cloud, by itself and with what is
// committed and retired behind it.
func TestCalls(t *testing.T) {
	ops := []string{
		"open", "create", "mkdir", "remove", "rmdir", "rename", "exchange", "link", "stat", "handle", "readdir", "chmod", "chown", "chtimes",
		"listxattr", "getxattr", "setxattr", "removexattr", "readat", "writeat", "truncate", "sync",
	}
	for _, c := range costs {
		b := newBox(t, 2)
		m := b.mount()
		for _, name := range []string{"f", "g"} {
			check(t, tryWrite(m, name, []byte("content of "+name), true))
		}
		check(t, makeDir(m, "d"))
		check(t, m.Sync())
		b.unmount(m)
		m = b.mount()
		counts := map[string]*int{}
		for _, op := range ops {
			n := new(int)
			counts[op] = n
			b.rigged[1].Inject(cloudtest.Rule{Op: op, Glob: "*", From: 1, Act: counter{n}})
		}
		check(t, c.do(m))
		check(t, m.Commit())
		var calls []string
		for _, op := range ops {
			if n := *counts[op]; n > 0 {
				calls = append(calls, fmt.Sprint(n, " ", op))
			}
		}
		slices.Sort(calls)
		if got := strings.Join(calls, ", "); got != c.calls {
			t.Errorf("%s: %s, want %s", c.what, got, c.calls)
		}
		b.unmount(m)
	}
}
