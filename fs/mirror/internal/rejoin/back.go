package rejoin

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// How a cloud that missed changes comes back, while programs go on:
//
//	probe     it answers, its marker is right, it has room
//	finish    what the log keeps since this cloud alone has the rest of it
//	names     those that it has missed changes of, where they are known
//	compare   else all of it with the clouds in use; it is healed from them. Nothing is done at a name that changes meanwhile
//	catch up  those names are brought over, again and again, until they are few
//	enter     the last few with no operation and no commit under way; then it gets every change
//
// It goes on owing, durably, until all that it was given is synced. So whatever
// ends this, the next mount begins again.

const (
	fewNames = 64 // can be brought over while everything waits
	fewBytes = 1 << 20

	// Programs may change names faster than they are brought over. After so many
	// rounds they wait for that, an instant at a time.
	freeRounds = 4
	slice      = 30 * time.Millisecond
)

// bringBack brings a cloud that answers again up to date, and takes it into use.
func (r *Returner) bringBack(c *clouds.Cloud) error {
	r.Logger.Info("a cloud is back, and is brought up to date", "cloud", c.Name)
	if err := r.Clouds.MarkOut(); err != nil {
		return err
	}
	if err := r.Host.Finish(c); err != nil {
		return err
	}
	r.forgive(c.Index)
	r.lookAt(c.Index, time.Time{})
	defer r.watch(false)
	defer r.rests(c.Index)
	names, tree, err := r.differing(c)
	if err != nil {
		return err
	}
	r.again(sorted(names), names)
	for round := 0; ; round++ {
		left, err := r.catchUp(c, tree, round >= freeRounds)
		if err == nil && round == 0 && tree == nil {
			tree, err = r.lookAfter(c, names)
		}
		if err != nil {
			return err
		}
		few := max(fewNames, left)
		if r.count() > few {
			continue
		}
		if err := c.Dir.Syncfs(); err != nil {
			return err
		}
		thaw, ok := r.Host.Freeze()
		if !ok {
			select {
			case <-r.quit:
				return errStopped
			case <-time.After(time.Millisecond):
			}
			continue
		}
		entered, err := r.enter(c, tree, few)
		thaw()
		if err != nil || entered {
			return err
		}
	}
}

// lookOver compares a cloud whole with those in use, and heals what differs, at names that do not change meanwhile. It returns
// names at which the cloud had something else than the others, or which could not be healed; true: with all that is below.
func (r *Returner) lookOver(c *clouds.Cloud) (*Tree, map[string]bool, error) {
	if err := r.Host.Commit(); err != nil {
		r.Logger.Warn("not everything is committed before a cloud is compared", "error", err)
	}
	r.is(c.Index, comparing, 0, 0)
	r.watch(true)
	r.Names.Lock() // whatever began before has ended
	s := Survey{Owing: c.Cloud, Past: r.Past, Blind: r.Clouds.Makeshift(), Lost: c.Lost(), Stop: r.stopped}
	r.Names.Unlock()
	for _, cl := range r.Clouds.Ups() {
		if cl.Index != c.Index {
			s.InUse = append(s.InUse, cl.Cloud)
		}
	}
	if len(s.InUse) == 0 {
		return nil, nil, nil // it is all there is
	}
	err := r.Book.Learn(append(slices.Clip(s.InUse), c.Cloud))
	if err != nil {
		return nil, nil, err
	}
	tree, odd, err := compared(s)
	if err != nil {
		return nil, nil, err
	}
	t := r.carrier(c, nil, tree)
	names := map[string]bool{}
	for _, o := range odd {
		if o.home != "" {
			if moved, err := r.bringHome(t, c, o); err != nil {
				return nil, nil, err
			} else if !moved {
				continue // nobody else has it
			}
		}
		names[o.path] = o.deep
		if !o.ended {
			continue
		}
		// What was never committed is nobody's version, and would keep what it is in.
		// What has ended makes room.
		if err := errors.Join(r.stopped(), r.bringUnless(t, c, o.path)); err != nil {
			return nil, nil, err
		}
	}
	failed, err := r.healBy(tree, c)
	if err != nil {
		return nil, nil, err
	}
	for _, path := range failed {
		if _, odd := names[path]; !odd {
			names[path] = false
		}
	}
	return tree, names, r.finish(tree, c)
}

// compared is the tree of the clouds in use, and what the other has beside that.
func compared(s Survey) (*Tree, []oddity, error) {
	tree, err := Look(s)
	if err != nil {
		return nil, nil, err
	}
	odd, err := tree.oddities("", "")
	return tree, odd, err
}

// finish gives files their links and directories what they show, where the rest
// is right by now.
func (r *Returner) finish(tree *Tree, c *clouds.Cloud) error {
	t := r.carrier(c, nil, tree)
	for _, names := range tree.Links() {
		done, err := r.guard(c.Index, names[0])
		if err != nil {
			r.lookAt(c.Index, r.Clock().Add(settleTime))
			continue
		}
		err = errors.Join(r.stopped(), t.Join(names))
		done()
		if err != nil {
			return err
		}
	}
	for _, path := range tree.Dirs() {
		if err := errors.Join(r.stopped(), r.bringUnless(t, c, path)); err != nil {
			return err
		}
		if c.Up() {
			continue // there may be something on its way
		}
		if err := t.Sweep(path); err != nil {
			return err
		}
	}
	return nil
}

// bringUnless makes a name what the others have, unless it changes meanwhile.
func (r *Returner) bringUnless(t *Carrier, c *clouds.Cloud, path string) error {
	done, err := r.guard(c.Index, path)
	if err != nil {
		return nil // it is brought over with what changed
	}
	defer done()
	return unlessItsOwn(t.Bring(path, false))
}

// bringHome moves a file that only the cloud has to where it is to be. What stands there is elsewhere by now, as a rule, and makes room.
func (r *Returner) bringHome(t *Carrier, c *clouds.Cloud, o oddity) (moved bool, err error) {
	done, err := r.guard(c.Index, o.path)
	if err != nil {
		return false, nil
	}
	defer done()
	there, err := t.have(o.home)
	if err == nil {
		if moved, err = t.clear(o.home, there, nil); moved {
			moved, err = t.Move(o.path, o.home)
		}
	}
	return moved, unlessItsOwn(err)
}

// bringSome brings names for an instant, at least one, and tells how many. What could not be brought, since it changed, is left.
func bringSome(t *Carrier, deep map[string]bool, list []string) (n int, err error) {
	for start := time.Now(); n < len(list) && (n == 0 || time.Since(start) < slice); n++ {
		err := t.Bring(list[n], deep[list[n]])
		if own := unlessItsOwn(err); own != nil {
			return n, own
		}
		if err != nil {
			t.Left = append(t.Left, list[n])
		}
	}
	return n, nil
}

// healBy heals a cloud, and those in use from what it alone has. It returns names
// of it that could not be healed.
func (r *Returner) healBy(tree *Tree, c *clouds.Cloud) (names []string, err error) {
	all := r.Clouds.All()
	w := Work{
		Clouds: make([]*replica.Cloud, len(all)), Back: !c.Up(), SettleTime: settleTime, Clock: r.Clock, Owners: r.Owners, Logger: r.Logger,
		Judged: func(done, of int64) { r.is(c.Index, repairing, done, of) },
		Guard: func(k int, path string) (func(), error) {
			return r.guard(k, path)
		},
	}
	for _, cl := range all {
		w.Clouds[cl.Index] = &replica.Cloud{Index: cl.Index, Name: cl.Name, Keys: cl.Keys}
		if cl.Up() {
			w.Clouds[cl.Index] = cl.Cloud
		}
	}
	w.Clouds[c.Index] = c.Cloud
	errs, names, err := tree.Heal(w)
	if err != nil {
		return nil, err
	}
	for k, why := range errs { // what is wrong with a name is left to the rest
		if f := clouds.FaultOf(why); f.Ours() || f.OfCloud() && k == c.Index {
			return nil, fmt.Errorf("cloud %s: %w", all[k].Name, why)
		}
	}
	return names, nil
}

// guard keeps programs from a name while it is healed. One that has changed since is left, and so is a file in use that is open.
func (r *Returner) guard(k int, path string) (done func(), err error) {
	r.Names.Lock()
	if r.has(path) || r.Clouds.All()[k].Up() && r.Host.IsOpen(path) {
		r.Names.Unlock()
		return nil, errBusy
	}
	return r.Names.Unlock, nil
}

// catchUp brings over what has changed. Nobody is kept from anything, unless it is to hold them: what changes once more is
// brought over once more. It tells how many names have to wait for a commit, or for whoever can judge them.
func (r *Returner) catchUp(c *clouds.Cloud, tree *Tree, hold bool) (left int, err error) {
	names, moves := r.take()
	t := r.carrier(c, moves, tree)
	if !hold {
		rests(t, r.Rest)
	}
	list := sorted(names)
	for len(list) > 0 {
		if err := r.stopped(); err != nil {
			return 0, err
		}
		if hold {
			r.Names.RLock()
		}
		n, err := bringSome(t, names, list)
		if hold {
			r.Names.RUnlock()
		}
		if list = list[n:]; err != nil {
			return 0, err
		}
		r.is(c.Index, repairing, int64(len(names)-len(list)), int64(len(names)))
	}
	if t.Loose {
		r.lookAt(c.Index, r.Clock())
	}
	r.again(t.Left, names)
	return len(t.Left), nil
}

// enter brings over the last few names and takes the cloud into use. The caller
// has frozen everything.
func (r *Returner) enter(c *clouds.Cloud, tree *Tree, few int) (entered bool, err error) {
	if r.count() > few {
		return false, nil
	}
	names, moves := r.take()
	t := r.carrier(c, moves, tree)
	t.Limit = fewBytes
	list := sorted(names)
	for range 3 { // what one name waits for may come with another
		t.Left = nil
		for len(list) > 0 {
			n, err := bringSome(t, names, list)
			if list = list[n:]; err != nil {
				return false, err
			}
		}
		if list = t.Left; len(list) == 0 {
			break
		}
	}
	if err := errors.Join(c.Dir.Check(), c.Dir.Syncfs()); err != nil {
		return false, err
	}
	now := r.Clock()
	if t.Loose {
		if err := r.Clouds.Owe(c, "names of a file may be separate files"); err != nil {
			return false, err
		}
		r.lookAt(c.Index, now)
	}
	for _, path := range t.Left {
		r.owe(c.Index, now, names[path], path)
	}
	if err := r.Clouds.Enter(c); err != nil {
		r.Logger.Warn("a cloud's old directory cannot be closed", "cloud", c.Name, "error", err)
	}
	lacking := r.Host.Entered(c)
	r.owe(c.Index, now, false, lacking...)
	r.Logger.Info("a cloud takes part again", "cloud", c.Name)
	r.Host.Settled(c, append(lacking, t.Left...))
	return true, nil
}
