package main

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// side is one end of a transfer: its tree, and what the paths that a user types for it mean.
type side interface {
	files() tree
	// find gives the path in the tree of what was typed, and what is there. With follow, a symlink is followed.
	find(typed string, follow bool) (string, entry, error)
	// clean gives the path in the tree of something that need not exist.
	clean(typed string) string
	// base is the name that a copy of what was typed has in a directory, "" if only its contents are meant.
	base(typed string) string
	// job says where to copy from. A recursive copy keeps a symlink, another one copies what it leads to.
	job(typed string, recursive bool) (job, error)
}

// vaultSide reads paths from the vault's root on.
type vaultSide struct{ tree }

func (s vaultSide) files() tree               { return s.tree }
func (s vaultSide) clean(typed string) string { return cleanPath(typed) }

func (s vaultSide) base(typed string) string {
	if clean := cleanPath(typed); clean != "" && path.Base(typed) != "." {
		return path.Base(clean)
	}
	return ""
}

func (s vaultSide) find(typed string, follow bool) (string, entry, error) {
	if follow {
		return resolve(s.tree, typed)
	}
	return resolveDir(s.tree, typed)
}

func (s vaultSide) job(typed string, recursive bool) (job, error) {
	at, _, err := s.find(typed, !recursive)
	return job{src: s.tree, from: at}, err
}

// localSide reads paths as every program does. "-" is standard input, where there is one to copy from.
type localSide struct{ stdin io.Reader }

func (s localSide) files() tree               { return localTree{} }
func (s localSide) clean(typed string) string { return filepath.Clean(typed) }

func (s localSide) base(typed string) string {
	switch base := filepath.Base(typed); base {
	case ".", "..", "/":
		return ""
	default:
		return base
	}
}

func (s localSide) find(typed string, follow bool) (string, entry, error) {
	at := filepath.Clean(typed)
	if follow {
		resolved, err := filepath.EvalSymlinks(typed)
		if err != nil {
			return "", entry{}, err
		}
		at = resolved
	}
	e, err := localTree{}.Lstat(at)
	return at, e, err
}

func (s localSide) job(typed string, recursive bool) (job, error) {
	if s.stdin != nil && typed == "-" {
		return job{src: stdinTree{in: s.stdin}, from: typed}, nil
	}
	at, _, err := s.find(typed, !recursive)
	return job{src: localTree{}, from: at}, err
}

// stdinTree is a tree of one file that can be read once, from its beginning to its end.
type stdinTree struct {
	tree
	in io.Reader
}

func (s stdinTree) Lstat(name string) (entry, error) {
	return entry{
		Name: name, Mode: unix.S_IFREG | 0o600, Mtime: time.Now(), Nlink: 1, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()),
	}, nil
}

func (s stdinTree) Open(string) (treeReader, error) { return stdinReader{s.in}, nil }

// stdinReader is read in order by its only user, so that the offsets say nothing new.
type stdinReader struct{ in io.Reader }

func (s stdinReader) ReadAt(p []byte, _ int64) (int, error) {
	n, err := io.ReadFull(s.in, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

func (s stdinReader) Next(int64, bool) (int64, error) { return 0, errors.ErrUnsupported }
func (s stdinReader) Close() error                    { return nil }
