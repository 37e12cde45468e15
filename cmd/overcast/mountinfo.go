package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// fsType is what the kernel calls an overcast mount.
const fsType = "fuse.overcast"

// mountEntry is one line of /proc/self/mountinfo, see proc_pid_mountinfo(5).
type mountEntry struct {
	Mountpoint string
	FSType     string
	Source     string // of an overcast mount: the vault, unless -o fsname said otherwise
}

// readMounts lists the mounts that this process sees, the latest last.
func readMounts() ([]mountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list of mounts: %w", err)
	}
	defer f.Close()
	return parseMounts(f)
}

// parseMounts reads mountinfo. The fields before " - " are positional; their number varies by optional ones at the end.
func parseMounts(r io.Reader) ([]mountEntry, error) {
	var mounts []mountEntry
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		before, after, ok := strings.Cut(s.Text(), " - ")
		head, tail := strings.Fields(before), strings.Split(after, " ")
		if !ok || len(head) < 6 || len(tail) < 2 {
			return nil, fmt.Errorf("list of mounts: unknown line %q", s.Text())
		}
		mounts = append(mounts, mountEntry{Mountpoint: unescapeMount(head[4]), FSType: tail[0], Source: unescapeMount(tail[1])})
	}
	return mounts, s.Err()
}

// unescapeMount undoes the octal escapes of the kernel for blanks and backslashes.
func unescapeMount(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+4 > len(s) {
			return b.String() + s
		}
		b.WriteString(s[:i])
		if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
			b.WriteByte(byte(c))
		} else {
			b.WriteString(s[i : i+4])
		}
		s = s[i+4:]
	}
}

// mountAt finds the overcast mount that is on top at a mountpoint.
func mountAt(mounts []mountEntry, mountpoint string) (mountEntry, bool) {
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].Mountpoint == mountpoint {
			return mounts[i], mounts[i].FSType == fsType
		}
	}
	return mountEntry{}, false
}

// mountOf finds where a vault is mounted.
func mountOf(mounts []mountEntry, vaultDir string) (mountEntry, bool) {
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].FSType == fsType && mounts[i].Source == vaultDir {
			return mounts[i], true
		}
	}
	return mountEntry{}, false
}

// canonical makes a path absolute and free of symlinks. Its last element may be missing, or a mountpoint whose process died
// (nothing can be asked about it then).
func canonical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		return resolved, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(abs)), nil
}
