package content

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rival"
)

// refused reports whether each cloud has something else in the place of the file,
// so that none was changed.
func (c *Commit) refused(tried []*clouds.Cloud) bool {
	for _, cl := range tried {
		if cl.Fault(c.results[cl.Index]) != clouds.Strayed {
			return false
		}
	}
	return len(tried) > 0
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
	if !named || f.orphan {
		return false, nil
	}
	f.Copies.Changing = f.replacing() // nothing was
	defer func() { f.Copies.Changing = f.replacing() || !f.Layers.Applying.Empty() }()
	if err := (sealer{f}).sealAndLog(false); err != nil {
		return false, err
	}
	list := make([]*replica.Cloud, len(tried))
	for i, cl := range tried {
		list[i] = cl.Cloud
	}
	contest := rival.Look(list, f.o.Path, &f.Sealed.Head)
	wins := contest.Wins(&f.Sealed.Head)
	if seen, any := contest.Seen(&f.Sealed.Head); wins && any {
		f.Sealed.Head.Version, f.Attrs = f.Sealed.Head.Version.Max(seen), true
		if err := (sealer{f}).sealAndLog(false); err != nil {
			return false, err
		}
	}
	f.Charge(-f.Layers.Applying.Merge(&f.Layers.Sealed, layer.Uncut))
	c.to = f.Sealed
	f.Env.Logger.Warn("a file was changed behind the mount while it was open; both versions are kept", "file", f.o.Ino(), "ours keeps the name", wins)
	errs := contest.Settle(&rival.Ours{
		Head: c.to.Head, Plain: plain, Records: f.Records, Xattrs: f.giveXattrs, Owners: f.Env.Owners, Clock: f.Env.Clock,
	}, wins)
	for i, cl := range tried {
		c.results[cl.Index] = errs[i]
	}
	if wins {
		c.settled(tried)
	}
	return !wins, nil
}

// giveXattrs gives a copy the extended attributes that the file has in its cloud.
// Those of one that is being replaced are at its place.
func (f *File) giveXattrs(k int, to *replica.Copy) error {
	c := f.Copies.List[k]
	if path, ok := f.o.Path(k); f.replacing() && ok {
		return to.TakeXattrs(path)
	}
	if c == nil || c.File == nil {
		return nil
	}
	return to.TakeXattrsOf(c.File)
}

// settled goes on in the copies that are in place by now, if there is one.
func (c *Commit) settled(tried []*clouds.Cloud) {
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
		if cl := f.Env.Clouds.All()[k]; slices.Contains(tried, cl) && c.results[k] == nil && !f.join(cl) {
			c.results[k] = replica.ErrStale
		}
	}
	c.stored()
}

// forsake gives up a file whose version was kept under another name, since its
// own has another one's content. Whoever has it open is told so when it is used.
func (f *File) forsake() {
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	refiller{f}.discard()
	f.Charge(-f.Layers.Memory())
	f.Layers, f.Unsynced, f.beside = layer.NewStack(), nil, nil
	for _, c := range f.Copies.List {
		if c != nil {
			c.Err = ErrStale
		}
	}
	f.Copies.Changing, f.promised, f.Since = false, false, time.Time{}
	f.orphan, f.forsaken, f.ref = true, true, 0
	f.s.commits.Untrack(f)
	f.o.SetStale()
}
