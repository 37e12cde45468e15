package compare

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// firstDir looks at a directory: where a cloud lacks it, or has something else there, it is to be judged.
func (c *Comparison) firstDir(f *folder, r row) error {
	path := f.child(r.name)
	known, err := c.Memory.At(path)
	if err != nil {
		return err
	}
	dead, err := c.deadAt(path)
	if err != nil {
		return err
	}
	even := !f.dead && !dead && (known.Has == judge.Unknown || known.Has == judge.Dir)
	for k := range c.Clouds {
		if f.in[k].silent {
			continue
		}
		entries := r.of(k)
		even = even && len(entries) == 1 && entries[0].dir && !entries[0].copied && !entries[0].unsided
		c.survey.count(k, len(entries) > 0)
	}
	c.survey.named()
	if even {
		return nil
	}
	sights := make([]*Sight, len(c.Clouds))
	for k := range c.Clouds {
		s, cp, err := c.look(f, r, k, known)
		if err != nil {
			return err
		}
		if cp != nil {
			cp.Close()
		}
		sights[k] = s
		c.note(path, s)
	}
	c.survey.judge(path, lacking(known, sights))
	return nil
}

// note tells the survey of the versions that a cloud shows.
func (c *Comparison) note(path string, s *Sight) {
	for _, v := range s.versions() {
		c.survey.see(path, v)
	}
}

// lacking are the ids that are to be looked for elsewhere: of what is known here, and shown here by no cloud. Those that are
// shown at two names are looked for anyhow.
func lacking(known judge.Known, sights []*Sight) []judge.Identity {
	for _, s := range sights {
		for _, v := range s.versions() {
			if v.Identity == known.Version.Identity {
				return nil
			}
		}
	}
	return involved(known)
}

// involved are the ids that what is known is about.
func involved(known judge.Known) []judge.Identity {
	if known.Has == judge.File || known.Has == judge.Vanished || known.Has == judge.Gone && !known.Version.ID.IsZero() {
		return []judge.Identity{known.Version.Identity, derived(known.Version)}
	}
	return nil
}

// firstFile looks at what is no directory in any cloud, and reads its content.
func (c *Comparison) firstFile(f *folder, r row) error {
	path := f.child(r.name)
	known, err := c.Memory.At(path)
	if err != nil {
		return err
	}
	sights := make([]*Sight, len(c.Clouds))
	copies := make([]*replica.Copy, len(c.Clouds))
	defer func() {
		for _, cp := range copies {
			if cp != nil {
				cp.Close()
			}
		}
	}()
	for k := range c.Clouds {
		if sights[k], copies[k], err = c.look(f, r, k, known); err != nil {
			return err
		}
		c.note(path, sights[k])
		if !f.in[k].silent {
			c.survey.count(k, sights[k].Shows != judge.ShowsNothing)
			c.measure(k, path, sights[k])
		}
	}
	c.survey.named()
	if f.dead || !c.even(sights, known) {
		c.survey.judge(path, lacking(known, sights))
	}
	if c.Content && c.covers(path) {
		return c.readAll(path, copies)
	}
	return nil
}

// even reports whether all clouds show one version that may be what should be there.
func (c *observer) even(sights []*Sight, known judge.Known) bool {
	var first *Sight
	for _, s := range sights {
		if s.Shows == judge.ShowsNoAnswer && s.Path == "" {
			continue
		}
		if s.Shows != judge.ShowsFile || s.Dirty || len(s.Others) > 0 || s.Unsided {
			return false
		}
		if first == nil {
			first = s
		}
		if !same(s.Version, first.Version) {
			return false
		}
	}
	if first == nil || c.gone.About(first.Version.ID) {
		return false
	}
	return known.Has == judge.Unknown || known.Has == judge.File && same(known.Version, first.Version)
}

func same(a, b judge.Version) bool {
	return a.Identity == b.Identity && a.Commit == b.Commit && cipher.Compare(a.Vector, b.Vector) == cipher.Equal
}

// readAll reads the content of every copy, those of one commit side by side.
func (c *Comparison) readAll(path string, copies []*replica.Copy) error {
	done := make([]bool, len(copies))
	for i, cp := range copies {
		if cp == nil || done[i] || cp.Head.Flags&cipher.Dirty != 0 {
			continue
		}
		var group []*replica.Copy
		for j := i; j < len(copies); j++ {
			if o := copies[j]; o != nil && o.Head.Flags&cipher.Dirty == 0 && alike(o.Head, cp.Head) {
				group, done[j] = append(group, o), true
			}
		}
		content, err := c.Check(group)
		if err != nil {
			return err
		}
		if c.Read != nil {
			for _, n := range content.Bytes {
				c.Read(n)
			}
		}
		if !content.Sound() {
			c.survey.spoil(path)
		}
	}
	return nil
}

// alike reports whether two headers are of one commit.
func alike(a, b *cipher.Header) bool {
	return a.CommitID == b.CommitID && a.Type == b.Type && a.Length == b.Length
}

// measure counts a file and its size, and notes what a conflict has left.
func (c *Comparison) measure(k int, path string, s *Sight) {
	if s.Path == "" || s.Shows == judge.ShowsDir {
		return
	}
	_, name := cloud.SplitPath(path)
	aside := s.Shows == judge.ShowsFile && cipher.IsConflictName(cipher.PlainName(name)) && c.covers(path)
	c.mu.Lock()
	defer c.mu.Unlock()
	at := &c.stats[k]
	at.Files++
	at.Bytes += s.Info.Size
	if aside && len(at.Asides) < maxAsides {
		at.Asides = append(at.Asides, path)
	}
}
