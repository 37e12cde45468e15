package level

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// left are the names that this machine knows a file to have, at no greater version, and
// at which none of some clouds has it: it was renamed, and the power cut took that from the log.
func (l *Leveller) left(h *cipher.Header, in ...*replica.Cloud) (homes []string) {
	if l.Homes == nil || h.Flags&cipher.Dirty != 0 || len(h.Version) == 0 {
		return nil
	}
	file := index.File{ID: h.FileID, Type: h.Type}
	for _, home := range l.Homes(file) {
		older := cipher.Compare(h.Version, l.Known(home).Version.Vector) == cipher.Less
		if !older && !slices.ContainsFunc(in, func(c *replica.Cloud) bool { return has(c, home, file) }) {
			homes = append(homes, home)
		}
	}
	return homes
}

// has reports whether a cloud has a file at a path.
func has(c *replica.Cloud, path string, f index.File) bool {
	p, ok := locate(c, path, f.Type.Special())
	if !ok {
		return false
	}
	h, err := c.Header(p)
	return err == nil && h.FileID == f.ID && h.Type == f.Type
}

// locate is where something is in a cloud that has a plaintext path from the root.
func locate(c *replica.Cloud, path string, special bool) (at string, ok bool) {
	dir, name := cloud.SplitPath(path)
	if dir != "" {
		if at, ok = locate(c, dir, false); !ok {
			return "", false
		}
	}
	enc, err := c.Keys.EncodeName(cipher.PlainName(name))
	return replica.Join(at, replica.Entry(enc, special)), err == nil
}

// renamed notes a file that has left names that this machine knows, and those.
func (d *difference) renamed(s shown, h *cipher.Header) {
	if homes := d.left(h, d.up...); len(homes) > 0 {
		d.found(s)
		d.Found = append(d.Found, homes...)
	}
}

// hidden is an entry of which the power cut has taken the sidecar, which tells its name.
type hidden struct {
	side int
	Folder
	cloud.Entry
}

// uncover gives what is hidden the name back that this machine knows it by, if it is free.
// Nobody but the log could tell the other one. It reports whether anything came of that.
func (d *difference) uncover() (any bool, err error) {
	for _, s := range d.hidden {
		c := d.Clouds[s.side]
		from := replica.Join(s.Paths[s.side], s.Name)
		if _, err := c.DecodeEntry(s.Paths[s.side], s.Name); !errors.Is(err, cipher.ErrSidecar) {
			continue // the other cloud has told its name
		}
		homes := d.homesOf(c, from, s.Dir)
		for _, home := range homes {
			done, err := d.bringHome(s, from, home)
			if err != nil {
				return any, err
			}
			if done {
				any = true
				break
			}
		}
	}
	return any, nil
}

// homesOf are the names that what is at a path of a cloud has left: of a directory those
// of which a file in it tells.
func (d *difference) homesOf(c *replica.Cloud, path string, dir bool) (homes []string) {
	if !dir {
		if h, err := c.Header(path); err == nil {
			return d.left(h, c) // of the others each can have it
		}
		return nil
	}
	list, err := c.Dir.ReadDir(path)
	if err != nil {
		return nil
	}
	for _, e := range list {
		for _, home := range d.homesOf(c, replica.Join(path, e.Name), e.Dir) {
			if up, name := cloud.SplitPath(home); up != "" && d.isNamed(c, path, e, name) {
				homes = append(homes, up)
			}
		}
	}
	return homes
}

// isNamed reports whether an entry in a directory of a cloud has that name.
func (d *difference) isNamed(c *replica.Cloud, dir string, e cloud.Entry, name string) bool {
	is, ok := c.Decode(dir, e.Name)
	return ok && string(is.Name) == name
}

// bringHome moves what is hidden to a name that this machine knows it by, if there is
// nothing there, and its directory is.
func (d *difference) bringHome(s hidden, from, home string) (done bool, err error) {
	c := d.Clouds[s.side]
	dir, name := cloud.SplitPath(home)
	at, ok := "", true
	if dir != "" {
		at, ok = locate(c, dir, false)
	}
	if !ok {
		return false, nil
	}
	if info, err := c.Dir.Stat(at); err != nil || !info.Dir {
		return false, nil
	}
	if taken, err := step.Taken(c, at, cipher.PlainName(name)); err != nil || taken {
		return false, d.blame(s.side, err)
	}
	to := shown{place: place{Folder{Plain: dir}, name, !s.Dir && cipher.EntryName(s.Name).IsSpecial()}}
	to.Paths[s.side] = at
	d.Logger.Warn("the name of an entry is lost: it has the one back that it had before", "cloud", c.Name)
	d.found(to)
	return true, d.do(s.side, d.step(step.Move, s.side, from, to))
}
