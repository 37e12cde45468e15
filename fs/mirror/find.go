package mirror

import (
	"io/fs"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// found is one name as the clouds that are believed show it.
type found struct {
	*belief.Answer
	infos []cloud.Info // by cloud
	has   []bool       // by cloud: it has what is served
	best  int          // the cloud whose entry is served, -1 where none can be
}

// backing is the inode of the entry in each cloud.
func (f *found) backing() []uint64 {
	inos := make([]uint64, len(f.infos))
	for k, ok := range f.has {
		if ok {
			inos[k] = f.infos[k].Ino
		}
	}
	return inos
}

// info is what the entry shows that is served. Of one that is lost that is what
// is known of it.
func (f *found) info() cloud.Info {
	if f.best >= 0 {
		return f.infos[f.best]
	}
	v := f.Row.Known.Version
	return cloud.Info{Regular: true, Nlink: 1, Mtime: time.Unix(v.Sec, int64(v.Nsec))}
}

// untouched reports whether a cloud shows something at the name that is not
// served, and that must stay.
func (f *found) untouched(k int) bool { return f != nil && f.Untouched != nil && f.Untouched[k] }

// removable reports whether a cloud shows something at the name that is not
// served, and that is worth nothing.
func (f *found) removable(k int) bool { return f != nil && f.Removable != nil && f.Removable[k] }

// find looks one name up in every cloud that is up. Where nothing speaks against
// what they show it opens nothing. With fs.ErrNotExist it still tells what the
// clouds show there. The caller holds Mirror.names.
func (m *Mirror) find(dir *Node, name string, enc []cipher.Name) (*found, error) {
	q, err := m.question(dir, name, enc)
	if err != nil {
		return nil, err
	}
	if f := m.findOpen(dir, name, q); f != nil {
		return f, nil
	}
	a, err := m.belief.Ask(q)
	if err != nil {
		return nil, err
	}
	f := foundAs(a)
	if a.Is == judge.WantNothing || a.Is == judge.WantDir && f.best < 0 {
		return f, fs.ErrNotExist
	}
	return f, nil
}

func foundAs(a *belief.Answer) *found {
	f := &found{Answer: a, infos: make([]cloud.Info, len(a.Shown)), has: a.Serves, best: slices.Index(a.Serves, true)}
	for k, s := range a.Shown {
		f.infos[k] = s.Info
	}
	return f
}

// question looks at what every cloud that is up shows at a name.
func (m *Mirror) question(dir *Node, name string, enc []cipher.Name) (*belief.Question, error) {
	n := m.clouds.N()
	q := &belief.Question{Dirs: make([]string, n), Shown: make([]belief.Shown, n)}
	q.Path = func() (string, bool) {
		plain, ok := dir.plainPath()
		return replica.Join(plain, name), ok
	}
	if d := m.numberOf(dir); d != 0 {
		q.Place = index.Place{Dir: d, Name: cipher.PlainName(name)}
	}
	err := m.clouds.Reach("lookup", func(cl *clouds.Cloud) error {
		k := cl.Index
		path, ok := dir.path(k)
		if !ok {
			return nil
		}
		q.Dirs[k] = path
		shown, err := shownBy(cl, path, enc[k])
		q.Shown[k] = shown
		return err
	})
	return q, err
}

// shownBy looks at what a cloud shows at a name.
func shownBy(cl *clouds.Cloud, dir string, enc cipher.Name) (belief.Shown, error) {
	for _, special := range []bool{false, true} {
		info, err := cl.Dir.Stat(replica.Join(dir, replica.Entry(enc, special)))
		switch {
		case err == nil && (info.Regular || info.Dir && !special):
			return belief.Shown{Asked: true, There: true, Special: special, Info: info}, nil
		case err != nil && !replica.Missing(err):
			return belief.Shown{}, err
		}
	}
	return belief.Shown{Asked: true}, nil
}

// findOpen is what is found of a file that is open here, as long as some cloud
// shows the backing file that is open at its name. What others put there is looked
// at when the file is closed, or committed.
func (m *Mirror) findOpen(dir *Node, name string, q *belief.Question) *found {
	m.tree.Lock()
	n := dir.children[name]
	var backing []uint64
	if n != nil {
		backing = n.backing
	}
	m.tree.Unlock()
	if n == nil || n.IsDir() || n.content.Open() == nil || n.content.Stale() {
		return nil
	}
	f := &found{Answer: &belief.Answer{Is: judge.WantFile, Special: n.special(), Shown: q.Shown}, infos: make([]cloud.Info, len(q.Shown)), has: make([]bool, len(q.Shown)), best: -1}
	for k, s := range q.Shown {
		if f.has[k] = s.There && backing[k] != 0 && s.Info.Ino == backing[k]; f.has[k] {
			f.infos[k] = s.Info
			if f.best < 0 {
				f.best = k
			}
		}
	}
	f.Serves = f.has
	if f.best < 0 {
		return nil
	}
	return f
}
