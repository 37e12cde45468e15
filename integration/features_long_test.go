//go:build long

package integration

import (
	"os"
	"slices"
	"testing"
)

func needFilesystems(t *testing.T) {
	t.Helper()
	need(t, "mkfs.xfs", "xfsprogs")
	need(t, "mkfs.btrfs", "btrfs-progs")
	need(t, "mkfs.exfat", "exfatprogs")
	need(t, "mount.exfat-fuse", "exfat-fuse")
	need(t, "ntfs-3g", "ntfs-3g")
	need(t, "bindfs", "bindfs")
}

// More filesystems, each with a program or a module of its own.
func TestFeaturesElsewhere(t *testing.T) {
	t.Parallel()
	needFilesystems(t)
	probeEach(t, filesystemsElsewhere)
}

// A vault works on them, too.
func TestVaultOnMoreFilesystems(t *testing.T) {
	t.Parallel()
	needFilesystems(t)
	onEach(t, filesystemsElsewhere)
}

var filesystemsElsewhere = []filesystem{
	{"ext4", mountImage("ext4", "64M", "mkfs.ext4", "-q"), local},
	{"xfs", mountImage("xfs", "512M", "mkfs.xfs", "-q"), local},
	{"btrfs", mountImage("btrfs", "256M", "mkfs.btrfs", "-q"), local},
	{"exfat-fuse", mountImage("exfat-fuse", "64M", "mkfs.exfat"), []string{
		"no permissions", "times to 1s only", "no hard links", "no extended attributes", "no exchange of two files", "no holes",
		"no difference between small and capital letters",
	}},
	{"ntfs-3g", mountImage("ntfs-3g", "64M", "mkfs.ntfs", "-q", "-F", "-f"), []string{"no permissions", "no hard links", "no exchange of two files", "no holes"}},
	{"bindfs", func(t testing.TB, dir string) {
		t.Helper()
		behind := dir + ".behind"
		must(t, os.Mkdir(behind, 0o755))
		mounting(t, dir)
		command{limit: answer}.run(t, "bindfs", behind, dir)
	}, []string{"no exchange of two files", "no holes"}},
}

// mountImage makes a filesystem in a file. Its loop device goes with the mount.
func mountImage(kind, size string, mkfs ...string) func(t testing.TB, dir string) {
	return func(t testing.TB, dir string) {
		t.Helper()
		image := dir + ".image"
		command{limit: answer}.run(t, "truncate", "-s", size, image)
		command{limit: answer}.run(t, append(slices.Clone(mkfs), image)...)
		mounting(t, dir)
		command{limit: answer}.run(t, "mount", "-t", kind, "-o", "loop", image, dir)
	}
}
