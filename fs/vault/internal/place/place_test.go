package place

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
)

func TestRealPath(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	check(t, os.MkdirAll(root+"/dir/sub", 0o700))
	for link, target := range map[string]string{
		"rel": "dir/sub", "abs": root + "/dir", "up": "dir/../dir", "gone": "dir/none/deep",
		"chain": "abs/sub", "loop": "loop", "slash": "/",
	} {
		check(t, os.Symlink(target, root+"/"+link))
	}
	for path, want := range map[string]string{
		"/":                      "/",
		"/no/such/dir":           "/no/such/dir",
		root + "/dir/./sub/":     root + "/dir/sub",
		root + "/rel":            root + "/dir/sub",
		root + "/abs/sub":        root + "/dir/sub",
		root + "/up/sub":         root + "/dir/sub",
		root + "/chain/none":     root + "/dir/sub/none",
		root + "/gone":           root + "/dir/none/deep",
		root + "/gone/deeper":    root + "/dir/none/deep/deeper",
		root + "/slash" + root:   root,
		root + "/dir/none/../x":  root + "/dir/x",
		root + "/loop/something": root + "/loop/something",
	} {
		if got := Real(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestMountsOf(t *testing.T) {
	text := `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 0:30 /sub\040dir /mnt/a\134b rw - btrfs /dev/sdb rw
37 22 0:4 mnt:[4026531840] /run/ns rw - nsfs nsfs rw
`
	table, err := mountinfo.GetMountsFromReader(strings.NewReader(text), nil)
	check(t, err)
	want := []mountPoint{{"8:1", "/", "/"}, {"0:30", "/sub dir", `/mnt/a\b`}}
	if got := mountsOf(table); !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

func TestContains(t *testing.T) {
	root, a, b := dirID{1, 2}, dirID{1, 10}, dirID{1, 20}
	disk := func(path string, above ...ancestor) Place {
		return Place{path: path, above: append(above, ancestor{root, path}), mount: mountPoint{"8:1", "/", "/"}}
	}
	bound := func(path, root, at string) Place {
		return Place{path: path, mount: mountPoint{"8:1", root, at}}
	}
	for _, tt := range []struct {
		name         string
		outer, inner Place
		want         bool
	}{
		{"itself", disk("/a", ancestor{a, "/"}), disk("/a", ancestor{a, "/"}), true},
		{"below", disk("/a", ancestor{a, "/"}), disk("/a/b", ancestor{b, "/"}, ancestor{a, "/b"}), true},
		{"above", disk("/a/b", ancestor{b, "/"}, ancestor{a, "/b"}), disk("/a", ancestor{a, "/"}), false},
		{"beside", disk("/a", ancestor{a, "/"}), disk("/ab", ancestor{b, "/"}), false},
		{"the root", disk("/"), disk("/a", ancestor{a, "/"}), true},
		{"below, missing", disk("/a", ancestor{a, "/"}), disk("/a/b/c", ancestor{a, "/b/c"}), true},
		{"below, both missing", disk("/a"), disk("/a/b/c"), true},
		{"missing ones beside", disk("/a"), disk("/ab"), false},
		{"one directory in two spellings", disk("/a", ancestor{a, "/"}), disk("/A", ancestor{a, "/"}), true},
		{"below one in another spelling", disk("/a", ancestor{a, "/"}), disk("/A/b", ancestor{b, "/"}, ancestor{a, "/b"}), true},
		{"one missing directory in two spellings", disk("/a/x", ancestor{a, "/x"}), disk("/A/x", ancestor{a, "/x"}), true},
		{"below a missing one in another spelling", disk("/a/x", ancestor{a, "/x"}), disk("/A/x/y", ancestor{a, "/x/y"}), true},
		{"beside a missing one in another spelling", disk("/a/x", ancestor{a, "/x"}), disk("/A/xy", ancestor{a, "/xy"}), false},
		{"a mount of what is inside", bound("/a", "/", "/"), bound("/m/x", "/a/b", "/m"), true},
		{"a mount of itself", bound("/a", "/", "/"), bound("/m", "/a", "/m"), true},
		{"a mount of what is beside", bound("/a", "/", "/"), bound("/m", "/ab", "/m"), false},
		{"a mount of what is above", bound("/a/b", "/", "/"), bound("/m", "/a", "/m"), false},
		{"inside a mount of what is inside", bound("/n/b", "/a", "/n"), bound("/m/x", "/a/b/c", "/m"), true},
		{"mounts of unrelated exports", bound("/m", "/", "/m"), bound("/n", "/", "/n"), false},
		{"mounts of two disks", bound("/a", "/", "/"), Place{path: "/m", mount: mountPoint{"8:2", "/a/b", "/m"}}, false},
		{"mounts unknown", Place{path: "/a"}, Place{path: "/m"}, false},
	} {
		if got := tt.outer.Contains(tt.inner); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
