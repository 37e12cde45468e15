package content

import (
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
)

// TryLock locks the commits of files, unless one is under way. Unlock undoes it;
// where it reports false the files are given back.
func (h Held) TryLock() bool {
	for i, f := range h {
		if f.commit.TryLock() {
			continue
		}
		for _, locked := range h[:i] {
			locked.commit.Unlock()
		}
		h.Release()
		return false
	}
	return true
}

// Release gives files back that are not locked.
func (h Held) Release() {
	for _, f := range h {
		f.Release()
	}
}

// Rejoin gives an open file its copy in a cloud that has come back, between two
// commits. It reports false where that has no copy at the file's version, or
// where something is on its way. The caller holds Mirror.names, and has locked
// the file as one of Held.
func (f *File) Rejoin(cl *clouds.Cloud) bool {
	f.lock()
	defer f.unlock()
	k := cl.Index
	if old := f.Copies.List[k]; old.Serves() && old.On == cl {
		return true
	}
	if f.Nameless {
		copies.Drop(&f.Copies, k)
		return true
	}
	quiet := f.ref == 0 && !f.unsealed() && !f.replacing() && len(f.Layers.Direct) == 0 && f.Layers.Idle() && !f.underway()
	if !quiet {
		copies.Drop(&f.Copies, k)
		return false
	}
	return join(f, cl)
}

// join goes on in the copy that a cloud has in place, if that is at the stored
// version. The caller holds Mirror.names and File.mu.
func join(f *File, cl *clouds.Cloud) bool {
	k := cl.Index
	path, ok := f.o.Path(k)
	c := f.Env.Load(cl, path, ok, f.o.Kind())
	if !copies.Rejoin(&f.Copies, c) {
		return false
	}
	f.o.Replaced(k, c.Shown.Ino)
	acc := f.Copies.Stored.Accs[k]
	f.Accs[k], f.Sealed.Accs[k] = acc, acc
	return true
}
