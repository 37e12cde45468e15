package mount

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// TestMounted runs everything that needs nothing special of its mount on one
// mount, each test in a directory of its own.
func TestMounted(t *testing.T) {
	m := start(t, helperConfig{AllowOther: os.Geteuid() == 0})
	check(t, os.Chmod(m.dir, 0o755))
	posix := maps.Clone(posixtest.All)
	// It expects two locks of one process to conflict, which POSIX rules out;
	// it fails on every local filesystem.
	delete(posix, "FcntlFlockLocksFile")
	if !racing {
		delete(posix, "OpenSymlinkRace")
	}
	groups := []struct {
		name  string
		tests map[string]func(*testing.T, string)
	}{
		{"Posix", posix},
		{"Open", openTests},
		{"Data", dataTests},
		{"Names", nameTests},
		{"Dirs", dirTests},
		{"Attrs", attrTests},
		{"Xattrs", xattrTests},
	}
	if os.Geteuid() == 0 {
		groups = append(groups, struct {
			name  string
			tests map[string]func(*testing.T, string)
		}{"Users", userTests})
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(group.tests)) {
				t.Run(name, func(t *testing.T) {
					dir := filepath.Join(m.dir, group.name+name)
					check(t, os.Mkdir(dir, 0o755))
					group.tests[name](t, dir)
				})
			}
		})
	}
	m.stop()
}
