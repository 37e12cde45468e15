package cloud

import (
	"io/fs"
	"strings"
	"syscall"
)

// NameMax is the longest name of an entry, in bytes.
const NameMax = 255

// CheckPath tells whether path keeps the rules of [Dir]: nil, EINVAL or
// ENAMETOOLONG in an [io/fs.PathError] for op.
func CheckPath(op, path string) error {
	if path == "" {
		return nil
	}
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "" || name == "." || name == ".." || strings.IndexByte(name, 0) >= 0:
			return &fs.PathError{Op: op, Path: path, Err: syscall.EINVAL}
		case len(name) > NameMax:
			return &fs.PathError{Op: op, Path: path, Err: syscall.ENAMETOOLONG}
		}
	}
	return nil
}

// SplitPath cuts a path that keeps the rules into the path of its parent and
// its last name, which is "" for the directory itself only.
func SplitPath(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}
