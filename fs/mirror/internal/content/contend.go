package content

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rival"
)

// refused reports whether each cloud has something else in the place of the file,
// so that none was changed.
func (c *Commit) refused(tried []*clouds.Cloud) bool {
	return len(tried) > 0 && !slices.ContainsFunc(tried, func(cl *clouds.Cloud) bool { return cl.Fault(c.results[cl.Index]) != clouds.Strayed })
}

// contend keeps the version that every cloud refused, and what they have in its
// place, as package rival says. The results are then what became of that in each.
// Where it is beaten, the name is not the file's any more.
func (c *Commit) contend(tried []*clouds.Cloud) (beaten bool, err error) {
	f := c.f
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	plain, named := f.o.Plain()
	if !named || f.Nameless {
		return false, nil
	}
	f.Copies.Changing = f.replacing() // nothing was
	defer func() { f.Copies.Changing = f.replacing() || !f.Layers.Applying.Empty() }()
	if err := (sealer{f}).sealAndLog(false); err != nil {
		return false, err
	}
	records := func(do func(*replica.Run) error) error { return draft.Records(&f.Draft, do) }
	ours := &rival.Ours{Head: f.Sealed.Head, Plain: plain, Records: records, Xattrs: c.giveXattrs, Owners: f.Env.Owners, Clock: f.Env.Clock, Kept: f.Env.Notices.Conflict}
	contest := rival.Look(clouds.Replicas(tried), f.o.Path, &ours.Head)
	wins := contest.Wins(&ours.Head)
	f.Env.Logger.Warn("a file was changed behind the mount while it was open; both versions are kept", "file", f.o.Ino(), "ours keeps the name", wins)
	errs := contest.Aside(ours, wins)
	if wins && !slices.Contains(errs, nil) { // theirs may be damaged
		wins, errs = false, contest.Aside(ours, false)
	}
	if seen := contest.Seen(&ours.Head); wins && len(seen) > 0 {
		f.Sealed.Head.Version, f.Attrs = f.Sealed.Head.Version.Max(seen), true
		if err := (sealer{f}).sealAndLog(false); err != nil {
			return false, err
		}
	}
	f.Charge(-f.Layers.Applying.Merge(&f.Layers.Sealed, layer.Uncut))
	if c.to, ours.Head = f.Sealed, f.Sealed.Head; wins {
		contest.Place(ours, errs)
	}
	for i, cl := range tried {
		c.results[cl.Index] = errs[i]
	}
	if wins {
		c.goOn(tried)
	}
	f.forsaken = !wins && slices.Contains(errs, nil) // nothing is taken that would not be kept
	return !wins, nil
}

// giveXattrs gives a copy the extended attributes that the file has in its cloud.
// Those of one that is being replaced are at its place.
func (c *Commit) giveXattrs(k int, to *replica.Copy) error {
	f := c.f
	path, ok := f.o.Path(k)
	switch cp := f.Copies.List[k]; {
	case f.replacing() && ok:
		return to.TakeXattrs(path)
	case cp != nil && cp.File != nil:
		return to.TakeXattrsOf(cp.File)
	}
	return nil
}

// goOn goes on in the copies that are in place by now, if there is one.
func (c *Commit) goOn(tried []*clouds.Cloud) {
	f := c.f
	if !slices.ContainsFunc(tried, func(cl *clouds.Cloud) bool { return c.results[cl.Index] == nil }) {
		return
	}
	refiller{f}.discard()
	f.Copies.Stored, f.Unsynced, c.replaces = c.to, nil, true
	for k, old := range f.Copies.List {
		if old != nil && old.Err == nil {
			old.Err = replica.ErrOlder
		}
		if cl := f.Env.Clouds.All()[k]; slices.Contains(tried, cl) && c.results[k] == nil && !join(f, cl) {
			c.results[k] = replica.ErrStale
		}
	}
	c.stored()
}

// forsake gives up a file whose version was kept under another name, since its
// own has another one's content. Whoever has it open is told so when it is used.
func (c *Commit) forsake() {
	f := c.f
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	refiller{f}.discard()
	f.Charge(-f.Layers.Memory())
	f.Layers, f.Unsynced, f.beside = layer.NewStack(), nil, nil
	for _, cp := range f.Copies.List {
		if cp != nil {
			cp.Err = ErrStale
		}
	}
	f.Copies.Changing, f.promised, f.Since = false, false, time.Time{}
	f.Nameless, f.forsaken, f.ref = true, true, 0
	f.s.commits.Untrack(f)
	f.o.SetStale()
}
