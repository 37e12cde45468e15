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

// costs are what operations ask of two clouds, of the lead and of the other one, where nothing is wrong, in a vault of which
// the machine knows everything. Nothing may get dearer.
var costs = []struct {
	what  string
	do    func(m *mirror.Mirror) error
	calls [2]string
}{
	{"lookup", func(m *mirror.Mirror) error { return lookUp(m, "f", nil) }, [2]string{
		"1 stat",
		"1 stat",
	}},
	{"lookup of nothing", func(m *mirror.Mirror) error { return lookUp(m, "nothing", fs.ErrNotExist) }, [2]string{
		"2 stat",
		"2 stat",
	}},
	{"open and close", func(m *mirror.Mirror) error {
		return withFile(m, "f", false, func(*mirror.Handle) error { return nil })
	}, [2]string{
		"1 open, 1 readat, 4 stat",
		"1 open, 1 readat, 3 stat",
	}},
	{"read", func(m *mirror.Mirror) error { return forgetData(tryRead(m, "f")) }, [2]string{
		"1 open, 2 readat, 5 stat",
		"1 open, 1 readat, 2 stat",
	}},
	{"read again", func(m *mirror.Mirror) error {
		return errors.Join(forgetData(tryRead(m, "f")), forgetData(tryRead(m, "f")))
	}, [2]string{
		"10 stat, 2 open, 4 readat",
		"2 open, 2 readat, 4 stat",
	}},
	{"create", func(m *mirror.Mirror) error { return makeFile(m, "new") }, [2]string{
		"1 chtimes, 1 create, 2 writeat, 7 stat",
		"1 chtimes, 1 create, 2 writeat, 5 stat",
	}},
	{"create and look", func(m *mirror.Mirror) error {
		return errors.Join(makeFile(m, "new"), lookUp(m, "new", nil))
	}, [2]string{
		"1 chtimes, 1 create, 2 writeat, 8 stat",
		"1 chtimes, 1 create, 2 writeat, 6 stat",
	}},
	{"write a new one", func(m *mirror.Mirror) error { return tryWrite(m, "new", []byte("new"), false) }, [2]string{
		"1 chtimes, 1 create, 3 writeat, 8 stat",
		"1 chtimes, 1 create, 3 writeat, 6 stat",
	}},
	{"write all", func(m *mirror.Mirror) error { return tryWrite(m, "f", []byte("other"), true) }, [2]string{
		"1 chmod, 1 chown, 1 create, 1 listxattr, 1 open, 1 readat, 1 rename, 11 stat, 2 sync, 3 chtimes, 3 writeat", // one of them looks at what is replaced
		"1 chmod, 1 chown, 1 create, 1 listxattr, 1 open, 1 readat, 1 rename, 1 sync, 10 stat, 3 chtimes, 3 writeat", // and one whether it is a link
	}},
	{"write a part", func(m *mirror.Mirror) error { return patch(m, "f", false) }, [2]string{
		"1 chmod, 1 chtimes, 1 open, 1 sync, 2 readat, 3 writeat, 9 stat",
		"1 chmod, 1 chtimes, 1 open, 1 readat, 1 sync, 3 writeat, 7 stat",
	}},
	{"write a part and fsync", func(m *mirror.Mirror) error { return patch(m, "f", true) }, [2]string{
		"1 chmod, 1 chtimes, 1 open, 2 readat, 2 sync, 3 writeat, 9 stat",
		"1 chmod, 1 chtimes, 1 open, 1 readat, 1 sync, 3 writeat, 7 stat",
	}},
	{"write, commit and look", func(m *mirror.Mirror) error {
		return errors.Join(patch(m, "f", true), m.Commit(), lookUp(m, "f", nil), forgetData(tryRead(m, "f")))
	}, [2]string{
		"1 chmod, 1 chtimes, 15 stat, 2 open, 2 sync, 3 writeat, 4 readat",
		"1 chmod, 1 chtimes, 1 sync, 10 stat, 2 open, 2 readat, 3 writeat",
	}},
	{"unlink", func(m *mirror.Mirror) error { return m.Root().Unlink("f") }, [2]string{
		"1 remove, 2 stat",
		"1 remove, 2 stat",
	}},
	{"rename", func(m *mirror.Mirror) error { return m.Root().Rename("f", m.Root(), "new", mirror.RenameFlags{}) }, [2]string{
		"1 rename, 4 stat",
		"1 rename, 4 stat",
	}},
	{"rename and look", func(m *mirror.Mirror) error {
		return errors.Join(m.Root().Rename("f", m.Root(), "new", mirror.RenameFlags{}), lookUp(m, "new", nil), lookUp(m, "f", fs.ErrNotExist))
	}, [2]string{
		"1 rename, 7 stat",
		"1 rename, 7 stat",
	}},
	{"rename over", func(m *mirror.Mirror) error { return m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{}) }, [2]string{
		"1 chtimes, 1 rename, 1 sync, 1 writeat, 2 open, 2 readat, 9 stat",
		"1 chtimes, 1 open, 1 readat, 1 rename, 1 writeat, 8 stat",
	}},
	{"rename over and look", func(m *mirror.Mirror) error {
		return errors.Join(m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{}), lookUp(m, "g", nil))
	}, [2]string{
		"1 chtimes, 1 rename, 1 sync, 1 writeat, 10 stat, 2 open, 2 readat",
		"1 chtimes, 1 open, 1 readat, 1 rename, 1 writeat, 9 stat",
	}},
	{"link", func(m *mirror.Mirror) error { return link(m, "f", "new") }, [2]string{
		"1 link, 5 stat",
		"1 link, 4 stat",
	}},
	{"link and look", func(m *mirror.Mirror) error {
		return errors.Join(link(m, "f", "new"), lookUp(m, "f", nil), lookUp(m, "new", nil))
	}, [2]string{
		"1 link, 7 stat",
		"1 link, 6 stat",
	}},
	{"unlink a link and look", func(m *mirror.Mirror) error {
		return errors.Join(m.Root().Unlink("h"), lookUp(m, "i", nil))
	}, [2]string{
		"1 remove, 3 stat",
		"1 remove, 3 stat",
	}},
	{"symlink", func(m *mirror.Mirror) error { return forget(m.Root().Symlink("new", "to", mirror.Owner{})) }, [2]string{
		"1 chown, 1 chtimes, 1 create, 2 writeat, 5 stat",
		"1 chown, 1 chtimes, 1 create, 2 writeat, 4 stat",
	}},
	{"mkdir", func(m *mirror.Mirror) error { return makeDir(m, "new") }, [2]string{
		"1 chown, 1 mkdir, 5 stat",
		"1 chown, 1 mkdir, 3 stat",
	}},
	{"rmdir", func(m *mirror.Mirror) error { return m.Root().Rmdir("d") }, [2]string{
		"1 handle, 1 readdir, 1 rmdir, 2 stat",
		"1 handle, 1 readdir, 1 rmdir, 2 stat",
	}},
	{"list", func(m *mirror.Mirror) error { _, err := m.Root().ReadDir(); return err }, [2]string{
		"1 readdir",
		"1 readdir",
	}},
	{"chmod", func(m *mirror.Mirror) error { return chmod(m, "f", 0o600) }, [2]string{
		"1 chmod, 1 chtimes, 1 open, 1 readat, 1 writeat, 7 stat",
		"1 chmod, 1 chtimes, 1 open, 1 readat, 1 writeat, 5 stat",
	}},
	{"chmod and look", func(m *mirror.Mirror) error {
		return errors.Join(chmod(m, "f", 0o600), m.Commit(), lookUp(m, "f", nil))
	}, [2]string{
		"1 chmod, 1 chtimes, 1 writeat, 2 open, 2 readat, 8 stat",
		"1 chmod, 1 chtimes, 1 open, 1 readat, 1 writeat, 6 stat",
	}},
	{"chmod of a directory", func(m *mirror.Mirror) error { return chmod(m, "d", 0o700) }, [2]string{
		"1 chmod, 2 stat",
		"1 chmod, 1 stat",
	}},
	{"exchange and look", func(m *mirror.Mirror) error {
		return errors.Join(m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{Exchange: true}), lookUp(m, "f", nil), lookUp(m, "g", nil))
	}, [2]string{
		"1 exchange, 9 stat",
		"1 exchange, 9 stat",
	}},
	{"set an extended attribute and look", func(m *mirror.Mirror) error { return errors.Join(setXattr(m, "f"), lookUp(m, "f", nil)) }, [2]string{
		"1 setxattr, 2 stat",
		"1 setxattr, 2 stat",
	}},
}

func forgetData(_ []byte, err error) error { return err }

// patch writes a part of a file.
func patch(m *mirror.Mirror, path string, sync bool) error {
	return withFile(m, path, false, func(h *mirror.Handle) error {
		_, err := h.WriteAt([]byte("o"), 1)
		if err == nil && sync {
			err = h.Sync()
		}
		return err
	})
}

func link(m *mirror.Mirror, from, to string) error {
	n, err := m.Walk(from)
	if err != nil {
		return err
	}
	defer n.Forget()
	return m.Root().Link(to, n)
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

func setXattr(m *mirror.Mirror, path string) error {
	n, err := m.Walk(path)
	if err != nil {
		return err
	}
	defer n.Forget()
	return n.Setxattr("user.name", []byte("value"), 0)
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
		for _, name := range []string{"f", "g", "h"} {
			check(t, tryWrite(m, name, []byte("content of "+name), true))
		}
		check(t, link(m, "h", "i"))
		check(t, makeDir(m, "d"))
		check(t, m.Sync())
		b.unmount(m)
		m = b.mount()
		check(t, lookAtAll(m))
		counts := [2]map[string]*int{{}, {}}
		for k := range counts {
			for _, op := range ops {
				n := new(int)
				counts[k][op] = n
				b.rigged[k].Inject(cloudtest.Rule{Op: op, Glob: "*", From: 1, Act: counter{n}})
			}
		}
		check(t, c.do(m))
		check(t, m.Commit())
		for k := range counts {
			var calls []string
			for _, op := range ops {
				if n := *counts[k][op]; n > 0 {
					calls = append(calls, fmt.Sprint(n, " ", op))
				}
			}
			slices.Sort(calls)
			if got := strings.Join(calls, ", "); got != c.calls[k] {
				t.Errorf("%s, cloud %d: %s, want %s", c.what, k, got, c.calls[k])
			}
		}
		b.unmount(m)
	}
}

// lookAtAll looks every name up, as the kernel does before it uses one.
func lookAtAll(m *mirror.Mirror) error {
	var errs []error
	for _, name := range []string{"f", "g", "h", "i", "d"} {
		errs = append(errs, lookUp(m, name, nil))
	}
	return errors.Join(errs...)
}
