package compare

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Still keeps whoever works on the clouds meanwhile from changing what is being
// looked at. The first pass needs none: it only says where to look again.
type Still interface {
	// Names has no name change in any cloud until done is called.
	Names() (done func())

	// Content has the file at a path stay as it is in every cloud, whole, until done
	// is called. It is called before Names. Where there is no file that anybody could
	// change it reports false; done is to be called all the same.
	Content(path string) (done func(), held bool)
}

// idle is a Still where nobody else works on the clouds.
type idle struct{}

func (idle) Names() func()                 { return func() {} }
func (idle) Content(string) (func(), bool) { return func() {}, true }

// careful is a comparison that looks at single names while others may work on the
// clouds.
type careful struct{ *Comparison }

// looseTries is how often content is read while it may change. Then it is kept
// from changing for as long as that takes.
const looseTries = 2

// decide looks at a name in every cloud, and judges. Where others work on the
// clouds, the name stays what it is while it is looked at, and its content was
// the same before it was read and after.
func (c careful) decide(f *folder, r row, full bool) (k *Case, err error) {
	for try := 0; ; try++ {
		done, _ := c.Still.Content(f.child(r.name))
		k, copies, err := c.claim(f, r, full)
		if try < looseTries {
			done()
		} else {
			defer done()
		}
		if err != nil || len(copies) == 0 {
			return k, err
		}
		content, err := c.Check(copies)
		same := err != nil || content.Sound() || try >= looseTries || c.unchanged(k, copies)
		closeAll(copies)
		if err != nil {
			return nil, err
		}
		if !same {
			continue
		}
		if content.Sound() {
			k.Members = nil
		} else {
			k.Content = content
		}
		k.find(c.Comparison)
		return k, nil
	}
}

func closeAll(copies []*replica.Copy) {
	for _, cp := range copies {
		cp.Close()
	}
}

// unchanged reports whether copies that were read are what they were when they
// were opened: every commit gives each of them another header, or its place to
// another file.
func (c careful) unchanged(k *Case, copies []*replica.Copy) bool {
	done, _ := c.Still.Content(k.Path)
	defer done()
	for i, cp := range copies {
		there, err := cp.Cloud.Dir.Stat(k.Members[i].Path)
		here, failed := cp.File.Stat()
		if err != nil || failed != nil || there.Ino != here.Ino {
			return false
		}
		head, keys, err := cp.Cloud.ReadHeader(cp.File)
		if err == nil {
			keys.Wipe()
		}
		if err != nil || head.CommitID != cp.Head.CommitID || head.Flags != cp.Head.Flags {
			return false
		}
	}
	return true
}

// claim looks at a name in every cloud, judges, and opens what content is to be
// read of. Where it gives no copies the case is complete.
func (c careful) claim(f *folder, r row, full bool) (k *Case, copies []*replica.Copy, err error) {
	defer c.Still.Names()()
	if _, alone := c.Still.(idle); !alone {
		if f, r, err = c.renew(f, r); err != nil {
			return nil, nil, err
		}
	}
	if k, err = c.weigh(f, r, full); err != nil {
		return nil, nil, err
	}
	if c.Content && k.Verdict.Want.Is == judge.WantFile && c.survey.isUnsound(k.Path) {
		copies = c.sources(k)
	}
	if len(copies) == 0 {
		k.find(c.Comparison)
	}
	return k, copies, nil
}

// renew finds the directory of a name, and the entries that are spelt as the name
// should be, as they are now. Others are as they were listed.
func (c careful) renew(f *folder, r row) (*folder, row, error) {
	now, err := c.standing(f.plain)
	if err != nil {
		return nil, row{}, err
	}
	again := row{name: r.name}
	for k := range c.Clouds {
		if !now.in[k].there || now.in[k].silent {
			continue
		}
		for _, e := range c.entries(now, r.name, k) {
			e.unsided = c.lacksSidecar(now.in[k].path, r.name, k)
			again.entries = append(again.entries, e)
		}
		for _, e := range r.of(k) {
			if e.copied && now.in[k].path == f.in[k].path && !slices.ContainsFunc(again.of(k), func(o entry) bool { return o.copied && c.spell(r.name, o) == e.spelt }) {
				again.entries = append(again.entries, e)
			}
		}
	}
	return now, again, nil
}

// entries are those that stand for a name in a cloud, spelt as they should be.
func (c *observer) entries(f *folder, name cipher.PlainName, k int) (found []entry) {
	for _, special := range []bool{false, true} {
		e := entry{cloud: int16(k), special: special}
		at := c.spell(name, e)
		info, err := c.Clouds[k].Dir.Stat(replica.Join(f.in[k].path, at))
		if err == nil {
			e.dir, e.regular, e.copied = info.Dir, info.Regular, info.Dir && special
			found = append(found, e)
		} else if !replica.Missing(err) {
			f.in[k].silent, f.in[k].why = true, err
		}
	}
	return found
}

// lacksSidecar reports whether the sidecar of a long name is not there, or is
// none.
func (c *observer) lacksSidecar(dir string, name cipher.PlainName, k int) bool {
	n, err := c.Clouds[k].Keys.EncodeName(name)
	if err != nil || n.Sidecar == "" {
		return false
	}
	side, err := c.Clouds[k].ReadSidecar(replica.Join(dir, string(n.Sidecar)))
	return err != nil || string(side) != string(n.SidecarData)
}

// lacksItStill looks again at an entry without a sidecar: both may have gone
// between the one look and the other.
func (c careful) lacksItStill(s strange) bool {
	defer c.Still.Names()()
	dir, entry := cloud.SplitPath(s.path)
	_, err := c.Clouds[s.cloud].Dir.Stat(s.path)
	if err != nil {
		return !replica.Missing(err)
	}
	_, err = c.Clouds[s.cloud].DecodeEntry(dir, entry)
	return errors.Is(err, cipher.ErrSidecar)
}
