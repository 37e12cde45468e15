package mount

import (
	"fmt"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// fsType is what the kernel calls a mount of this package.
const fsType = "fuse." + subtype

// An Entry is a mount of this package in a table of mounts.
type Entry struct {
	Mountpoint string
	Source     string // the vault, unless an option said otherwise
	Device     uint64 // st_dev of everything in it
}

// Table lists the mounts of this package that this process sees, the latest
// last, those included that something else covers.
func Table() ([]Entry, error) {
	mounts, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("list of mounts: %w", err)
	}
	return ours(mounts), nil
}

func ours(mounts []*mountinfo.Info) (entries []Entry) {
	for _, m := range mounts {
		if m.FSType == fsType {
			entries = append(entries, entryOf(m))
		}
	}
	return entries
}

func entryOf(m *mountinfo.Info) Entry {
	return Entry{Mountpoint: m.Mountpoint, Source: m.Source, Device: unix.Mkdev(uint32(m.Major), uint32(m.Minor))}
}

// At finds the mount of this package that is on top at a mountpoint, which it
// does not touch: a mount whose process died would fail, and one that hangs
// would hang.
func At(mountpoint string) (e Entry, ok bool, err error) {
	mounts, err := mountinfo.GetMounts(nil)
	if err != nil {
		return Entry{}, false, fmt.Errorf("list of mounts: %w", err)
	}
	e, ok = onTop(mounts, mountpoint)
	return e, ok, nil
}

func onTop(mounts []*mountinfo.Info, mountpoint string) (Entry, bool) {
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].Mountpoint == mountpoint {
			return entryOf(mounts[i]), mounts[i].FSType == fsType
		}
	}
	return Entry{}, false
}
