package toolcopy

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

var errElse = errors.New("something else is at its name")

// settleDir gives a copy of a directory the name back that it is of, or brings what is in it into the directory that has the name. It
// returns the paths of names that are to be judged then.
func (s *Settler) settleDir(c Copy) (paths []string, err error) {
	cl := s.Clouds.All()[c.Cloud]
	known, err := s.Memory.At(c.Path)
	if err != nil || known.Has == judge.File || !cl.Up() {
		return nil, err // it is something else by now; or the cloud is asked when it is in use again
	}
	done, err := s.Guard(c.Cloud, c.Path)
	if err != nil {
		return nil, err
	}
	defer done()
	if known.Has == judge.Gone && !s.needed(cl.Cloud, c.Entry) {
		return nil, nil
	}
	_, name := cloud.SplitPath(c.Path)
	n, err := cl.Keys.EncodeName(cipher.PlainName(name))
	if err != nil {
		return nil, err
	}
	above, _ := backing(cl.Cloud, c.Path)
	own := replica.Join(above, string(n.Entry))
	now, err := cl.Dir.Stat(c.Entry)
	if at, _ := cloud.SplitPath(c.Entry); err != nil || !now.Dir || now.Ino != c.Ino || at != above { // something has moved since
		return nil, err
	}
	switch there, err := cl.Dir.Stat(own); {
	case replica.Missing(err):
		if _, err := cl.Dir.Stat(replica.Join(above, string(n.Spelt(true)))); !replica.Missing(err) {
			return nil, errors.Join(errElse, err)
		}
		err := cl.KeepTimes(above, func() error {
			if known.Has == judge.Gone { // what was removed with it stays behind
				return errors.Join(cl.PutSidecar(above, n), cl.Dir.Mkdir(own, now.Mode))
			}
			return errors.Join(cl.PutSidecar(above, n), cl.Dir.Rename(c.Entry, own))
		})
		if err != nil || known.Has != judge.Gone {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !there.Dir:
		return nil, errElse
	}
	m := merger{Settler: s, cloud: cl.Cloud, suffix: suffixOf(cl.Cloud, above, c.Entry)}
	err = m.merge(c.Entry, own, c.Path)
	return m.paths, err
}

// needed reports whether something in a copy of a directory that was removed here is not outdone.
func (s *Settler) needed(c *replica.Cloud, dir string) bool {
	list, err := c.Dir.ReadDir(dir)
	return err == nil && slices.ContainsFunc(list, func(e cloud.Entry) bool {
		at := replica.Join(dir, e.Name)
		if _, err := c.DecodeEntry(dir, e.Name); err != nil || e.Dir {
			return err == nil && s.needed(c, at)
		}
		h, err := c.Header(at)
		return err == nil && h.Flags&cipher.Dirty == 0 && !s.Old(h)
	})
}

// suffixOf is what a sync tool has put behind an entry.
func suffixOf(c *replica.Cloud, dir, entry string) string {
	_, last := cloud.SplitPath(entry)
	if d, err := c.DecodeEntry(dir, last); err == nil && d.Suffix != "" {
		return d.Suffix
	}
	return " (1)"
}

// A merger brings what is in a copy of a directory into the directory.
type merger struct {
	*Settler
	cloud  *replica.Cloud
	suffix string
	paths  []string // plain: what was moved
}

// merge moves what is not outdone. What is foreign, or has no place, stays, and the copy with it.
func (m *merger) merge(from, to, plain string) error {
	list, err := m.cloud.Dir.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range list {
		if cipher.EntryName(e.Name).IsSidecar() {
			continue
		}
		d, err := m.cloud.DecodeEntry(from, e.Name)
		if err != nil || !e.Dir && !e.Regular {
			continue
		}
		if err := m.move(from, to, plain, e, d); err != nil {
			return err
		}
	}
	list, err = m.cloud.Dir.ReadDir(from)
	for _, e := range list {
		if !m.cloud.Litter(from, e) {
			return err
		}
	}
	for _, e := range list {
		err = errors.Join(err, m.cloud.Clear(replica.Join(from, e.Name)))
	}
	if err == nil {
		err = m.cloud.Dir.Rmdir(from)
	}
	return err
}

func (m *merger) move(from, to, plain string, e cloud.Entry, d cipher.Decoded) error {
	at, name := replica.Join(from, e.Name), replica.Join(plain, string(d.Name))
	if !e.Dir {
		if h, err := m.cloud.Header(at); err != nil || m.Old(h) {
			return nil
		}
	}
	for _, as := range []string{e.Name, e.Name + m.suffix} {
		into := replica.Join(to, as)
		switch there, err := m.cloud.Dir.Stat(into); {
		case replica.Missing(err):
			n, err := m.cloud.Keys.EncodeName(d.Name)
			if err != nil {
				return err
			}
			m.paths = append(m.paths, name)
			return errors.Join(m.cloud.PutSidecar(to, n), m.cloud.Dir.Rename(at, into))
		case err != nil:
			return err
		case there.Dir && e.Dir:
			return m.merge(at, into, name)
		}
	}
	return nil
}
