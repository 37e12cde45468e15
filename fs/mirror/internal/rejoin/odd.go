package rejoin

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// An oddity is a name of the cloud that lacks changes at which the clouds in use
// have nothing, or something else.
type oddity struct {
	path  string
	ended bool   // a file that they have nowhere, or a directory that has to go first
	deep  bool   // a directory is wanted in its place
	home  string // of a file that they have nowhere, or at lesser versions: where it is to be
}

// oddities goes through the cloud that lacks changes. What nobody has removed as
// far as is known, and is nowhere else, is none.
func (t *Tree) oddities(plain, backing string) (list []oddity, err error) {
	all, err := names(t.Owing, backing)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if err := t.Stop(); err != nil {
			return nil, err
		}
		path, at := replica.Join(plain, string(e.name)), replica.Join(backing, e.Name)
		want, wanted := t.names[path]
		odd := wanted && (want.Has == judge.Dir) != e.Dir
		ended, home := false, ""
		switch {
		case !e.Dir && !odd:
			odd, home, err = t.oddFile(path, at, want)
			ended = !wanted && !t.livesAt(at)
		case e.Dir && !wanted:
			if odd, err = leftDir(t.Past, path); err == nil && !odd {
				odd, err = t.Past.Emptied(path) // of a file, and it was before that
				ended = odd
			}
		}
		if err != nil {
			return nil, err
		}
		if odd {
			list = append(list, oddity{path, ended, want.Has == judge.Dir, home})
		}
		if e.Dir {
			below, err := t.oddities(path, at)
			if err != nil {
				return nil, err
			}
			list = append(list, below...)
		} else if !wanted && !odd {
			t.keep(plain, at)
		}
	}
	return list, nil
}

// keep notes the directories above a whole file of the cloud that nobody else has
// and nobody has removed: they are wanted, whatever is known of them.
func (t *Tree) keep(dir, at string) {
	if h, err := t.Owing.Header(at); err != nil || h.Flags&cipher.Dirty != 0 {
		return
	}
	for ; dir != "" && !t.kept[dir]; dir, _ = cloud.SplitPath(dir) {
		t.kept[dir] = true
	}
}

// oddFile reports whether a file of the cloud is not what is wanted there, and
// may have to go; and to where, if nobody else has it.
func (t *Tree) oddFile(path, at string, want judge.Known) (odd bool, home string, err error) {
	h, err := t.Owing.Header(at)
	switch {
	case errors.Is(err, cipher.ErrDamaged), errors.Is(err, replica.ErrBlank):
		odd, err = t.Past.Emptied(path)
		return odd, "", err
	case replica.Missing(err), errors.Is(err, cipher.ErrNewer):
		return false, "", nil
	case err != nil:
		return false, "", err
	case h.Flags&cipher.Dirty != 0 && len(h.Version) == 0 && want.Has == "" && t.blind[path].Has != judge.File:
		odd, err = t.Past.Left(path, fileOf(h), nil)
		return odd, "", err
	case h.Flags&cipher.Dirty != 0 && len(h.Version) == 0:
		return true, "", nil
	case want.Has == judge.File && want.Version.ID == h.FileID && want.Version.Type == h.Type:
		return false, "", nil
	case len(t.elsewhere(path, h)) > 0:
		return true, "", nil
	}
	if odd, err = t.Past.Left(path, fileOf(h), h.Version); odd && err == nil && !t.livesAs(h) {
		home, err = t.home(h)
	}
	return odd, home, err
}

// livesAt reports whether the clouds in use have a file of the cloud anywhere, or
// are to have it.
func (t *Tree) livesAt(at string) bool {
	h, err := t.Owing.Header(at)
	return err == nil && t.lives(h)
}

func (t *Tree) lives(h *cipher.Header) bool {
	return len(t.live[judge.Identity{ID: h.FileID, Type: h.Type}].Live) > 0
}

// livesAs is lives of a version that is not above all others.
func (t *Tree) livesAs(h *cipher.Header) bool {
	return t.lives(h) && cipher.Compare(h.Version, t.live[judge.Identity{ID: h.FileID, Type: h.Type}].Version.Vector) != cipher.Greater
}

func fileOf(h *cipher.Header) index.File { return index.File{ID: h.FileID, Type: h.Type} }
