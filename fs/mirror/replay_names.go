package mirror

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// redoName does one operation on names in one cloud, unless it was done.
func (r *replayer) redoName(mb *member, at int, e *entry) error {
	switch e.Op {
	case opCreate:
		return r.redoCreate(mb, at, e)
	case opFresh:
		return r.redoFresh(mb, e)
	case opSpecial:
		return r.redoSpecial(mb, at, e)
	case opMkdir:
		return r.redoMkdir(mb, at, e)
	case opRename:
		return r.redoRename(mb, at, e)
	case opSwap:
		return r.redoSwap(mb, e)
	case opLink:
		return r.redoLink(mb, at, e)
	case opUnlink:
		return r.redoUnlink(mb, at, e)
	case opRmdir:
		return r.redoRmdir(mb, e)
	case opDirAttr:
		return r.redoDirAttr(mb, at, e)
	}
	return nil
}

func (r *replayer) redoCreate(mb *member, at int, e *entry) error {
	if e.Salts[mb.index] == nil || e.Attrs == nil {
		return nil
	}
	created, same := r.hasSalt(mb, e.Salts[mb.index]), r.isSame(mb, *e.File)
	here := spot{string(e.Path), at, unix.S_IFREG}
	if _, ok := r.locate(mb, here, func(path string) bool { return created(path) || same(path) }); ok {
		return nil
	}
	if r.elsewhere(mb, *e.File) {
		return nil
	}
	return r.makeAt(mb, at, e, unix.S_IFREG, func(path string, lost bool) error {
		c := &copyOf{mb: mb, head: &cipher.Header{Salt: [16]byte(e.Salts[mb.index])}}
		defer c.close()
		if err := c.makeNew(path, lost, e); err != nil || !r.m.owners {
			return err
		}
		return c.file.Chown(int(*e.Attrs.UID), int(*e.Attrs.GID))
	})
}

// makeNew makes a new file, or makes one of what lost its header, under the
// names that it has.
func (c *copyOf) makeNew(path string, lost bool, e *entry) (err error) {
	mode := backingMode(*e.Attrs.Mode, false)
	if !lost {
		return c.create(path, mode, *e.File)
	}
	if c.keys, err = c.mb.keys.NewFile(cipher.TypeFile, c.head.Salt); err != nil {
		return err
	}
	if c.file, err = c.mb.dir.Open(path, true); err != nil {
		return err
	}
	if err := errors.Join(c.file.Truncate(0), c.file.Chmod(mode)); err != nil {
		return err
	}
	return c.begin(*e.File)
}

// redoFresh makes a fresh backing file again whose entry a power cut took,
// since the log may hold what was fsynced into it.
func (r *replayer) redoFresh(mb *member, e *entry) error {
	f := r.refs[e.Ref]
	if f == nil || mb.index >= len(e.Salts) || e.Salts[mb.index] == nil || r.m.state.SameBoot() {
		return nil
	}
	if _, ok := r.locateCopy(mb, &final{ref: f, salts: e.Salts}); ok || f.commit < 0 || r.outdated(mb, f, e.Salts[mb.index]) {
		return nil
	}
	if _, alive := r.final(f.path, f.at); !alive {
		return nil
	}
	for _, image := range r.images(f.path, f.at) {
		path, dir, _, err := r.entryPath(mb, image, f.kind)
		if err != nil {
			return err
		}
		if _, err := mb.dir.Stat(path); err != nil {
			continue
		}
		c := &copyOf{mb: mb, head: &cipher.Header{Salt: [16]byte(e.Salts[mb.index])}}
		temp := join(dir, e.Temps[mb.index])
		if err := mb.dir.Remove(temp); err != nil && !missing(err) {
			return err
		}
		if err := c.create(temp, backingMode(0o600, false), f.file); err != nil {
			return err
		}
		c.close()
		return nil
	}
	return nil
}

// makeAt makes an entry: of what lies at one of its places without a header
// that opens, which is what a crash left of it, or else at the first place that
// is free and has a directory.
func (r *replayer) makeAt(mb *member, at int, e *entry, kind uint32, build func(path string, lost bool) error) error {
	if _, alive := r.final(string(e.Path), at); !alive {
		return nil
	}
	var free []vacancy
	for _, image := range r.images(string(e.Path), at) {
		path, dir, name, err := r.entryPath(mb, image, kind)
		if err != nil {
			return err
		}
		if info, err := mb.dir.Stat(dir); err != nil || !info.Dir {
			continue
		}
		v := vacancy{path, dir, name}
		switch info, err := mb.dir.Stat(path); {
		case missing(err):
			free = append(free, v)
		case err != nil:
			return err
		case !info.Dir && r.lost(mb, path) && kind == unix.S_IFDIR:
			if err := mb.dir.Remove(path); err != nil {
				return err
			}
			free = append(free, v)
		case !info.Dir && r.lost(mb, path):
			return r.fill(mb, v, true, build)
		}
	}
	if len(free) > 0 {
		return r.fill(mb, free[0], false, build)
	}
	r.miss(mb, e, ErrMissing)
	return nil
}

// vacancy is a place for an entry.
type vacancy struct {
	path, dir string
	name      cipher.Name
}

func (r *replayer) fill(mb *member, v vacancy, lost bool, build func(path string, lost bool) error) error {
	if err := r.m.putSidecarAt(mb, v.dir, v.name); err != nil {
		return err
	}
	return build(v.path, lost)
}

func (r *replayer) redoSpecial(mb *member, at int, e *entry) error {
	salt := e.Salts[mb.index]
	if salt == nil || e.Commit == nil {
		return nil
	}
	version := e.Commit.Head.sealed(len(r.m.members))
	build := func(path string, lost bool) error {
		if lost {
			if err := mb.dir.Remove(path); err != nil {
				return err
			}
		}
		return r.m.writeSpecial(mb, path, e, &version, e.data)
	}
	path, ok := r.locate(mb, spot{string(e.Path), at, e.Kind}, r.hasSalt(mb, salt))
	switch {
	case !ok:
		return r.makeAt(mb, at, e, e.Kind, build)
	case r.wholeSpecial(mb, path, e):
		return nil
	}
	return build(path, true)
}

// wholeSpecial reports whether a special file has its header and records.
func (r *replayer) wholeSpecial(mb *member, path string, e *entry) bool {
	f, err := mb.dir.Open(path, false)
	if err != nil {
		return false
	}
	defer f.Close()
	_, keys, err := readHeader(mb, f)
	if err != nil {
		return false
	}
	defer keys.Wipe()
	run := newRun(0, len(e.Commit.Chunks), make([]byte, len(e.data)))
	raw := make([]byte, len(e.data)+cipher.RecordOverhead*len(run.ids))
	if n, _ := f.ReadAt(raw, cipher.HeaderSize); n < len(raw) {
		return false
	}
	if err := keys.Open(run.plain, raw, 0, run.ids, run.states); err != nil {
		return false
	}
	for _, s := range run.states {
		if s != cipher.RecordOK {
			return false
		}
	}
	return true
}

func (r *replayer) redoMkdir(mb *member, at int, e *entry) error {
	isDir := func(path string) bool {
		info, err := mb.dir.Stat(path)
		return err == nil && info.Dir
	}
	if _, ok := r.locate(mb, spot{string(e.Path), at, unix.S_IFDIR}, isDir); ok {
		return nil
	}
	return r.makeAt(mb, at, e, unix.S_IFDIR, func(path string, _ bool) error {
		if err := mb.dir.Mkdir(path, *e.Attrs.Mode); err != nil {
			return err
		}
		r.made[mb.name+"\x00"+path] = true
		return applyDirAttr(mb.dir, path, &attrEntry{UID: e.Attrs.UID, GID: e.Attrs.GID}, r.m.owners)
	})
}

// mendSidecars writes the sidecars again that a power cut took from names that
// the log has made.
func (r *replayer) mendSidecars(mb *member) error {
	for at, e := range r.entries {
		var names []string
		switch e.Op {
		case opCreate, opSpecial, opMkdir:
			names = []string{string(e.Path)}
		case opRename, opLink:
			names = []string{string(e.To)}
		case opSwap:
			names = []string{string(e.Path), string(e.To)}
		}
		for _, name := range names {
			for _, image := range r.images(name, at) {
				if err := r.mendSidecar(mb, image); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *replayer) mendSidecar(mb *member, plain string) error {
	path, dir, name, err := r.entryPath(mb, plain, unix.S_IFREG)
	if err != nil || name.Sidecar == "" {
		return err
	}
	for _, entry := range []string{path, path + "w"} {
		if _, err := mb.dir.Stat(entry); err == nil {
			return r.m.putSidecarAt(mb, dir, name)
		}
	}
	return nil
}

// matcher recognizes what an entry moves or removes.
func (r *replayer) matcher(mb *member, e *entry) func(string) bool {
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
func (r *replayer) arrived(mb *member, e *entry) func(string) bool {
	switch {
	case e.Kind == unix.S_IFDIR:
		return r.isDir(mb, e.Inodes)
	case e.Commit == nil || e.Salts[mb.index] == nil:
		return r.isSame(mb, *e.File)
	}
	same, later := r.hasSalt(mb, e.Salts[mb.index]), r.isSame(mb, e.Commit.Base.File)
	return func(path string) bool { return same(path) || later(path) }
}

func (r *replayer) redoRename(mb *member, at int, e *entry) error {
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
func (r *replayer) moveTo(mb *member, at int, e *entry, source string) error {
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
func (r *replayer) movedOn(mb *member, e *entry) bool {
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
func (r *replayer) removeOther(mb *member, e *entry) error {
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
func (r *replayer) takeOver(mb *member, e *entry, path string) error {
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
	from, to := e.Commit.Base.sealed(len(r.m.members)), e.Commit.Head.sealed(len(r.m.members))
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
func (r *replayer) showTakeover(c *copyOf, from, to *sealed) error {
	info, err := c.file.Stat()
	if err != nil || c.head.CommitID != to.head.CommitID || info.Mode&headerDecides != 0 {
		return err
	}
	if info.Mtime.Equal(time.Unix(to.head.MtimeSec, int64(to.head.MtimeNsec))) {
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
func (r *replayer) swapSides(mb *member, e *entry) (src, dst [2]string, temp string, err error) {
	kinds := [2]uint32{e.Kind, e.Over}
	paths := [2]string{string(e.Path), string(e.To)}
	var dir string
	for i, side := range []*[2]string{&src, &dst} {
		if side[0], _, _, err = r.entryPath(mb, paths[i], kinds[i]); err != nil {
			return src, dst, "", err
		}
		if side[1], dir, _, err = r.entryPath(mb, paths[1-i], kinds[i]); err != nil {
			return src, dst, "", err
		}
	}
	if _, dir, _, err = r.entryPath(mb, paths[1], e.Kind); err != nil {
		return src, dst, "", err
	}
	return src, dst, join(dir, e.Temps[mb.index]), nil
}

// finishSwap goes on where an exchange stopped that the backing filesystem
// cannot do at once. It was the last operation on names there, and the first
// entry is still under a temporary name, where nothing else would find it.
func (r *replayer) finishSwap(mb *member, e *entry) error {
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
func (r *replayer) isThere(mb *member, kind uint32, what *identity, path string) bool {
	if kind == unix.S_IFDIR {
		return r.isDir(mb, what.Inodes)(path)
	}
	return r.hasID(mb, what.File)(path)
}

func (r *replayer) redoSwap(mb *member, e *entry) error {
	src, dst, temp, err := r.swapSides(mb, e)
	if err != nil || !r.isThere(mb, e.Kind, &identity{e.File, e.Inodes}, src[0]) || !r.isThere(mb, e.Over, e.Other, dst[0]) {
		return err
	}
	if err := swapPaths(mb.dir, temp, src, dst); err != nil {
		r.miss(mb, e, err)
	}
	return nil
}

func (r *replayer) redoLink(mb *member, at int, e *entry) error {
	match := r.isSame(mb, *e.File)
	if _, ok := r.locate(mb, spot{string(e.To), at, e.Kind}, match); ok {
		return nil
	}
	if _, alive := r.final(string(e.To), at); !alive {
		return nil
	}
	source, ok := r.locate(mb, spot{string(e.Path), at, e.Kind}, match)
	if !ok {
		r.miss(mb, e, ErrMissing)
		return nil
	}
	return r.makeAt(mb, at, &entry{Op: e.Op, Path: e.To}, e.Kind, func(path string, lost bool) error {
		if lost {
			if err := mb.dir.Remove(path); err != nil {
				return err
			}
		}
		return mb.dir.Link(source, path)
	})
}

func (r *replayer) redoUnlink(mb *member, at int, e *entry) error {
	path, dir, name, err := r.entryPath(mb, string(e.Path), e.Kind)
	if err != nil || !r.hasID(mb, e.File)(path) && !r.lost(mb, path) || r.comesBack(at, e) {
		return err
	}
	if err := mb.dir.Remove(path); err != nil && !missing(err) {
		return err
	}
	if name.Sidecar != "" {
		if err := mb.dir.Remove(join(dir, string(name.Sidecar))); err != nil && !missing(err) {
			return err
		}
	}
	return nil
}

// lost reports whether a crash took the header of what is at a path.
func (r *replayer) lost(mb *member, path string) bool {
	_, err := r.m.peek(mb, path)
	return errors.Is(err, ErrTruncated) || errors.Is(err, cipher.ErrDamaged)
}

// comesBack reports whether a later entry puts the same file at the name
// again, so that what is there may be that.
func (r *replayer) comesBack(at int, e *entry) bool {
	for _, later := range r.entries[at+1:] {
		switch later.Op {
		case opRename, opLink, opSwap:
			if string(later.To) == string(e.Path) || later.Op == opSwap && string(later.Path) == string(e.Path) {
				return true
			}
		}
	}
	return false
}

func (r *replayer) redoRmdir(mb *member, e *entry) error {
	path, _, _, err := r.entryPath(mb, string(e.Path), unix.S_IFDIR)
	if err != nil || !r.isDir(mb, e.Inodes)(path) {
		return err
	}
	if err := r.clearLitter(mb, path, unix.S_IFDIR); err != nil {
		return err
	}
	if err := mb.dir.Rmdir(path); err != nil && !missing(err) {
		r.miss(mb, e, err)
	}
	return nil
}

func (r *replayer) redoDirAttr(mb *member, at int, e *entry) error {
	images := r.images(string(e.Path), at)
	for i := len(images) - 1; i >= 0; i-- {
		path, _, _, err := r.entryPath(mb, images[i], unix.S_IFDIR)
		if err != nil {
			return err
		}
		if info, err := mb.dir.Stat(path); err == nil && info.Dir {
			return applyDirAttr(mb.dir, path, e.Attrs, r.m.owners)
		}
	}
	return nil
}

// isTemp reports whether an entry is a temporary file of this program.
func isTemp(name string) bool {
	return strings.HasPrefix(name, ".~") && strings.HasSuffix(name, ".tmp")
}
