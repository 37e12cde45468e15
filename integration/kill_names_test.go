package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestKillNamesReused kills a mount after directories were moved, removed and made again under the same names, when local
// filesystems give the new ones the freed inode numbers. What programs saw is there after the next mount, in every cloud
// alone.
func TestKillNamesReused(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			makeTemporaryIn(t, place)
			for round := range killRounds {
				v := newVault(t, 2)
				m := v.mount()
				reuseNames(t, v.root, round)
				want := withoutDirectoryTimes(treeOf(t, v.root))
				m.kill()
				m = v.mount()
				demandSameTree(t, withoutDirectoryTimes(treeOf(t, v.root)), want)
				m.unmount()
				for i := range v.clouds {
					v.alone(i, func(root string) { demandSameTree(t, withoutDirectoryTimes(treeOf(t, root)), want) })
				}
			}
		})
	}
}

// reuseNames is what builds do: the old result is moved away and removed, and a new one takes its name.
func reuseNames(t *testing.T, root string, round int) {
	t.Helper()
	build, old := filepath.Join(root, "build"), filepath.Join(root, "old")
	for n := range round%4 + 1 {
		must(t, os.Mkdir(build, 0o755))
		must(t, os.Mkdir(filepath.Join(build, "sub"), 0o755))
		for i := range 3 {
			text := fmt.Appendf(nil, "round %d, build %d, file %d", round, n, i)
			must(t, os.WriteFile(filepath.Join(build, fmt.Sprint("a", i)), text, 0o644))
			must(t, os.WriteFile(filepath.Join(build, "sub", fmt.Sprint("b", i)), text, 0o644))
		}
		if n == round%4 {
			break
		}
		if round%2 == 0 && n == 0 {
			command{}.run(t, "sync", "-f", root)
		}
		must(t, os.Rename(build, old))
		if (round+n)%3 > 0 {
			must(t, os.RemoveAll(old))
		} else {
			must(t, os.Rename(old, filepath.Join(root, fmt.Sprint("kept", n))))
		}
	}
}
