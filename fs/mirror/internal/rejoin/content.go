package rejoin

import (
	"errors"
	"math"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A prepared copy is whole, under a temporary name.
type prepared struct {
	temp string
	head cipher.Header
}

// bringFile makes a file what the clouds in use have. One that was never
// committed has to wait for that.
func (c *Carrier) bringFile(path string, want *thing) error {
	if !want.clean() {
		c.leave(path)
		return nil
	}
	if ok, err := c.above(path); err != nil || !ok {
		return err
	}
	have, err := c.have(path)
	if err != nil {
		return err
	}
	if have.is == file && have.clean() && equal(have.head, want.head) && sound(c, have.path, have.head) {
		c.remember(want, have.path)
		return c.joinLinks(path, want)
	}
	switch have.is {
	case directory:
		if free, err := c.clear(path, have, want); err != nil || !free {
			c.leave(path)
			return err
		}
	case file:
		if is, err := c.fateOf(path, have, want); is != goes || err != nil {
			c.leave(path)
			return err
		}
	}
	linked, err := c.link(path, want, have)
	if err == nil && !linked {
		err = c.copy(path, want, have)
	}
	if err != nil {
		return err
	}
	return c.joinLinks(path, want)
}

// sound reports whether every record of a file is right, unless a comparison has looked, or everything waits: not all was synced.
func sound(c *Carrier, path string, h *cipher.Header) bool {
	return c.Live != nil || c.Limit < math.MaxInt64 || replica.Sound(c.To, path, h.CommitID)
}

// joinLinks makes the names that are one file in the clouds in use one in this.
func (c *Carrier) joinLinks(path string, want *thing) error {
	if want.info.Nlink < 2 {
		return nil
	}
	names := []string{path}
	for _, o := range c.others(path, want) {
		if t, err := look(want.cloud, o); err == nil && t.is == file && t.info.Ino == want.info.Ino {
			names = append(names, o)
		}
	}
	c.Loose = c.Loose || uint64(len(names)) < want.info.Nlink
	return c.Join(names)
}

// others are other names of a file, as far as they are known.
func (c *Carrier) others(path string, want *thing) []string {
	list := c.Links(path)
	if c.Live != nil {
		list = append(list, c.Live.links[inode{want.cloud.Index, want.info.Ino}]...)
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(o string) bool { return o == path })
}

// remember notes where a file with several names is in the cloud.
func (c *Carrier) remember(want *thing, at string) {
	if want.info.Nlink < 2 {
		return
	}
	if c.made == nil {
		c.made = map[inode]string{}
	}
	c.made[inode{want.cloud.Index, want.info.Ino}] = at
}

// link gives a file that the cloud has at another name this one, too.
func (c *Carrier) link(path string, want, have *thing) (bool, error) {
	var list []string
	if at, ok := c.made[inode{want.cloud.Index, want.info.Ino}]; ok {
		list = append(list, at)
	}
	others := append([]string{missed.Before(c.Moves, path)}, c.others(path, want)...)
	for _, o := range others {
		if o == path {
			continue
		}
		t, err := c.have(o)
		if err != nil {
			return false, err
		}
		if t.is == file {
			list = append(list, t.path)
		}
	}
	for _, at := range list {
		head, err := c.To.Header(at)
		if err != nil || head.Flags&cipher.Dirty != 0 || !equal(head, want.head) || !sound(c, at, head) {
			continue
		}
		temp := replica.Join(have.dir, string(cipher.NewTempName()))
		if err := c.To.Dir.Link(at, temp); err != nil {
			if errors.Is(err, cloud.ErrUnsupported) {
				return false, nil
			}
			return false, err
		}
		return true, c.place(path, temp, want, have)
	}
	return false, nil
}

// Join makes several names of one file, which the cloud has at the same version
// as the others, links of one.
func (c *Carrier) Join(paths []string) error {
	var one *thing
	for _, path := range paths {
		t, err := c.have(path)
		if err != nil {
			return err
		}
		switch {
		case t.is != file || !t.clean():
		case one == nil:
			one = t
		case t.info.Ino != one.info.Ino && equal(t.head, one.head):
			temp := replica.Join(t.dir, string(cipher.NewTempName()))
			err := c.To.Dir.Link(one.path, temp)
			if errors.Is(err, cloud.ErrUnsupported) {
				return nil
			}
			if err == nil {
				err = c.To.Dir.Rename(temp, t.path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// copy copies a file: beside its place and then over it, or, where it has other
// names in the cloud, in place.
func (c *Carrier) copy(path string, want, have *thing) error {
	if have.is == file && have.clean() && same(have.head, want.head) && have.info.Nlink > 1 && want.info.Nlink > 1 && want.head.Length <= c.Limit {
		err := c.rewrite(path, want, have)
		if errors.Is(err, errNoSource) || errors.Is(err, errChanged) {
			c.leave(path)
			return nil
		}
		c.remember(want, have.path)
		return err
	}
	p := c.prep[path]
	if p == nil || !equal(&p.head, want.head) {
		if want.head.Length > c.Limit {
			c.leave(path)
			return nil
		}
		var err error
		if p, err = c.build(path, have.dir, want); err != nil {
			if errors.Is(err, errNoSource) {
				c.leave(path)
				return nil
			}
			return err
		}
	}
	delete(c.prep, path)
	return c.place(path, p.temp, want, have)
}

// Prepare builds the copy that Bring will need, if it needs one.
func (c *Carrier) Prepare(path string) error {
	want, err := c.want(path)
	if err != nil || !want.clean() {
		return err
	}
	have, err := c.have(path)
	if err != nil || have.is == file && have.clean() && equal(have.head, want.head) {
		return err
	}
	if ok, err := c.above(path); err != nil || !ok {
		return err
	}
	p, err := c.build(path, have.dir, want)
	if errors.Is(err, errNoSource) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.prep == nil {
		c.prep = map[string]*prepared{}
	}
	c.prep[path] = p
	return nil
}

// Forget removes the copies that were prepared for nothing.
func (c *Carrier) Forget() (err error) {
	for path, p := range c.prep {
		err = errors.Join(err, ignoreMissing(c.To.Dir.Remove(p.temp)))
		delete(c.prep, path)
	}
	return err
}

// place puts what is under a temporary name where it belongs, unless something
// has arrived there since the name was looked at.
func (c *Carrier) place(path, temp string, want, have *thing) error {
	if err := c.To.PutSidecar(have.dir, have.name); err != nil {
		return err
	}
	if have.is == file {
		if err := c.To.CopyXattrs(have.path, temp); err != nil {
			return err
		}
	}
	at := replica.Join(have.dir, replica.Entry(have.name, want.special))
	ok, err := untouched(c.To, at, have)
	if ok && err == nil && have.is == file && have.path != at {
		err = ignoreMissing(c.To.Dir.Remove(have.path)) // that of another type; the name never has both
	}
	if !ok {
		c.leave(path)
	}
	if ok && err == nil {
		err = c.To.Dir.Rename(temp, at)
	}
	if !ok || err != nil {
		return errors.Join(err, ignoreMissing(c.To.Dir.Remove(temp)))
	}
	c.remember(want, at)
	return nil
}

var (
	errNoSource = errors.New("no copy of it is whole")
	errChanged  = errors.New("it has changed meanwhile")
)

// build makes a whole copy under a temporary name. It is clean only when all of
// it has verified.
func (c *Carrier) build(path, dir string, want *thing) (p *prepared, err error) {
	from, err := c.source(path, want)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	p = &prepared{temp: replica.Join(dir, string(cipher.NewTempName())), head: *want.head}
	cp, err := c.To.Build(p.temp, *want.head)
	if err == nil {
		err = errors.Join(c.fill(cp, from, want.head), cp.Close())
	}
	if err != nil {
		return nil, errors.Join(err, ignoreMissing(c.To.Dir.Remove(p.temp)))
	}
	return p, nil
}

// source opens a copy in use of which every record verifies, and acc.
func (c *Carrier) source(path string, want *thing) (*replica.Copy, error) {
	for _, cl := range c.From {
		t, err := look(cl, path)
		if err != nil || !t.clean() || !equal(t.head, want.head) {
			continue
		}
		cp, err := cl.Open(t.path, false)
		if err != nil {
			continue
		}
		acc, bad, err := cp.Check(cp.Head)
		if err == nil && len(bad) == 0 && acc == cp.Head.Acc && equal(cp.Head, want.head) && cp.Head.Flags&cipher.Dirty == 0 {
			return cp, nil
		}
		if err := cp.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errNoSource
}

// fill writes the records of a source, and the clean header over them. Nothing is
// synced: the cloud owes until all of it was, and is compared to the last record
// if that does not come.
func (c *Carrier) fill(cp, from *replica.Copy, want *cipher.Header) error {
	if err := cp.Fit(want.Length); err != nil {
		return err
	}
	copied, err := cp.FillFrom(from, want)
	if err != nil {
		return err
	}
	head := *want
	acc, bad, err := cp.Check(&head)
	if err != nil {
		return err
	}
	if len(bad) > 0 || copied != from.Head.Acc {
		return errNoSource // it changed meanwhile
	}
	head.Acc = acc
	if err := cp.WriteHeader(&head); err != nil {
		return err
	}
	return cp.Show(nil, c.Owners, c.Clock())
}

// rewrite gives a file that has several names in the cloud other content, in
// place, under a header that is DIRTY meanwhile.
func (c *Carrier) rewrite(path string, want, have *thing) error {
	from, err := c.source(path, want)
	if err != nil {
		return err
	}
	defer from.Close()
	cp, err := c.To.Open(have.path, true)
	if err != nil {
		return err
	}
	info, err := cp.File.Stat()
	if err == nil && (info.Ino != have.info.Ino || !info.Ctime.Equal(have.info.Ctime) || !equal(cp.Head, have.head)) {
		err = errChanged
	}
	if err == nil {
		err = cp.Soil()
	}
	if err == nil {
		err = cp.File.Truncate(cipher.HeaderSize)
	}
	if err == nil {
		err = c.fill(cp, from, want.head)
	}
	return errors.Join(err, cp.Close())
}
