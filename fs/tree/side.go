package tree

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A Side is one end of a transfer: its tree, and what the paths that a user types for it mean.
type Side interface {
	// Base is the name that a copy of what was typed has in a directory, "" if only its contents are meant.
	Base(typed string) string

	files() Tree
	// find gives the path in the tree of what was typed, and what is there. With follow, a symlink is followed.
	find(typed string, follow bool) (string, Entry, error)
	// clean gives the path in the tree of something that need not exist.
	clean(typed string) string
	// job says where to copy from. A recursive copy keeps a symlink, another one copies what it leads to.
	job(typed string, recursive bool) (Job, error)
}

// A VaultSide reads paths from the vault's root on.
type VaultSide struct{ Tree Tree }

func (s VaultSide) files() Tree               { return s.Tree }
func (s VaultSide) clean(typed string) string { return Clean(typed) }

// Base implements [Side].
func (s VaultSide) Base(typed string) string {
	if clean := Clean(typed); clean != "" && path.Base(typed) != "." {
		return path.Base(clean)
	}
	return ""
}

func (s VaultSide) find(typed string, follow bool) (string, Entry, error) {
	if follow {
		return Resolve(s.Tree, typed)
	}
	return ResolveDir(s.Tree, typed)
}

func (s VaultSide) job(typed string, recursive bool) (Job, error) {
	at, _, err := s.find(typed, !recursive)
	return Job{Src: s.Tree, From: at}, err
}

// A LocalSide reads paths as every program does. "-" is Stdin, where there is one to copy from.
type LocalSide struct{ Stdin io.Reader }

func (s LocalSide) files() Tree               { return Local{} }
func (s LocalSide) clean(typed string) string { return filepath.Clean(typed) }

// Base implements [Side].
func (s LocalSide) Base(typed string) string {
	switch base := filepath.Base(typed); base {
	case ".", "..", "/":
		return ""
	default:
		return base
	}
}

// Find gives the path of what was typed, with symlinks resolved, and what is there.
func (s LocalSide) Find(typed string) (string, Entry, error) { return s.find(typed, true) }

func (s LocalSide) find(typed string, follow bool) (string, Entry, error) {
	at := filepath.Clean(typed)
	if follow {
		resolved, err := filepath.EvalSymlinks(typed)
		if err != nil {
			return "", Entry{}, err
		}
		at = resolved
	}
	e, err := Local{}.Lstat(at)
	return at, e, err
}

func (s LocalSide) job(typed string, recursive bool) (Job, error) {
	if s.Stdin != nil && typed == "-" {
		return Job{Src: stdinTree{in: s.Stdin}, From: typed}, nil
	}
	at, _, err := s.find(typed, !recursive)
	return Job{Src: Local{}, From: at}, err
}

// stdinTree is a tree of one file that can be read once, from its beginning to its end.
type stdinTree struct {
	Tree
	in io.Reader
}

func (s stdinTree) Lstat(name string) (Entry, error) {
	return Entry{
		Name: name, Mode: unix.S_IFREG | 0o600, Mtime: time.Now(), Nlink: 1, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()),
	}, nil
}

func (s stdinTree) Open(string) (Reader, error) { return stdinReader{s.in}, nil }

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
