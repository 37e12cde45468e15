package rival

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Aside keeps, in every cloud, who does not keep the name: theirs where ours does,
// else ours. It returns for each cloud that was looked at, in that order, why they
// are not durable there.
func (c *Contest) Aside(o *Ours, keeps bool) []error {
	errs := make([]error, len(c.sights))
	for i, s := range c.sights {
		if keeps {
			errs[i] = c.asideAll(s, o)
		} else {
			errs[i] = c.keep(s, o, &o.Head, o.build)
		}
		if errs[i] == nil {
			errs[i] = s.Dir.Syncfs()
		}
	}
	return errs
}

// Place puts ours at its name in every cloud where theirs is kept, and adds to the
// errors of Aside. By then ours may follow theirs, and nothing else shows that
// there ever was another version.
func (c *Contest) Place(o *Ours, errs []error) {
	for i, s := range c.sights {
		if errs[i] == nil {
			errs[i] = s.place(o)
		}
	}
}

// asideAll puts the rivals aside in one cloud.
func (c *Contest) asideAll(s *sight, o *Ours) error {
	if s.why != nil {
		return s.why
	}
	for _, r := range c.rivals {
		err := c.keep(s, o, &r.head, func(temp string, to *replica.Cloud, as func(*cipher.Header)) error {
			from, err := r.at.Open(r.at.path, false)
			if err != nil {
				return err
			}
			defer from.Close()
			if from.Head.CommitID != r.head.CommitID {
				return replica.ErrStale
			}
			_, err = to.Whole(temp, from, as, o.Owners, o.Clock())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keep puts a version aside in one cloud: under the name and the id that follow
// from its header. One that is there already is not made again.
func (c *Contest) keep(s *sight, o *Ours, h *cipher.Header, build func(temp string, to *replica.Cloud, as func(*cipher.Header)) error) error {
	_, name := cloud.SplitPath(o.Plain)
	aside, room := cipher.ConflictName(cipher.PlainName(name), h.MtimeSec, h.CommitID), c.room(o.Plain)
	n, err := s.Keys.EncodeName(aside)
	if err != nil {
		return err
	}
	in, err := s.ensure(room)
	if err != nil {
		return err
	}
	at := replica.Join(in, string(n.For(h.Type)))
	there, err := s.Header(at)
	switch {
	case err == nil && there.CommitID == h.CommitID && there.Flags&cipher.Dirty == 0:
		return nil
	case !replica.Missing(err):
		return errors.Join(replica.ErrConflict, err)
	}
	other := func(h *cipher.Header) { h.FileID = cipher.ConflictID(h.FileID, h.CommitID) }
	err = s.put(in, n, at, func(temp string) error { return build(temp, s.Cloud, other) })
	if err == nil && o.Kept != nil {
		o.Kept(replica.Join(room, string(aside)))
	}
	return err
}

// room is the directory in which a version is put aside: its own, or, where every
// cloud has something else in the place of that, the next one above it.
func (c *Contest) room(plain string) string {
	dir, _ := cloud.SplitPath(plain)
	for dir != "" && !slices.ContainsFunc(c.sights, func(s *sight) bool { return !s.bars(dir) }) {
		dir, _ = cloud.SplitPath(dir)
	}
	return dir
}

// bars reports whether the cloud has something else in the place of a directory.
func (s *sight) bars(dir string) bool {
	at := ""
	for part := range strings.SplitSeq(dir, "/") {
		n, err := s.Keys.EncodeName(cipher.PlainName(part))
		if err != nil {
			return false
		}
		at = replica.Join(at, string(n.Entry))
	}
	info, err := s.Dir.Stat(at)
	return errors.Is(err, unix.ENOTDIR) || err == nil && !info.Dir
}

// place puts ours at its name in one cloud, if what is there is what was looked
// at.
func (s *sight) place(o *Ours) error {
	dir, name := cloud.SplitPath(o.Plain)
	n, err := s.Keys.EncodeName(cipher.PlainName(name))
	if err != nil {
		return err
	}
	in, err := s.ensure(dir)
	if err != nil {
		return err
	}
	return s.put(in, n, s.path, func(temp string) error {
		if err := o.build(temp, s.Cloud, replica.AsItIs); err != nil {
			return err
		}
		now, err := s.Dir.Stat(s.path)
		if replica.Missing(err) {
			return nil
		}
		if err == nil && (now.Ino != s.is.Ino || !now.Ctime.Equal(s.is.Ctime)) {
			err = replica.ErrStale
		}
		return err
	})
}

// put has a whole copy built beside a place, and gives it that.
func (s *sight) put(dir string, n cipher.Name, at string, build func(temp string) error) error {
	return s.KeepTimes(dir, func() error {
		temp := replica.Join(dir, string(cipher.NewTempName()))
		err := build(temp)
		if err == nil {
			err = s.PutSidecar(dir, n)
		}
		if err == nil {
			err = s.Dir.Rename(temp, at)
		}
		if err == nil {
			return nil
		}
		if gone := s.Dir.Remove(temp); !replica.Missing(gone) {
			err = errors.Join(err, gone)
		}
		return err
	})
}

// build writes our version whole under a temporary name.
func (o *Ours) build(temp string, to *replica.Cloud, as func(*cipher.Header)) error {
	head := o.Head
	as(&head)
	c, err := to.Build(temp, head)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Fit(head.Length); err != nil {
		return err
	}
	if err := o.Records(c.WriteRun); err != nil {
		return err
	}
	if err := o.Xattrs(to.Index, c); err != nil {
		return err
	}
	_, err = c.Clean(head, o.Owners, o.Clock())
	return err
}

// ensure makes the directory at a plain path, and those above it, where a sync
// client has taken it away with the file.
func (s *sight) ensure(plain string) (backing string, err error) {
	if plain == "" {
		return "", nil
	}
	above, name := cloud.SplitPath(plain)
	if above, err = s.ensure(above); err != nil {
		return "", err
	}
	n, err := s.Keys.EncodeName(cipher.PlainName(name))
	if err != nil {
		return "", err
	}
	backing = replica.Join(above, string(n.Entry))
	if _, err = s.Dir.Stat(backing); !replica.Missing(err) {
		return backing, err
	}
	if err := s.PutSidecar(above, n); err != nil {
		return "", err
	}
	return backing, s.Dir.Mkdir(backing, 0o700)
}
