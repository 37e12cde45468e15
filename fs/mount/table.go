package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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

// A Process sees a mount that this process may not see.
type Process struct {
	PID  int
	Name string
	Entry
}

// String names the process.
func (p Process) String() string { return fmt.Sprintf("process %d (%s)", p.PID, p.Name) }

// Elsewhere lists the processes in other mount namespaces that have a mount of
// this package for which want holds, the first in each namespace. What may not
// be looked at is left out.
func Elsewhere(want func(Entry) bool) []Process {
	tables, _ := filepath.Glob("/proc/[0-9]*/mountinfo")
	slices.SortFunc(tables, func(a, b string) int { return pidOf(a) - pidOf(b) })
	own, _ := os.Readlink("/proc/self/ns/mnt")
	seen := map[string]bool{own: true}
	var found []Process
	for _, path := range tables {
		namespace, err := os.Readlink(filepath.Join(filepath.Dir(path), "ns/mnt"))
		if err == nil && seen[namespace] {
			continue
		}
		for _, e := range tableOf(path) {
			if want(e) {
				name, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "comm"))
				found = append(found, Process{PID: pidOf(path), Name: strings.TrimSpace(string(name)), Entry: e})
				break
			}
		}
		if err == nil {
			seen[namespace] = true
		}
	}
	return found
}

func pidOf(path string) int {
	pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
	return pid
}

// tableOf reads the table of another process, which may end meanwhile.
func tableOf(path string) []Entry {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	mounts, _ := mountinfo.GetMountsFromReader(f, nil)
	return ours(mounts)
}
