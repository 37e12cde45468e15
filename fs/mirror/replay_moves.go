package mirror

import (
	"errors"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"time"

	"golang.org/x/sys/unix"
)

// matcher recognizes what an entry moves or removes.
func (r *replayer) matcher(mb *member, e *journal.Entry) func(string) bool {
	switch {
	case e.Kind == unix.S_IFDIR:
		return r.isDir(mb, e.Inodes)
	case e.Commit != nil && e.Salts[mb.index] != nil:
		return r.hasSalt(mb, e.Salts[mb.index])
	}
	return r.hasID(mb, e.File)
}

// arrived recognizes what an entry has moved, in whatever backing file and
// under whatever id it goes on.
func (r *replayer) arrived(mb *member, e *journal.Entry) func(string) bool {
	switch {
	case e.Kind == unix.S_IFDIR:
		return r.isDir(mb, e.Inodes)
	case e.Commit == nil || e.Salts[mb.index] == nil:
		return r.isSame(mb, *e.File)
	}
	same, later := r.hasSalt(mb, e.Salts[mb.index]), r.isSame(mb, e.Commit.Base.File)
	return func(path string) bool { return same(path) || later(path) }
}

func (r *replayer) redoRename(mb *member, at int, e *journal.Entry) error {
	match := r.matcher(mb, e)
	source, _, _, err := r.entryPath(mb, string(e.Path), e.Kind)
	if err != nil {
		return err
	}
	// A later operation may bring it back to where it came from: what is there
	// has gone nowhere, or will do all of it again.
	arrived := r.arrived(mb, e)
	target, done := r.locate(mb, spot{string(e.To), at, e.Kind}, func(path string) bool { return path != source && arrived(path) })
	if done {
		if there, _, _, err := r.entryPath(mb, string(e.To), e.Kind); err != nil || target != there {
			return errors.Join(err, r.takeOver(mb, e, target))
		}
		return errors.Join(r.takeOver(mb, e, target), r.removeOther(mb, e))
	}
	if !match(source) {
		if _, alive := r.final(string(e.To), at); alive && !r.movedOn(mb, e) {
			r.miss(mb, e, ErrMissing)
		}
		return nil
	}
	if err := r.takeOver(mb, e, source); err != nil {
		return err
	}
	return r.moveTo(mb, at, e, source)
}

// moveTo renames to the first place of the target whose directory is there.
func (r *replayer) moveTo(mb *member, at int, e *journal.Entry, source string) error {
	for _, image := range r.images(string(e.To), at) {
		target, dir, name, err := r.entryPath(mb, image, e.Kind)
		if err != nil {
			return err
		}
		if info, err := mb.dir.Stat(dir); err != nil || !info.Dir {
			continue
		}
		if err := r.m.putSidecarAt(mb, dir, name); err != nil {
			return err
		}
		if err := r.clearLitter(mb, target, e.Kind); err != nil {
			return err
		}
		if err := mb.dir.Rename(source, target); err != nil {
			r.miss(mb, e, err)
			return nil
		}
		if r.made[mb.name+"\x00"+source] {
			r.made[mb.name+"\x00"+target] = true
		}
		return r.removeOther(mb, e)
	}
	r.miss(mb, e, ErrMissing)
	return nil
}

// movedOn reports whether a file that a rename moved is in the cloud by a
// later name that the log lost.
func (r *replayer) movedOn(mb *member, e *journal.Entry) bool {
	if e.Kind == unix.S_IFDIR || e.File == nil {
		return false
	}
	if e.Commit != nil {
		_, ok := r.search(mb, e.Salts[mb.index])
		return ok
	}
	return r.elsewhere(mb, *e.File)
}

// removeOther removes the other spelling of a name that was replaced across
// types.
func (r *replayer) removeOther(mb *member, e *journal.Entry) error {
	special := func(kind uint32) bool { return kind != 0 && kind != unix.S_IFREG && kind != unix.S_IFDIR }
	if e.Over == 0 || special(e.Over) == special(e.Kind) {
		return nil
	}
	path, _, _, err := r.entryPath(mb, string(e.To), e.Over)
	if err != nil {
		return err
	}
	if err := mb.dir.Remove(path); err != nil && !missing(err) {
		return err
	}
	return nil
}

// takeOver writes the header that a rename gives to its source.
func (r *replayer) takeOver(mb *member, e *journal.Entry, path string) error {
	if e.Commit == nil {
		return nil
	}
	file, err := mb.dir.Open(path, true)
	if err != nil {
		return err
	}
	defer file.Close()
	if fin := r.finals[string(e.Salts[mb.index])]; fin != nil {
		fin.head, fin.base = &e.Commit.Head, e.Commit.Base
	}
	h, keys, err := readHeader(mb, file)
	if err != nil {
		return nil // its commit, which the log holds too, brings the header
	}
	defer keys.Wipe()
	from, to := e.Commit.Base.Sealed(len(r.m.members)), e.Commit.Head.Sealed(len(r.m.members))
	c := &copyOf{mb: mb, file: file, keys: keys, head: h}
	switch h.FileID {
	case e.Commit.Head.File:
		return r.showTakeover(c, &from, &to)
	case e.Commit.Base.File:
		if err := c.writeHeader(&to); err != nil {
			return err
		}
		return r.m.showAttrs(c, &from, &to)
	}
	return nil
}

// showTakeover makes good what the header's write has done to the mtime of a
// file that was then not given it back.
func (r *replayer) showTakeover(c *copyOf, from, to *journal.Sealed) error {
	info, err := c.file.Stat()
	if err != nil || c.head.CommitID != to.Head.CommitID || info.Mode&headerDecides != 0 {
		return err
	}
	if info.Mtime.Equal(time.Unix(to.Head.MtimeSec, int64(to.Head.MtimeNsec))) {
		return nil
	}
	return r.m.showAttrs(c, from, to)
}

// clearLitter empties a directory that a rename replaces.
func (r *replayer) clearLitter(mb *member, path string, kind uint32) error {
	if kind != unix.S_IFDIR {
		return nil
	}
	entries, err := mb.dir.ReadDir(path)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if isTemp(e.Name) || isSidecar(e.Name) {
			if err := mb.dir.Remove(join(path, e.Name)); err != nil && !missing(err) {
				return err
			}
		}
	}
	return nil
}

// swapSides spells what an exchange moves, each from one path to another, and
// the temporary name between them.
func (r *replayer) swapSides(mb *member, e *journal.Entry) (src, dst [2]string, temp string, err error) {
	kinds := [2]uint32{e.Kind, e.Over}
	paths := [2]string{string(e.Path), string(e.To)}
	for i, side := range []*[2]string{&src, &dst} {
		if side[0], _, _, err = r.entryPath(mb, paths[i], kinds[i]); err != nil {
			return src, dst, "", err
		}
		if side[1], _, _, err = r.entryPath(mb, paths[1-i], kinds[i]); err != nil {
			return src, dst, "", err
		}
	}
	_, dir, _, err := r.entryPath(mb, paths[1], e.Kind)
	if err != nil {
		return src, dst, "", err
	}
	return src, dst, join(dir, e.Temps[mb.index]), nil
}

// finishSwap goes on where an exchange stopped that the backing filesystem
// cannot do at once. It was the last operation on names there, and the first
// entry is still under a temporary name, where nothing else would find it.
func (r *replayer) finishSwap(mb *member, e *journal.Entry) error {
	src, dst, temp, err := r.swapSides(mb, e)
	if err != nil {
		return err
	}
	if _, err := mb.dir.Stat(temp); err != nil {
		return nil
	}
	if err := mb.dir.Rename(dst[0], dst[1]); err != nil && !missing(err) {
		return err
	}
	return mb.dir.Rename(temp, src[1])
}

// isThere reports whether an entry is what the log says.
func (r *replayer) isThere(mb *member, kind uint32, what *journal.Identity, path string) bool {
	if kind == unix.S_IFDIR {
		return r.isDir(mb, what.Inodes)(path)
	}
	return r.hasID(mb, what.File)(path)
}

func (r *replayer) redoSwap(mb *member, e *journal.Entry) error {
	src, dst, temp, err := r.swapSides(mb, e)
	if err != nil || !r.isThere(mb, e.Kind, &journal.Identity{File: e.File, Inodes: e.Inodes}, src[0]) || !r.isThere(mb, e.Over, e.Other, dst[0]) {
		return err
	}
	if err := swapPaths(mb.dir, temp, src, dst); err != nil {
		r.miss(mb, e, err)
	}
	return nil
}
