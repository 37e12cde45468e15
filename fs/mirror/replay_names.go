package mirror

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// redoName does one operation on names in one cloud, unless it was done.
func (r *replayer) redoName(mb *member, at int, e *journal.Entry) error {
	switch e.Op {
	case journal.OpCreate:
		return r.redoCreate(mb, at, e)
	case journal.OpFresh:
		return r.redoFresh(mb, e)
	case journal.OpSpecial:
		return r.redoSpecial(mb, at, e)
	case journal.OpMkdir:
		return r.redoMkdir(mb, at, e)
	case journal.OpRename:
		return r.redoRename(mb, at, e)
	case journal.OpExchange:
		return r.redoSwap(mb, e)
	case journal.OpLink:
		return r.redoLink(mb, at, e)
	case journal.OpUnlink:
		return r.redoUnlink(mb, at, e)
	case journal.OpRmdir:
		return r.redoRmdir(mb, e)
	case journal.OpDirAttr:
		return r.redoDirAttr(mb, at, e)
	}
	return nil
}

func (r *replayer) redoCreate(mb *member, at int, e *journal.Entry) error {
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
func (c *copyOf) makeNew(path string, lost bool, e *journal.Entry) (err error) {
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
func (r *replayer) redoFresh(mb *member, e *journal.Entry) error {
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
func (r *replayer) makeAt(mb *member, at int, e *journal.Entry, kind uint32, build func(path string, lost bool) error) error {
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

func (r *replayer) redoSpecial(mb *member, at int, e *journal.Entry) error {
	salt := e.Salts[mb.index]
	if salt == nil || e.Commit == nil {
		return nil
	}
	version := e.Commit.Head.Sealed(len(r.m.members))
	build := func(path string, lost bool) error {
		if lost {
			if err := mb.dir.Remove(path); err != nil {
				return err
			}
		}
		return r.m.writeSpecial(mb, path, e, &version, e.Data)
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
func (r *replayer) wholeSpecial(mb *member, path string, e *journal.Entry) bool {
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
	run := newRun(0, len(e.Commit.Chunks), make([]byte, len(e.Data)))
	raw := make([]byte, len(e.Data)+cipher.RecordOverhead*len(run.ids))
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

func (r *replayer) redoMkdir(mb *member, at int, e *journal.Entry) error {
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
		return applyDirAttr(mb.dir, path, &journal.Attrs{UID: e.Attrs.UID, GID: e.Attrs.GID}, r.m.owners)
	})
}

// mendSidecars writes the sidecars again that a power cut took from names that
// the log has made.
func (r *replayer) mendSidecars(mb *member) error {
	for at, e := range r.entries {
		var names []string
		switch e.Op {
		case journal.OpCreate, journal.OpSpecial, journal.OpMkdir:
			names = []string{string(e.Path)}
		case journal.OpRename, journal.OpLink:
			names = []string{string(e.To)}
		case journal.OpExchange:
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

func (r *replayer) redoLink(mb *member, at int, e *journal.Entry) error {
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
	return r.makeAt(mb, at, &journal.Entry{Op: e.Op, Path: e.To}, e.Kind, func(path string, lost bool) error {
		if lost {
			if err := mb.dir.Remove(path); err != nil {
				return err
			}
		}
		return mb.dir.Link(source, path)
	})
}

func (r *replayer) redoUnlink(mb *member, at int, e *journal.Entry) error {
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
func (r *replayer) comesBack(at int, e *journal.Entry) bool {
	for _, later := range r.entries[at+1:] {
		switch later.Op {
		case journal.OpRename, journal.OpLink, journal.OpExchange:
			if string(later.To) == string(e.Path) || later.Op == journal.OpExchange && string(later.Path) == string(e.Path) {
				return true
			}
		}
	}
	return false
}

func (r *replayer) redoRmdir(mb *member, e *journal.Entry) error {
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

func (r *replayer) redoDirAttr(mb *member, at int, e *journal.Entry) error {
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
