package rejoin

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
)

// differing are the names that a cloud which is back has to be brought, with all that is
// below where that is true: those of which it has missed changes, without a tree, or
// where nobody knows these, those that a comparison of all of it leaves.
func (r *Returner) differing(c *clouds.Cloud) (names map[string]bool, tree *Tree, err error) {
	if c.Named() && !r.Clouds.Makeshift() && len(r.Clouds.Ups()) > 0 {
		names, known, err := r.named(c)
		if known || err != nil {
			return names, nil, err
		}
	}
	tree, names, err = r.lookOver(c)
	return names, tree, err
}

// named are the names of which a cloud has missed changes, once directories have
// moved there to where they are by now.
func (r *Returner) named(c *clouds.Cloud) (names map[string]bool, known bool, err error) {
	if err := r.Host.Commit(); err != nil {
		r.Logger.Warn("not everything is committed before a cloud is brought what it lacks", "error", err)
	}
	r.is(c.Index, repairing, 0, 0)
	r.watch(true)
	r.Names.Lock() // whatever began before has ended, and what begins from now on is noted
	up := clouds.Replicas(r.Clouds.Ups())
	r.Names.Unlock()
	list, known, err := r.Host.Missed(c)
	if !known || err != nil {
		return nil, false, err
	}
	if err := r.Book.Learn(append(up, c.Cloud)); err != nil {
		return nil, false, err
	}
	t := r.carrier(c, nil, nil)
	moved, err := missed.Arrange(list, r.Host.Path, func(from, to string) (bool, error) { return r.arrange(t, c, from, to) })
	if err != nil {
		return nil, false, err
	}
	names = map[string]bool{}
	for i := range list {
		n := &list[i]
		if n.Path == "" {
			continue
		}
		names[n.Path] = n.Deep(moved)
		err := errors.Join(r.stopped(), r.bringNewerHome(t, c, n.Path))
		if n.Now.Kind != index.IsFile && n.Now.Kind != index.IsDir { // what has ended makes room
			err = errors.Join(err, r.bringUnless(t, c, n.Path))
		}
		if err != nil {
			return nil, false, err
		}
	}
	return names, true, nil
}

// bringNewerHome moves a file from a name that it has left to the one where it is known to be, if the clouds in use have an earlier version
// of it there: they had been rolled back when it got that name.
func (r *Returner) bringNewerHome(t *Carrier, c *clouds.Cloud, path string) error {
	have, err := t.have(path)
	if err != nil || !have.clean() {
		return unlessItsOwn(err)
	}
	homes, err := r.Past.Homes(fileOf(have.head))
	if err != nil || len(homes) == 0 || slices.Contains(homes, path) {
		return err
	}
	now, err := t.want(homes[0])
	if err == nil && now.clean() && same(now.head, have.head) && cipher.Compare(have.head.Version, now.head.Version) == cipher.Greater {
		_, err = r.bringHome(t, c, oddity{path: path, home: homes[0]})
	}
	return unlessItsOwn(err)
}

// arrange moves a directory in the cloud, if it is to be at the other name.
func (r *Returner) arrange(t *Carrier, c *clouds.Cloud, from, to string) (moved bool, err error) {
	done, err := r.guard(c.Index, to)
	if err != nil {
		return false, nil // it is brought over with what changed
	}
	defer done()
	have, err := t.have(from)
	if err == nil && have.is == directory {
		var want *thing
		if want, err = t.want(to); err == nil && want.is == directory {
			moved, err = t.Move(from, to)
		}
	}
	return moved, unlessItsOwn(err)
}

// lookAfter ends what was done by names. Where somebody else has changed anything in the cloud meanwhile, it is compared whole.
func (r *Returner) lookAfter(c *clouds.Cloud, names map[string]bool) (tree *Tree, err error) {
	if err := r.tidy(c, names); err != nil {
		return nil, err
	}
	spare := func(path string) (spare, deep bool) {
		if deep, spare = names[path]; spare {
			return spare, deep
		}
		r.Names.RLock() // what is under way ends
		defer r.Names.RUnlock()
		return r.covers(path)
	}
	asLeft, err := r.Host.AsLeft(c, spare, r.stopped)
	if err != nil || asLeft || len(r.Clouds.Ups()) == 0 {
		return nil, err
	}
	r.Logger.Info("a cloud that was away was changed meanwhile by somebody else, and is compared whole", "cloud", c.Name)
	tree, odd, err := r.lookOver(c)
	r.again(sorted(odd), odd)
	return tree, err
}

// tidy gives directories in which names were brought over what they show, and takes
// away what the cloud was about when it went.
func (r *Returner) tidy(c *clouds.Cloud, names map[string]bool) error {
	t := r.carrier(c, nil, nil)
	dirs := map[string]bool{}
	for path := range names {
		dir, _ := cloud.SplitPath(path)
		dirs[dir] = true
	}
	for _, dir := range slices.Backward(sorted(dirs)) {
		if err := errors.Join(r.stopped(), r.bringUnless(t, c, dir)); err != nil {
			return err
		}
		if err := t.Sweep(dir); err != nil {
			return err
		}
	}
	return nil
}
