// Package place tells where a path really is, so that no symlink, second mount,
// bind mount or case-insensitive filesystem hides that one directory lies in
// another.
package place

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"

	"github.com/overcast-fs/overcast/cipher"
)

// A Place is where a path really is. The path need not exist.
type Place struct {
	path  string     // with every symlink resolved that can be
	above []ancestor // the directory itself and what is above it, as far as they exist
	mount mountPoint
}

// An ancestor is a directory that exists, and the way from it down to a place:
// "/" if it is the place itself.
type ancestor struct {
	dir  dirID
	down string
}

// dirID is a directory, whatever path leads to it.
type dirID struct{ dev, ino uint64 }

// A mountPoint is one line of the table of mounts.
type mountPoint struct {
	device string // of the whole filesystem, the same for all its mounts
	root   string // which directory of the filesystem is mounted
	path   string // where
}

// A Surveyor finds places among the mounts of the moment.
type Surveyor struct{ mounts []mountPoint }

// lookTime is how long a path may take to tell where it is.
const lookTime = 2 * time.Second

// NewSurveyor reads the table of mounts.
func NewSurveyor() Surveyor {
	// Without /proc only bind mounts from inside a directory go unseen.
	table, _ := mountinfo.GetMounts(nil)
	return Surveyor{mountsOf(table)}
}

// Place looks where a path is. Of one that does not answer it tells what the
// path and the table of mounts say.
func (s Surveyor) Place(path string) Place {
	seen := make(chan Place, 1)
	go func() { seen <- s.look(path) }()
	timer := time.NewTimer(lookTime)
	defer timer.Stop()
	select {
	case p := <-seen:
		return p
	case <-timer.C:
		p := Place{path: filepath.Clean(path)}
		p.mount = s.mountOf(p.path)
		return p
	}
}

func (s Surveyor) look(path string) Place {
	p := Place{path: Real(path)}
	for dir, down := p.path, "/"; ; dir, down = filepath.Dir(dir), filepath.Join("/", filepath.Base(dir), down) {
		var st syscall.Stat_t
		if syscall.Stat(dir, &st) == nil {
			p.above = append(p.above, ancestor{dirID{uint64(st.Dev), st.Ino}, down})
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	p.mount = s.mountOf(p.path)
	return p
}

// mountOf is the mount that a path without links is on.
func (s Surveyor) mountOf(path string) (on mountPoint) {
	for _, m := range s.mounts {
		// Of several mounts on one directory the last one is seen.
		if within(path, m.path) && len(m.path) >= len(on.path) {
			on = m
		}
	}
	return on
}

// Contains reports whether inner is p or lies anywhere below it.
func (p Place) Contains(inner Place) bool {
	if within(inner.path, p.path) {
		return true
	}
	for _, a := range inner.above {
		// p itself if it exists, else what it would be made in.
		if len(p.above) > 0 && a.dir == p.above[0].dir && within(a.down, p.above[0].down) {
			return true
		}
	}
	// What is left is a mount of a directory inside p: going up from inner
	// never meets p. Mounts with the same root were compared above, and network
	// filesystems give the same root to unrelated exports.
	return inner.mount.device != "" && inner.mount.device == p.mount.device &&
		inner.mount.root != p.mount.root && within(inner.mount.root, p.backing())
}

// backing is the place's path inside its filesystem.
func (p Place) backing() string {
	rel, err := filepath.Rel(p.mount.path, p.path)
	if err != nil {
		return p.path
	}
	return filepath.Join(p.mount.root, rel)
}

// MarkedAbove returns the nearest directory above p that holds a marker, or "".
func (p Place) MarkedAbove() string {
	for dir := p.path; dir != "/"; {
		dir = filepath.Dir(dir)
		if _, err := os.Lstat(filepath.Join(dir, cipher.MarkerName)); err == nil {
			return dir
		}
	}
	return ""
}

// within reports whether the clean absolute path inner is outer or below it.
func within(inner, outer string) bool {
	return inner == outer || outer == "/" || strings.HasPrefix(inner, outer+"/")
}

// Real resolves every symlink on the way to path, dangling ones too: what
// does not exist yet may appear there later. What cannot be read is taken as it
// is written.
func Real(path string) string {
	const maxLinks = 255
	path = filepath.Clean(path)
	resolved, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			resolved = filepath.Dir(resolved)
			continue
		}
		next := filepath.Join(resolved, name)
		target, err := os.Readlink(next)
		if err != nil || links == maxLinks {
			resolved = next
			continue
		}
		links++
		if filepath.IsAbs(target) {
			resolved = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return resolved
}

// mountsOf takes from a table of mounts what tells where they lie. A mount of
// what has no path, such as a namespace, holds no directory.
func mountsOf(table []*mountinfo.Info) []mountPoint {
	var mounts []mountPoint
	for _, m := range table {
		if filepath.IsAbs(m.Root) && filepath.IsAbs(m.Mountpoint) {
			mounts = append(mounts, mountPoint{device: fmt.Sprintf("%d:%d", m.Major, m.Minor), root: m.Root, path: m.Mountpoint})
		}
	}
	return mounts
}
