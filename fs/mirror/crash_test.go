package mirror_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
)

// tale is a history, and the vault that it happens in.
type tale struct {
	seed  uint64
	n     int // clouds
	on    layout
	steps []step
}

func (tl tale) String() string {
	return fmt.Sprintf("seed %d, %d clouds, on one filesystem %v, numbers reused %v", tl.seed, tl.n, tl.on.together, tl.on.reuse)
}

func (tl tale) box(t *testing.T) *box { return newBoxOn(t, tl.n, tl.on) }

// crash is a tale that ended before operation at+1, in the step after done.
type crash struct {
	tale *tale
	b    *box
	what string
	h    *history
	at   int
	done int
	rng  *rand.Rand
}

// moments plays a tale once, and gives what crashes after these operations, in
// ascending order, leave of it.
func moments(t *testing.T, tl tale, at []int) []*crash {
	b, h := tl.box(t), tell(tl.steps)
	h.attrs = true
	p, err := newPlayer(b)
	check(t, err)
	var list []*crash
	start := b.disk.Ops()
	for _, op := range at {
		c := &crash{tale: &tl, h: h, at: op, rng: rand.New(rand.NewPCG(uint64(op), tl.seed<<8|uint64(tl.n)))}
		b.disk.SnapshotAfter(start+op, c.rng.IntN(3), func(d *cloudtest.Disk) {
			c.b, c.done = b.on(d), p.done
			c.what = fmt.Sprintf("%d clouds, operation %d, in step %d", tl.n, op, p.done+1)
			list = append(list, c)
		})
	}
	if err := p.play(tl.steps); err != nil {
		t.Fatalf("%v: %v\n%s", tl, err, script(tl.steps))
	}
	if end := b.disk.Ops() - start; len(at) > len(list) { // at the end of everything
		c := &crash{tale: &tl, h: h, at: end, rng: rand.New(rand.NewPCG(uint64(end), tl.seed<<8|uint64(tl.n)))}
		c.b, c.done, c.what = b.clone(), p.done, fmt.Sprintf("%d clouds, after the last operation", tl.n)
		list = append(list, c)
	}
	b.index.drop()
	return list
}

// fork is the same crash again, for another ending.
func (c *crash) fork() *crash {
	f := *c
	f.b = c.b.clone()
	f.rng = rand.New(rand.NewPCG(uint64(c.at), c.rng.Uint64()))
	return &f
}

// ending is what becomes of a crash, and whether that is right.
type ending func(c *crash) error

// kill ends the process alone.
func kill(c *crash) error {
	c.what += ", killed"
	c.b.disk.Kill()
	if err := c.crashAgain(true); err != nil {
		return c.explain(err)
	}
	return c.explain(c.b.verify(wholly, c.afterKill))
}

// powerCut takes what was not synced, of each volume by itself.
func powerCut(c *crash) error {
	seed := c.rng.Uint64()
	c.what += fmt.Sprintf(", power cut %d", seed)
	c.cut(seed)
	if err := c.crashAgain(false); err != nil {
		return c.explain(err)
	}
	return c.explain(c.b.verify(c.cutDemand(), c.afterCut))
}

// powerCutOfOne takes what was not synced from one cloud or from the log, as
// where one of several disks has no battery behind its cache.
func powerCutOfOne(c *crash) error {
	seed, k := c.rng.Uint64(), c.rng.IntN(c.b.n+1)
	volume := c.b.logs
	if k < c.b.n {
		volume = cloudName(k)
	}
	c.what += fmt.Sprintf(", power cut %d of %s", seed, volume)
	c.cut(seed, volume)
	return c.explain(c.b.verify(c.cutDemand(), c.afterCut))
}

func (c *crash) cut(seed uint64, volumes ...string) {
	c.b.disk.PowerCut(rand.New(rand.NewPCG(seed, 0)), volumes...)
	c.b.state.powerCut()
}

func (c *crash) afterKill(got map[string]seen) error { return c.h.afterKill(got, c.done) }
func (c *crash) afterCut(got map[string]seen) error  { return c.h.afterCut(got, c.done) }

// cutDemand is byItself, with an index that has what may be there.
func (c *crash) cutDemand() demand {
	d := byItself
	d.rows = func(rows map[string]indexed, seen map[string]seen) error { return c.h.rowsAfterCut(rows, seen, c.done) }
	return d
}

func (c *crash) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.what, err)
}

// crashAgain crashes recoveries, too, one after the other.
func (c *crash) crashAgain(kill bool) error {
	for range c.rng.IntN(3) {
		at, b, err := c.recovery()
		if b == nil || err != nil {
			return err
		}
		c.b = b
		if kill || c.rng.IntN(2) == 0 {
			c.what += fmt.Sprintf(", recovery killed after %d operations", at)
			c.b.disk.Kill()
			continue
		}
		seed := c.rng.Uint64()
		c.what += fmt.Sprintf(", power cut (%d) in the recovery after %d operations", seed, at)
		c.cut(seed)
	}
	return nil
}

// recovery mounts and unmounts, and gives what a crash after some operation of
// that leaves. Most recoveries have less than 60.
func (c *crash) recovery() (at int, left *box, err error) {
	trial := c.b.clone()
	type moment struct {
		at int
		b  *box
	}
	var taken []moment
	for _, most := range []int{12, 12, 30, 30, 60, 60} {
		at := c.rng.IntN(most)
		trial.disk.SnapshotAfter(trial.disk.Ops()+at, c.rng.IntN(3), func(d *cloudtest.Disk) {
			taken = append(taken, moment{at, trial.on(d)})
		})
	}
	m, err := trial.open()
	if err != nil {
		return 0, nil, fmt.Errorf("mount: %w", err)
	}
	if err := m.Close(); err != nil {
		return 0, nil, fmt.Errorf("unmount: %w", err)
	}
	if len(taken) == 0 {
		return 0, nil, nil
	}
	chosen := taken[c.rng.IntN(len(taken))]
	return chosen.at, chosen.b, nil
}

// demand is what is asked of the clouds beside what a program sees.
type demand struct {
	same  bool                                  // every cloud shows the same
	names bool                                  // every cloud has the same names
	owes  map[int]bool                          // but for these, which may owe something
	late  bool                                  // clouds that owe something are waited for
	but   func(map[string]seen) map[string]seen // what else programs may see is taken out, or nil
	tidy  bool                                  // nothing else is left over, such as sidecars that no entry needs

	indexed bool                                                      // the index has just what every cloud has
	rows    func(rows map[string]indexed, seen map[string]seen) error // what is asked of the index beside that, or nil
}

var (
	everywhere = demand{same: true}

	// wholly is everywhere, where nobody else changes the clouds.
	wholly = demand{same: true, indexed: true}

	// byItself: a power cut may take from the log what one cloud has of a file's
	// attributes and another has not, but no name.
	byItself = demand{names: true}
)

// verify mounts after a crash, holds what is there against the story and the
// format, and then again from each cloud alone.
func (b *box) verify(d demand, holds func(map[string]seen) error) error {
	var later map[string]seen
	if d.late {
		c := b.clone()
		var err error
		if later, err = c.wait(); err == nil {
			err = holds(later)
		}
		if err != nil {
			return c.explain("with all clouds: %w", err)
		}
	}
	m, err := b.open()
	if err != nil {
		return b.explain("mount: %w", err)
	}
	w := d.seen(look(m), later)
	if err := holds(w); err != nil {
		return b.explain("%w", err)
	}
	owing := b.state.Owes()
	for k := range b.n {
		if why, owes := owing[b.ids[k]]; owes && d.same && !d.owes[k] {
			return b.explain("cloud %d is behind: %v", k, why)
		}
	}
	if err := m.Close(); err != nil {
		return b.explain("unmount: %w", err)
	}
	if d.same {
		if err := b.inOrder(w, d); err != nil {
			return b.explain("%w", err)
		}
	}
	if d.names {
		if err := b.sameNames(owing); err != nil {
			return b.explain("%w", err)
		}
	}
	if d.rows != nil {
		if err := d.rows(b.index.should(), w); err != nil {
			return b.explain("index: %w", err)
		}
	}
	for k := range b.n {
		_, owes := owing[b.ids[k]]
		if owes || d.owes[k] || d.same && k != b.disk.Ops()%b.n { // the audit has seen that they are the same: one mount is enough
			continue
		}
		if err := b.verifyAlone(k, w, d.same, holds); err != nil {
			return b.explain("cloud %d alone: %w", k, err)
		}
	}
	return nil
}

// seen is what programs see, of which is demanded what is; later is what they see once all clouds are back.
func (d *demand) seen(now, later map[string]seen) map[string]seen {
	if d.late {
		now = until(now, later)
	}
	if d.but != nil {
		now = d.but(now)
	}
	return now
}

// wait gives what is there once all clouds are back.
func (b *box) wait() (map[string]seen, error) {
	m, err := b.open()
	if err != nil {
		return nil, err
	}
	for range 5 {
		b.clock.pass(time.Minute)
		if err := m.Tend(); err != nil {
			return nil, err
		}
	}
	w := look(m)
	return w, m.Close()
}

// until gives what is there, and of what cannot be read what comes of it: as long as a cloud is away that can have
// it, nobody knows whether it was removed.
func until(w, later map[string]seen) map[string]seen {
	w = maps.Clone(w)
	for path, is := range w {
		if then, stays := later[path]; is.err != nil && stays {
			w[path] = then
		} else if is.err != nil {
			delete(w, path)
		}
	}
	return w
}

// explain adds what the mirror said, and what happened on the disk.
func (b *box) explain(format string, args ...any) error {
	return fmt.Errorf("%w\n%s%s", fmt.Errorf(format, args...), b.said, b.disk.Trace())
}

func (b *box) verifyAlone(k int, all map[string]seen, same bool, holds func(map[string]seen) error) error {
	alone := b.clone()
	m, err := alone.open(without(b.n, k)...)
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	got := look(m)
	if err := alone.excuse(k, got, all); err != nil {
		return err
	}
	if err := holds(got); err != nil {
		return err
	}
	for path := range all {
		if same && (got[path].data != all[path].data || got[path].mode != all[path].mode || got[path].owner != all[path].owner) {
			return fmt.Errorf("%q is %v, and with all clouds %v", path, got[path], all[path])
		}
	}
	return m.Close()
}

// excuse puts what all clouds show in the place of what cloud k is known to owe: a file that it lacks is listed, and cannot be
// read; of one that it has at a lesser version that one is shown. By the format it has no copy that is what is wanted, then.
// Whatever else it serves is its own matter.
func (b *box) excuse(k int, got, all map[string]seen) error {
	tree, err := b.audit(k)
	if err != nil {
		return err
	}
	for path := range b.index.owed[k] {
		want, wanted := all[path]
		is, there := got[path]
		n, has := tree.Nodes[spell(path)]
		served := there && is.err == nil
		switch {
		case served && !(has && b.index.rows[path].outdoes(n)):
		case !served && has && wanted && want.err == nil && want.agrees(n) == nil && b.index.rows[path].is(n):
			return fmt.Errorf("%q is there, and not served: %w", path, is.err)
		case wanted:
			got[path] = want
		default:
			delete(got, path)
		}
	}
	return nil
}

// is reports whether a cloud has what is known to be at the name: another file can look just like it.
func (row indexed) is(n audit.Node) bool {
	return row.dir == n.Dir && (row.dir || n.Header != nil && n.Header.FileID == row.file)
}

// outdoes reports whether a cloud has a lesser version of the file.
func (row indexed) outdoes(n audit.Node) bool {
	return !row.dir && !n.Dir && n.Header != nil && n.Header.FileID == row.file && cipher.Compare(n.Header.Version, row.version) == cipher.Less
}
