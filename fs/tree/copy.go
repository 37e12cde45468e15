package tree

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// ErrInterrupted ends a copy whose context is done.
var ErrInterrupted = errors.New("interrupted")

// BufferSize is the size of one read and write: a whole number of chunks of every size.
const BufferSize = 1 << 20

// Copied counts what a Copier did.
type Copied struct {
	Files       int   `json:"files"`
	Directories int   `json:"directories"`
	Other       int   `json:"other"` // symlinks, FIFOs, sockets and devices
	Bytes       int64 `json:"bytes"`
	Failed      int   `json:"failed"`
}

// A Copier copies from one tree to another, as cp -a does: modes, mtimes, symlinks, hard links, holes and, for root, owners.
// A name that cannot be copied is reported and counted, and the rest is copied all the same.
type Copier struct {
	Src, Dst  Tree
	Recursive bool
	Progress  func(n int64)                // told about bytes that were copied
	Failed    func(name string, err error) // told about each name that could not be copied
	Done      Copied

	links map[[2]uint64]string // device and inode of a source with several links: where its copy is
	buf   []byte
}

// Copy copies one name. The error is [ErrInterrupted], or none: everything else was told to Failed.
func (c *Copier) Copy(ctx context.Context, from, to string) error {
	if c.links == nil {
		c.links, c.buf = make(map[[2]uint64]string), make([]byte, BufferSize)
	}
	e, err := c.Src.Lstat(from)
	switch {
	case err != nil:
	case e.IsDir() && c.Recursive:
		return c.copyDir(ctx, from, to, e)
	case e.IsDir():
		err = errors.New("is a directory; -r copies it with all that is in it")
	default:
		err = c.copyEntry(ctx, from, to, e)
	}
	if err := ctx.Err(); err != nil {
		return ErrInterrupted
	}
	if err != nil {
		c.Fail(from, err)
	}
	return nil
}

// Fail counts a name that could not be copied, and tells of it.
func (c *Copier) Fail(name string, err error) {
	c.Done.Failed++
	c.Failed(name, err)
}

// copyDir copies a directory with all that is in it; a directory that exists is merged into. Its mode and mtime come last:
// the entries need the first and change the second.
func (c *Copier) copyDir(ctx context.Context, from, to string, e Entry) error {
	entries, err := c.Src.ReadDir(from)
	if err == nil {
		err = c.makeDir(to)
	}
	if err != nil {
		c.Fail(from, err)
		return nil
	}
	for _, child := range entries {
		if err := c.Copy(ctx, path.Join(from, child.Name), path.Join(to, child.Name)); err != nil {
			return err
		}
	}
	if to != "" && to != "." { // a root was there before and stays what it is
		err = c.Dst.SetMeta(to, e)
	}
	if err != nil {
		c.Fail(from, err)
		return nil
	}
	c.Done.Directories++
	return nil
}

func (c *Copier) makeDir(to string) error {
	err := c.Dst.Mkdir(to)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if there, statErr := c.Dst.Lstat(to); statErr == nil && there.IsDir() {
		return nil
	}
	return err
}

// copyEntry copies anything but a directory. What replaces a name is made beside it and renamed over it, so that an
// interrupted copy leaves the old file.
func (c *Copier) copyEntry(ctx context.Context, from, to string, e Entry) error {
	target, replaces := to, false
	switch there, err := c.Dst.Lstat(to); {
	case err == nil && there.IsDir():
		return fmt.Errorf("%s is a directory", Quote(to))
	case err == nil:
		target, replaces = path.Join(path.Dir(to), ".overcast-"+rand.Text()+".tmp"), true
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	made, err := c.make(ctx, from, target, e)
	if err == nil && replaces {
		err = c.Dst.Rename(target, to)
	}
	if err != nil {
		if made {
			return errors.Join(err, c.Dst.Remove(target))
		}
		return err
	}
	if e.Nlink > 1 {
		c.links[[2]uint64{e.Dev, e.Ino}] = to
	}
	return nil
}

// make creates the copy of one entry under a name that is free. It reports whether that name is now taken.
func (c *Copier) make(ctx context.Context, from, to string, e Entry) (made bool, err error) {
	if first, ok := c.links[[2]uint64{e.Dev, e.Ino}]; ok && e.Nlink > 1 {
		if err := c.Dst.Link(first, to); err != nil {
			return false, err
		}
		c.Done.Files++
		return true, nil
	}
	counter := &c.Done.Other
	switch e.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		counter = &c.Done.Files
		made, err = c.copyFile(ctx, from, to, e)
	case unix.S_IFLNK:
		var target string
		if target, err = c.Src.Readlink(from); err == nil {
			err = c.Dst.Symlink(target, to)
			made = err == nil
		}
	default:
		err = c.Dst.Mknod(to, e)
		made = err == nil
	}
	if err == nil {
		err = c.Dst.SetMeta(to, e)
	}
	if err == nil {
		*counter++
	}
	return made, err
}

func (c *Copier) copyFile(ctx context.Context, from, to string, e Entry) (made bool, err error) {
	in, err := c.Src.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	out, err := c.Dst.Create(to)
	if err != nil {
		return false, err
	}
	err = c.copyContent(ctx, in, out, e.Size)
	return true, errors.Join(err, out.Close())
}

// copyContent copies the data regions up to size, then whatever a file that grows, or that hides its size, has beyond it.
func (c *Copier) copyContent(ctx context.Context, in Reader, out Writer, size int64) error {
	at := int64(0)
	for at < size {
		data, err := in.Next(at, true)
		if errors.Is(err, io.EOF) {
			at = size // the rest is a hole
			break
		}
		hole := size
		if err == nil {
			hole, err = in.Next(data, false)
		}
		if err != nil { // no holes are known here
			data, hole = at, size
		}
		if at, err = c.copyRange(ctx, in, out, data, min(hole, size)); err != nil {
			return err
		}
		if at < min(hole, size) { // it was cut meanwhile
			return nil
		}
	}
	written, err := c.copyRange(ctx, in, out, at, 1<<62)
	if err != nil || written > at {
		return err
	}
	return out.Truncate(at)
}

// copyRange copies [from, to) or up to the end of the file, and returns where it stopped.
func (c *Copier) copyRange(ctx context.Context, in Reader, out Writer, from, to int64) (int64, error) {
	for from < to {
		if err := ctx.Err(); err != nil {
			return from, err
		}
		n, err := in.ReadAt(c.buf[:min(BufferSize, to-from)], from)
		if n > 0 {
			if _, err := out.WriteAt(c.buf[:n], from); err != nil {
				return from, err
			}
			from += int64(n)
			c.Done.Bytes += int64(n)
			c.Progress(int64(n))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return from, err
		}
		if err != nil || n == 0 {
			return from, nil
		}
	}
	return from, nil
}

// Measure adds up the sizes of the files that a copy would read. What it cannot see counts for nothing.
func Measure(ctx context.Context, t Tree, name string) int64 {
	e, err := t.Lstat(name)
	if err != nil || ctx.Err() != nil {
		return 0
	}
	if !e.IsDir() {
		if e.Is(unix.S_IFREG) {
			return e.Size
		}
		return 0
	}
	entries, err := t.ReadDir(name)
	if err != nil {
		return 0
	}
	total := int64(0)
	for _, child := range entries {
		total += Measure(ctx, t, path.Join(name, child.Name))
	}
	return total
}
