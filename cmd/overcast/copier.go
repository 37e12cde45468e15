package main

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

// copyBuffer is the size of one read and write: a whole number of chunks of every size.
const copyBuffer = 1 << 20

// copied counts what a copier did.
type copied struct {
	Files       int   `json:"files"`
	Directories int   `json:"directories"`
	Other       int   `json:"other"` // symlinks, FIFOs, sockets and devices
	Bytes       int64 `json:"bytes"`
	Failed      int   `json:"failed"`
}

// copier copies from one tree to another, as cp -a does: modes, mtimes, symlinks, hard links, holes and, for root, owners.
// A name that cannot be copied is reported and counted, and the rest is copied all the same.
type copier struct {
	src, dst  tree
	recursive bool
	bar       *progress
	failed    func(name string, err error) // told about each name that could not be copied
	done      copied
	links     map[[2]uint64]string // device and inode of a source with several links: where its copy is
	buf       []byte
}

// copy copies one name. The error is the context's alone: everything else was reported to failed.
func (c *copier) copy(ctx context.Context, from, to string) error {
	if c.links == nil {
		c.links, c.buf = make(map[[2]uint64]string), make([]byte, copyBuffer)
	}
	e, err := c.src.Lstat(from)
	switch {
	case err != nil:
	case e.isDir() && c.recursive:
		return c.copyDir(ctx, from, to, e)
	case e.isDir():
		err = errors.New("is a directory; -r copies it with all that is in it")
	default:
		err = c.copyEntry(ctx, from, to, e)
	}
	if err := ctx.Err(); err != nil {
		return errInterrupted
	}
	if err != nil {
		c.fail(from, err)
	}
	return nil
}

func (c *copier) fail(name string, err error) {
	c.done.Failed++
	c.bar.clear()
	c.failed(name, err)
}

// copyDir copies a directory with all that is in it; a directory that exists is merged into. Its mode and mtime come last:
// the entries need the first and change the second.
func (c *copier) copyDir(ctx context.Context, from, to string, e entry) error {
	entries, err := c.src.ReadDir(from)
	if err == nil {
		err = c.makeDir(to)
	}
	if err != nil {
		c.fail(from, err)
		return nil
	}
	for _, child := range entries {
		if err := c.copy(ctx, path.Join(from, child.Name), path.Join(to, child.Name)); err != nil {
			return err
		}
	}
	if to != "" && to != "." { // a root was there before and stays what it is
		err = c.dst.SetMeta(to, e)
	}
	if err != nil {
		c.fail(from, err)
		return nil
	}
	c.done.Directories++
	return nil
}

func (c *copier) makeDir(to string) error {
	err := c.dst.Mkdir(to)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if there, statErr := c.dst.Lstat(to); statErr == nil && there.isDir() {
		return nil
	}
	return err
}

// copyEntry copies anything but a directory. What replaces a name is made beside it and renamed over it, so that an
// interrupted copy leaves the old file.
func (c *copier) copyEntry(ctx context.Context, from, to string, e entry) error {
	target, replaces := to, false
	switch there, err := c.dst.Lstat(to); {
	case err == nil && there.isDir():
		return fmt.Errorf("%s is a directory", quoteName(to))
	case err == nil:
		target, replaces = path.Join(path.Dir(to), ".overcast-"+rand.Text()+".tmp"), true
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	made, err := c.make(ctx, from, target, e)
	if err == nil && replaces {
		err = c.dst.Rename(target, to)
	}
	if err != nil {
		if made {
			return errors.Join(err, c.dst.Remove(target))
		}
		return err
	}
	if e.Nlink > 1 {
		c.links[[2]uint64{e.Dev, e.Ino}] = to
	}
	return nil
}

// make creates the copy of one entry under a name that is free. It reports whether that name is now taken.
func (c *copier) make(ctx context.Context, from, to string, e entry) (made bool, err error) {
	if first, ok := c.links[[2]uint64{e.Dev, e.Ino}]; ok && e.Nlink > 1 {
		if err := c.dst.Link(first, to); err != nil {
			return false, err
		}
		c.done.Files++
		return true, nil
	}
	counter := &c.done.Other
	switch e.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		counter = &c.done.Files
		made, err = c.copyFile(ctx, from, to, e)
	case unix.S_IFLNK:
		var target string
		if target, err = c.src.Readlink(from); err == nil {
			err = c.dst.Symlink(target, to)
			made = err == nil
		}
	default:
		err = c.dst.Mknod(to, e)
		made = err == nil
	}
	if err == nil {
		err = c.dst.SetMeta(to, e)
	}
	if err == nil {
		*counter++
	}
	return made, err
}

func (c *copier) copyFile(ctx context.Context, from, to string, e entry) (made bool, err error) {
	in, err := c.src.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	out, err := c.dst.Create(to)
	if err != nil {
		return false, err
	}
	err = c.copyContent(ctx, in, out, e.Size)
	return true, errors.Join(err, out.Close())
}

// copyContent copies the data regions up to size, then whatever a file that grows, or that hides its size, has beyond it.
func (c *copier) copyContent(ctx context.Context, in treeReader, out treeWriter, size int64) error {
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
func (c *copier) copyRange(ctx context.Context, in treeReader, out treeWriter, from, to int64) (int64, error) {
	for from < to {
		if err := ctx.Err(); err != nil {
			return from, err
		}
		n, err := in.ReadAt(c.buf[:min(copyBuffer, to-from)], from)
		if n > 0 {
			if _, err := out.WriteAt(c.buf[:n], from); err != nil {
				return from, err
			}
			from += int64(n)
			c.done.Bytes += int64(n)
			c.bar.add(int64(n))
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

// measure adds up the sizes of the files that a copy would read. What it cannot see counts for nothing.
func measure(ctx context.Context, t tree, name string) int64 {
	e, err := t.Lstat(name)
	if err != nil || ctx.Err() != nil {
		return 0
	}
	if !e.isDir() {
		if e.is(unix.S_IFREG) {
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
		total += measure(ctx, t, path.Join(name, child.Name))
	}
	return total
}
