package heal

import (
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A site is the clouds that are worked on.
type site struct {
	Config
	times map[place]time.Time // of directories that were changed, what their mtime was
	modes []madeDir
	steps int64   // of this round
	dirty []bool  // by cloud: something is to be synced
	errs  []error // by cloud: why the last step that failed there did
}

// A place is a directory in a cloud.
type place struct {
	cloud int
	path  string
}

func (h *site) workers() int {
	if h.Workers > 0 {
		return h.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// A madeDir is a directory that was made, with what it is to look like when it
// is filled.
type madeDir struct {
	place
	info cloud.Info
}

// directory is the backing directory that a case's name is in, made where a
// cloud lacks it.
func (h *Healer) directory(k *compare.Case, i int) (string, error) {
	if k.Has[i] {
		return k.Dirs[i], nil
	}
	dir, _ := cloud.SplitPath(k.Path)
	return h.ensure(i, dir)
}

// ensure makes a directory, and those above it.
func (h *site) ensure(i int, plain string) (backing string, err error) {
	if plain == "" {
		return "", nil
	}
	above, at := "", ""
	for name := range strings.SplitSeq(plain, "/") {
		n, err := h.Clouds[i].Keys.EncodeName(cipher.PlainName(name))
		if err != nil {
			return "", err
		}
		at = replica.Join(at, name)
		path := replica.Join(above, string(n.Entry))
		info, err := h.Clouds[i].Dir.Stat(path)
		switch {
		case err == nil && !info.Dir:
			return "", errChanged
		case replica.Missing(err):
			err = h.makeDir(i, above, n, at)
		}
		if err != nil {
			return "", err
		}
		above = path
	}
	return above, nil
}

// makeDir makes a directory like that of the first cloud that has it.
func (h *site) makeDir(i int, above string, n cipher.Name, plain string) error {
	done, err := h.guard(i, plain)
	if err != nil {
		return err
	}
	defer done()
	c := h.Clouds[i]
	model := h.model(i, plain)
	path := replica.Join(above, string(n.Entry))
	h.remember(i, above)
	if err := c.PutSidecar(above, n); err != nil {
		return err
	}
	if err := c.Dir.Mkdir(path, model.Mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	h.did(i)
	h.modes = append(h.modes, madeDir{place{i, path}, model})
	h.times[place{i, path}] = model.Mtime
	return nil
}

// model is what a directory looks like in another cloud.
func (h *site) model(i int, plain string) cloud.Info {
	for j, c := range h.Clouds {
		if j == i || c.Dir == nil {
			continue
		}
		if info, err := h.statDir(j, plain); err == nil && info.Dir {
			return info
		}
	}
	return cloud.Info{Mode: 0o700, Mtime: h.Clock()}
}

func (h *site) statDir(j int, plain string) (cloud.Info, error) {
	at := ""
	for name := range strings.SplitSeq(plain, "/") {
		n, err := h.Clouds[j].Keys.EncodeName(cipher.PlainName(name))
		if err != nil {
			return cloud.Info{}, err
		}
		at = replica.Join(at, string(n.Entry))
	}
	return h.Clouds[j].Dir.Stat(at)
}

// remember notes a directory's mtime before it is changed: nothing of it
// changed for the user.
func (h *site) remember(i int, path string) {
	at := place{i, path}
	if _, known := h.times[at]; known {
		return
	}
	if info, err := h.Clouds[i].Dir.Stat(path); err == nil {
		h.times[at] = info.Mtime
	}
}

// finishDirs gives directories that were made their owners and modes, and those
// that were changed their mtimes.
func (h *site) finishDirs() error {
	for _, m := range h.modes {
		c := h.Clouds[m.cloud]
		var err error
		if h.Owners {
			err = c.Dir.Chown(m.path, int(m.info.UID), int(m.info.GID))
		}
		if err == nil {
			err = c.Dir.Chmod(m.path, m.info.Mode)
		}
		if err != nil && !replica.Missing(err) {
			h.errs[m.cloud] = err
		}
	}
	for at, mtime := range h.times {
		if err := h.Clouds[at.cloud].Dir.Chtimes(at.path, cloud.Times{Mtime: &mtime}); err != nil && !replica.Missing(err) {
			h.errs[at.cloud] = err
		}
	}
	h.modes = nil
	clear(h.times)
	return nil
}

// mkdir makes a directory at a name, in the place of a file that is kept
// elsewhere.
func (h *Healer) mkdir(k *compare.Case, s Step) error {
	sight := k.Sights[s.Cloud]
	if sight.Path != "" && sight.Shows != judge.ShowsDir {
		if err := h.remove(k, s); err != nil {
			return err
		}
	}
	_, err := h.ensure(s.Cloud, k.Path)
	return err
}

// sidecar writes the sidecar of a long name again.
func (h *Healer) sidecar(k *compare.Case, s Step) error {
	done, err := h.guard(s.Cloud, s.Path)
	if err != nil {
		return err
	}
	defer done()
	c := h.Clouds[s.Cloud]
	n, err := c.Keys.EncodeName(k.Name)
	if err != nil {
		return err
	}
	h.remember(s.Cloud, k.Dirs[s.Cloud])
	if err := c.PutSidecar(k.Dirs[s.Cloud], n); err != nil {
		return err
	}
	h.did(s.Cloud)
	return nil
}

// remove takes away what is not to be there, if it is still what was judged. A
// directory goes only if nothing but this program's litter is in it.
func (h *Healer) remove(k *compare.Case, s Step) error {
	done, err := h.guard(s.Cloud, s.Path)
	if err != nil {
		return err
	}
	defer done()
	c, sight := h.Clouds[s.Cloud], k.Sights[s.Cloud]
	if sight.Second != nil && s.Entry == sight.Second.Path {
		sight = sight.Second
	}
	if sight.Shows == judge.ShowsDir {
		return h.rmdir(s.Cloud, sight.Path)
	}
	err = h.unchanged(c, sight.Spot, "")
	if replica.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	h.remember(s.Cloud, k.Dirs[s.Cloud])
	if err := c.Dir.Remove(sight.Path); err != nil && !replica.Missing(err) {
		return err
	}
	h.did(s.Cloud)
	return h.dropSidecar(k, s.Cloud)
}

// dropSidecar removes the sidecar of a name that has no entry any more.
func (h *Healer) dropSidecar(k *compare.Case, i int) error {
	c := h.Clouds[i]
	n, err := c.Keys.EncodeName(k.Name)
	copied := slices.ContainsFunc(k.Sights[i].Others, func(o compare.Spot) bool { return k.Sights[i].Second == nil || o.Path != k.Sights[i].Second.Path })
	if err != nil || n.Sidecar == "" || copied {
		return err
	}
	for _, special := range []bool{false, true} {
		if _, err := c.Dir.Stat(replica.Join(k.Dirs[i], string(n.Spelt(special)))); !replica.Missing(err) {
			return err
		}
	}
	if err := c.Dir.Remove(replica.Join(k.Dirs[i], string(n.Sidecar))); err != nil && !replica.Missing(err) {
		return err
	}
	return nil
}

// rmdir removes a directory that is empty but for litter. Where more is in it,
// it stays.
func (h *site) rmdir(i int, path string) error {
	c := h.Clouds[i]
	entries, err := c.Dir.ReadDir(path)
	if replica.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !c.Litter(path, e) {
			return errFull
		}
	}
	above, _ := cloud.SplitPath(path)
	h.remember(i, above)
	for _, e := range entries {
		if err := c.Dir.Remove(replica.Join(path, e.Name)); err != nil && !replica.Missing(err) {
			return err
		}
	}
	if err := c.Dir.Rmdir(path); err != nil && !replica.Missing(err) {
		return err
	}
	h.did(i)
	delete(h.times, place{i, path})
	return nil
}

// errFull: a directory holds what is not this program's.
var errFull = errors.New("something that is not this program's is in it")

func (h *site) name(k int) string {
	if k < 0 {
		return "all"
	}
	return h.Clouds[k].Name
}

// did counts a step that changed a cloud.
func (h *site) did(k int) {
	h.steps++
	h.dirty[k] = true
}

// sync makes durable what a round has changed.
func (h *site) sync() error {
	for k, d := range h.dirty {
		if d {
			if err := h.Clouds[k].Dir.Syncfs(); err != nil {
				h.errs[k] = err
			}
			h.dirty[k] = false
		}
	}
	return nil
}
