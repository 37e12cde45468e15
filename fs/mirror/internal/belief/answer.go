package belief

import (
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Shown is what one cloud shows at a name, by stat alone.
type Shown struct {
	Asked   bool // it has answered
	There   bool // a file or a directory
	Special bool // under the spelling with the letter w
	Info    cloud.Info
}

// A Question is one name, and what the clouds show there.
type Question struct {
	Place index.Place // its Dir is 0 where nothing can be known
	Path  func() (plain string, ok bool)
	Dirs  []string // by cloud: where its directory is
	Shown []Shown  // by cloud
}

// Look looks at what every cloud that is up shows at a name of a directory, which
// is at a path in each. So does one that is coming back, where it has missed nothing.
func (b *Belief) Look(q *Question, dir func(k int) (path string, ok bool), name []cipher.Name) error {
	q.Dirs, q.Shown = make([]string, b.Clouds.N()), make([]Shown, b.Clouds.N())
	for _, cl := range clouds.Witnesses(b.Clouds) {
		k := cl.Index
		at, stands := dir(k)
		if path, ok := q.Path(); !ok || !stands || b.Debts.Misses(k, path) {
			continue
		}
		q.Dirs[k] = at
		shown, err := shownBy(cl, at, name[k])
		if err != nil {
			clouds.Doubt(b.Clouds, cl, err)
			continue
		}
		q.Shown[k] = shown
	}
	return b.Clouds.Reach("lookup", func(cl *clouds.Cloud) (err error) {
		if path, ok := dir(cl.Index); ok {
			q.Dirs[cl.Index] = path
			q.Shown[cl.Index], err = shownBy(cl, path, name[cl.Index])
		}
		return err
	})
}

// shownBy looks at what a cloud shows at a name.
func shownBy(cl *clouds.Cloud, dir string, name cipher.Name) (Shown, error) {
	for _, special := range []bool{false, true} {
		info, err := cl.Dir.Stat(replica.Join(dir, replica.Entry(name, special)))
		switch {
		case err == nil && (info.Regular || info.Dir && !special):
			return Shown{Asked: true, There: true, Special: special, Info: info}, nil
		case err != nil && !replica.Missing(err):
			return Shown{}, err
		}
	}
	return Shown{Asked: true}, nil
}

// An Answer is what is at a name, and who has it.
type Answer struct {
	Is        judge.Is
	Row       index.Row      // what was known before
	Special   bool           // the entries are spelt with the letter w
	Shown     []Shown        // as of when it was judged
	Serves    []bool         // by cloud: it has what is wanted
	Untouched []bool         // by cloud: what it shows instead may be all that there is of something
	Removable []bool         // by cloud: what it shows instead is worth nothing
	Head      *cipher.Header // of what is served; nil where the backing files show all of it
	Lost      bool           // it should be there, and nobody can serve it
	Disputed  bool           // something else is there, too: no identity is taken over
	Renew     bool           // a change is made by a new writer
}

// Best is the cloud whose entry is served, -1 where none can be.
func (a *Answer) Best() int { return slices.Index(a.Serves, true) }

// InUse reports whether a cloud that is in use has what is served: what another one has alone is read, and changed nowhere.
func InUse(b *Belief, a *Answer) bool {
	if a == nil || a.Best() < 0 {
		return true // there is nothing that could be changed
	}
	for k, serves := range a.Serves {
		if serves && b.Clouds.All()[k].Up() {
			return true
		}
	}
	return false
}

// Inodes are those of the entry, by cloud; 0 where it does not have what is served.
func (a *Answer) Inodes() []uint64 {
	list := make([]uint64, len(a.Shown))
	for k, ok := range a.Serves {
		if ok {
			list[k] = a.Shown[k].Info.Ino
		}
	}
	return list
}

// Info is what the entry shows that is served. Of one that is lost that is what
// is known of it.
func (a *Answer) Info() cloud.Info {
	if k := a.Best(); k >= 0 {
		return a.Shown[k].Info
	}
	v := a.Row.Known.Version
	return cloud.Info{Regular: true, Nlink: 1, Mtime: time.Unix(v.Sec, int64(v.Nsec))}
}

// Another reports whether a cloud shows something else than what is served, so that nothing is to be moved or linked there. Of
// what nobody can serve, it is not known what it shows.
func (a *Answer) Another(k int) bool {
	return a.Best() >= 0 && a.Shown[k].There && !a.Serves[k]
}

// Stays reports whether a cloud shows something that is not served, and that must
// stay. Of no answer, nothing does.
func (a *Answer) Stays(k int) bool { return a != nil && a.Untouched != nil && a.Untouched[k] }

// Goes reports whether a cloud shows something that is not served, and that is
// worth nothing.
func (a *Answer) Goes(k int) bool { return a != nil && a.Removable != nil && a.Removable[k] }

// Links is how many names a file has. Where the clouds do not agree, it is the
// least that is not less than how many are known.
func (b *Belief) Links(a *Answer) uint64 {
	links := a.Info().Nlink
	even := true
	for k, ok := range a.Serves {
		even = even && (!ok || a.Shown[k].Info.Nlink == links)
	}
	if even || a.Row.Known.Kind != index.IsFile {
		return links
	}
	places, err := b.Memory.Places(a.Row.Known.File)
	if err != nil {
		return links
	}
	known, least := uint64(len(places)), uint64(0)
	for k, ok := range a.Serves {
		if n := a.Shown[k].Info.Nlink; ok && n >= known && (least == 0 || n < least) {
			least = n
		}
	}
	return max(known, least)
}

// Linked reports whether some cloud has the backing file, or what it shows instead, under several names. It may be the only one that
// has another of them.
func (a *Answer) Linked() bool {
	return slices.ContainsFunc(a.Shown, func(s Shown) bool { return s.There && s.Info.Regular && s.Info.Nlink > 1 })
}

// linkedIn counts the clouds that have what is served under several names.
func (a *Answer) linkedIn() (clouds int) {
	for k, ok := range a.Serves {
		if ok && a.Shown[k].Info.Nlink > 1 {
			clouds++
		}
	}
	return clouds
}

// Last reports whether a name is the only one of a file, as far as anybody knows: a tool that knows no hard links has made copies of
// them, and what cannot be read says nothing. One more link in one cloud alone may be planted; one that two have is another
// machine's, which the rest do not show yet.
func (b *Belief) Last(a *Answer, f index.File, at index.Place) bool {
	if b.Links(a) > 1 || a.linkedIn() > 1 {
		return false
	}
	places, err := b.Memory.Places(f)
	return err == nil && !slices.ContainsFunc(places, func(p index.Place) bool { return p != at })
}

// Outlived reports whether a version has ended, or is known to be in place, or to
// have been followed by a later one.
func (b *Belief) Outlived(h *cipher.Header) bool {
	return outlived(b, h, cipher.Less, cipher.Equal)
}

// Superseded reports whether a version has ended, or is known to have been followed by a later one.
func Superseded(b *Belief, h *cipher.Header) bool { return outlived(b, h, cipher.Less) }

// outlived reports whether a version has ended, or is to the greatest that is known of its file as one of these.
func outlived(b *Belief, h *cipher.Header, orders ...cipher.Order) bool {
	known, err := b.Memory.Of(index.File{ID: h.FileID, Type: h.Type})
	if err != nil || len(h.Version) == 0 {
		return false
	}
	return slices.Contains(orders, cipher.Compare(h.Version, known.Greatest.Vector)) ||
		slices.ContainsFunc(known.Ended, func(end cipher.Vector) bool { return atMost(h.Version, end) })
}
