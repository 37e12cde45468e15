package compare

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Looker judges single names, by what is seen there and at the names where
// the files in question are known to be. It lists no directory, unless it is asked
// what sync tools have made of a name: else their copies are not seen.
type Looker struct {
	observer

	mu   sync.Mutex
	read *Removals
	from []batches // by cloud: what they were read from
}

// batches is what tells the directory of a cloud's batches from another state of it.
type batches struct {
	ino   uint64
	ctime time.Time
}

// A Where is one name, and where its directory is in each cloud.
type Where struct {
	Path  string   // plain, of the name
	Dirs  []string // by cloud: of the directory
	Asked []bool   // by cloud: the others do not answer
}

// NewLooker returns a looker.
func NewLooker(config Config) *Looker {
	if config.Memory == nil {
		config.Memory = Nothing{}
	}
	return &Looker{observer: observer{Config: config}}
}

// Judge looks at a name in every cloud, and judges. The copies that it has
// opened are closed.
func (l *Looker) Judge(at Where) (*Case, error) { return l.look(at, false) }

// JudgeListed is Judge with what sync tools have made of the name. Its case can be healed.
func (l *Looker) JudgeListed(at Where) (*Case, error) {
	k, err := l.look(at, true)
	if err == nil {
		k.Second, k.Spare = make([]bool, len(l.Clouds)), make([]bool, len(l.Clouds))
	}
	return k, err
}

func (l *Looker) look(at Where, listed bool) (*Case, error) {
	look := &looking{observer: l.observer, listed: listed}
	look.Clouds = slices.Clone(l.Clouds)
	for k, asked := range at.Asked {
		if !asked {
			silent := *l.Clouds[k]
			silent.Dir = nil
			look.Clouds[k] = &silent
		}
	}
	look.gone = l.removals(look)
	return look.judge(at)
}

// removals reads the batches of removals, where they are not those that were
// read before.
func (l *Looker) removals(look *looking) *Removals {
	from := make([]batches, len(l.Clouds))
	for k, cl := range look.Clouds {
		if cl.Dir == nil {
			continue
		}
		if info, err := cl.Dir.Stat(cipher.GoneName); err == nil {
			from[k] = batches{info.Ino, info.Ctime}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range from {
		if l.read == nil || from[k] != l.from[k] {
			l.read, l.from = look.readRemovals(), from
			break
		}
	}
	return l.read
}

// looking is one look.
type looking struct {
	observer
	listed bool // directories are
}

func (l *looking) judge(at Where) (*Case, error) {
	dir, name := cloud.SplitPath(at.Path)
	f := &folder{plain: dir, in: make([]side, len(l.Clouds))}
	for k := range l.Clouds {
		f.in[k] = side{path: at.Dirs[k], silent: !at.Asked[k]}
		l.enter(f, k)
	}
	var err error
	for above := dir; above != "" && !f.dead; above, _ = cloud.SplitPath(above) {
		if f.dead, err = l.deadAt(above); err != nil {
			return nil, err
		}
	}
	k := &Case{Path: at.Path, Name: cipher.PlainName(name)}
	if k.Known, err = l.Memory.At(k.Path); err != nil {
		return nil, err
	}
	if k.Sights, err = l.sights(f, k.Name, k.Known); err != nil {
		return nil, err
	}
	claims := make([]judge.Claim, len(k.Sights))
	for i, s := range k.Sights {
		claims[i] = s.Claim
		k.Dirs, k.Has = append(k.Dirs, f.in[i].path), append(k.Has, f.in[i].there)
	}
	place, err := l.place(k, f)
	if err != nil {
		return nil, err
	}
	seen, ids, err := l.evidence(k, l.elsewhere(k.Path))
	if err != nil {
		return nil, err
	}
	k.Verdict = judge.Judge(k.Known, claims, ids, seen, place)
	if place.Full && !k.someDir() {
		// Where every cloud has a file, none has anything in a directory of that name.
		place.Full = false
		if v := judge.Judge(k.Known, claims, ids, seen, place); v.Want.Is == judge.WantFile && len(v.Served) == len(claims) {
			k.Verdict = v
		}
	}
	for _, r := range k.Verdict.Records {
		if is := Left(r); !endsAside(r, ids[r.File]) && !l.gone.Tells(&is) {
			k.Unrecorded = append(k.Unrecorded, is)
		}
	}
	return k, nil
}

// someDir reports whether a cloud has a directory of the name, which may be under its other spelling.
func (k *Case) someDir() bool {
	return slices.ContainsFunc(k.Sights, func(s *Sight) bool { return s.Shows == judge.ShowsDir || s.Second != nil })
}

// endsAside reports whether a record is of a file that has not ended, and will when
// it is kept under another name: a single look does not keep it.
func endsAside(r judge.Record, f judge.Facts) bool {
	return r.Kind == judge.RecordEnded && !slices.ContainsFunc(f.Ended, func(v cipher.Vector) bool { return atMost(r.Vector, v) })
}

// enter finds out whether the directory is there, and since when it is as it is.
func (l *looking) enter(f *folder, k int) {
	s := &f.in[k]
	if s.silent {
		return
	}
	info, err := l.Clouds[k].Dir.Stat(s.path)
	s.there, s.ctime = err == nil && info.Dir, info.Ctime
	if err != nil && !replica.Missing(err) {
		s.silent, s.why = true, err
	}
}

// place is what is true around a name.
func (l *looking) place(k *Case, f *folder) (judge.Place, error) {
	writers, err := l.Memory.Writers()
	if err != nil {
		return judge.Place{}, err
	}
	place := judge.Place{Name: judge.Name(k.Path), Writers: len(writers), InDead: f.dead, Derive: cipher.ConflictID}
	if place.Dead, err = l.deadAt(k.Path); err != nil || k.Known.Has != judge.Dir {
		return place, err
	}
	within, err := l.Memory.Within(k.Path)
	place.Full = len(within) > 0
	return place, err
}

// sights looks at a name in every cloud.
func (l *looking) sights(f *folder, name cipher.PlainName, known judge.Known) ([]*Sight, error) {
	r := row{name: name}
	for k := range l.Clouds {
		if f.in[k].there && !f.in[k].silent {
			r.entries = append(r.entries, l.entries(f, name, k)...)
			if l.listed {
				r.entries = append(r.entries, l.copies(f, name, k)...)
			}
		}
	}
	var sights []*Sight
	for k := range l.Clouds {
		s, cp, err := l.look(f, r, k, known)
		if err != nil {
			return nil, err
		}
		if cp != nil {
			cp.Close()
		}
		sights = append(sights, s)
	}
	return sights, nil
}

// elsewhere looks where a file is known to be, besides at a path, whatever is there.
func (l *looking) elsewhere(path string) func(judge.Identity, judge.Facts) ([]judge.Sighting, error) {
	return func(_ judge.Identity, facts judge.Facts) (seen []judge.Sighting, err error) {
		for _, at := range facts.Live {
			if string(at) == path {
				continue
			}
			dir, name := cloud.SplitPath(string(at))
			f, err := l.standing(dir)
			if err != nil {
				return nil, err
			}
			sights, err := l.sights(f, cipher.PlainName(name), judge.Known{})
			if err != nil {
				return nil, err
			}
			for k, s := range sights {
				if s.Shows == judge.ShowsFile && !s.Dirty {
					seen = append(seen, judge.Sighting{Version: s.Version, Cloud: k, Name: at, Dead: f.dead})
				}
			}
		}
		return seen, nil
	}
}

// copies are what sync tools have made of a name in a cloud. Where the sidecar of a long name went, its entry tells enough.
func (c *observer) copies(f *folder, name cipher.PlainName, k int) (found []entry) {
	cl := c.Clouds[k]
	n, err := cl.Keys.EncodeName(name)
	list, failed := cl.Dir.ReadDir(f.in[k].path)
	if err != nil || failed != nil {
		return nil
	}
	own := string(n.Entry)
	for _, e := range list {
		if !strings.HasPrefix(strings.ToLower(e.Name), own[:len(own)-1]) {
			continue
		}
		d, err := cl.DecodeEntry(f.in[k].path, e.Name)
		if errors.Is(err, cipher.ErrSidecar) && cipher.EntryName(e.Name).IsCopyOfLong() && strings.HasPrefix(strings.ToLower(e.Name), own) {
			d, err = cipher.Decoded{Name: name, Copy: true, Special: strings.HasPrefix(e.Name[len(own):], "w")}, nil
		}
		if err == nil && d.Name == name && (d.Copy || e.Dir && d.Special) {
			found = append(found, entry{spelt: e.Name, cloud: int16(k), dir: e.Dir, regular: e.Regular, special: d.Special, copied: true})
		}
	}
	return found
}
