package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSymlinks bounds a walk through symlinks, as the kernel does.
const maxSymlinks = 40

// Clean brings a path that a user typed for a vault into the form of [Tree]: no leading '/', no "." and no "..".
func Clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// Resolve follows every symlink in a path of a tree and never leaves the tree: a target that begins with '/' would.
func Resolve(t Tree, name string) (string, Entry, error) {
	var done string
	rest, hops := Clean(name), 0
	for {
		first, after, more := strings.Cut(rest, "/")
		next := path.Join(done, first)
		e, err := t.Lstat(next)
		if err != nil {
			return "", Entry{}, err
		}
		switch {
		case e.IsSymlink():
			if hops++; hops > maxSymlinks {
				return "", Entry{}, &fs.PathError{Op: "open", Path: name, Err: unix.ELOOP}
			}
			target, err := t.Readlink(next)
			if err != nil {
				return "", Entry{}, err
			}
			if path.IsAbs(target) {
				return "", Entry{}, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%s points to %s: %w",
					Quote("/"+next), Quote(target), ErrOutside)}
			}
			done, rest = "", Clean(path.Join(done, target, after))
		case !more:
			return next, e, nil
		default:
			done, rest = next, after
		}
	}
}

// ResolveDir follows the symlinks in all but a path's last element.
func ResolveDir(t Tree, name string) (string, Entry, error) {
	dir, base := path.Split(Clean(name))
	dir, _, err := Resolve(t, dir)
	if err != nil {
		return "", Entry{}, err
	}
	full := path.Join(dir, base)
	e, err := t.Lstat(full)
	return full, e, err
}

// ErrOutside is why a symlink is not followed: it leads out of the vault.
var ErrOutside = errors.New("outside of the vault")
