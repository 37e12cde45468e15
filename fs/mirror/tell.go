package mirror

import (
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// What follows tells what was just done in the clouds. The callers hold Mirror.names for writing, but for that of commits.

func (s *site) tell(k index.Known) {
	if p, ok := s.link.Place(); ok {
		s.m.memory.Made(p, k)
	}
}

func (s *site) tellDir() {
	if p, ok := s.link.Place(); ok {
		s.m.memory.MadeDir(p, index.Owner{Mode: s.mode, UID: s.owner.UID, GID: s.owner.GID})
	}
}

// tellLink is tell of one more name of a file. The names that its node has are known from now on, too.
func (s *site) tellLink(n *nodes.Node, is index.Known) {
	for _, l := range n.Links() {
		if p, ok := l.Place(); ok {
			s.m.memory.Saw(p, is)
		}
	}
	s.tell(is)
}

// tell is of a file told since when the names that are left were touched.
func (r *removal) tell(id cipher.ID, version index.Version, since time.Time) {
	m, n := r.m, r.child
	p, ok := r.link.Place()
	switch f := telling.File(id, n.Kind()); {
	case !ok:
	case n.IsDir():
		m.memory.RemovedDir(p)
		m.tellCleared(r.link)
	default:
		m.memory.Removed(p, f, version)
		if r.last {
			m.memory.EndForAll(f, version)
		} else {
			m.belief.TouchedAll(f, since)
			r.left.note(m, f, version)
		}
	}
}

// tell comes before the nodes have their new places.
func (mv *move) tell() {
	m := mv.m
	from, ok := mv.from.Place()
	to, toOK := mv.to.Place()
	if !ok || !toOK {
		return
	}
	move := memory.Move{From: from, To: to, Was: mv.was}
	if move.Is = move.Was; mv.takeover != nil {
		move.Was, move.Is = telling.Known(mv.takeover.From()), telling.Known(mv.takeover.To())
	}
	mv.touched(from, to, move.Is)
	m.memory.Moved(move)
	for _, cl := range mv.emptied {
		m.payEmpty(cl, mv.from, mv.srcAt)
	}
	if mv.src.IsDir() {
		m.tellCleared(mv.from)
	}
	if mv.takeover != nil {
		m.memory.EndForAll(move.Was.File, move.Was.Version)
		return
	}
	mv.left.note(m, mv.was.File, mv.was.Version)
	if mv.dstLast {
		m.memory.EndForAll(mv.dstWas.File, mv.dstWas.Version)
	} else {
		mv.left.note(m, mv.dstWas.File, mv.dstWas.Version)
	}
}

// touched tells that what stood at a name stands, as a file of a known version, at another one.
func (mv *move) touched(from, to index.Place, is index.Known) {
	if row, err := mv.m.memory.Row(from); err == nil && is.Kind == index.IsFile {
		mv.m.belief.Touched(&row, is.Version, mv.since, to)
	}
}

// tellExchanged comes before the nodes have their new places.
func (mv *move) tellExchanged() {
	m := mv.m
	from, ok := mv.from.Place()
	to, toOK := mv.to.Place()
	if ok && toOK {
		mv.touched(from, to, mv.was)
		mv.touched(to, from, mv.dstWas)
		m.memory.Made(from, mv.dstWas)
		m.memory.Made(to, mv.was)
		mv.left.note(m, mv.was.File, mv.was.Version)
		mv.left.note(m, mv.dstWas.File, mv.dstWas.Version)
	}
	if mv.src.IsDir() {
		m.tellCleared(mv.from)
	}
	if mv.dst.IsDir() {
		m.tellCleared(mv.to)
	}
}

// tellTouched tells that the ctimes of a file were moved since then.
func (m *Mirror) tellTouched(n *nodes.Node, since time.Time) {
	for _, l := range n.Links() {
		if p, ok := l.Place(); ok {
			if k, err := m.memory.At(p); err == nil {
				m.belief.TouchedAll(k.File, since)
				return
			}
		}
	}
}

// tellCleared tells that a directory has left a name.
func (m *Mirror) tellCleared(l nodes.Link) {
	if path, ok := l.Path(); ok {
		m.memory.Cleared(path)
	}
}

// tellCommitted tells of a version that the clouds have, and of the backing files that show it: as long as they do, nobody
// has touched them. The caller holds File.commit, so that no name of the file comes or goes.
func (m *Mirror) tellCommitted(n *nodes.Node, h *cipher.Header, in []*cloud.Info) {
	m.names.RLock()
	defer m.names.RUnlock()
	is := telling.Known(h)
	c := memory.Commit{File: is.File, Version: is.Version}
	for _, l := range n.Links() {
		if p, ok := l.Place(); ok {
			c.Places = append(c.Places, p)
		}
	}
	m.memory.Committed(c)
	for k, info := range in {
		if info == nil || !m.belief.Shows(h, *info) {
			continue
		}
		for _, p := range c.Places {
			m.memory.Stands(p, m.clouds.All()[k].ID, c.Version, belief.StatOf(*info))
		}
	}
}

// Differs says that a cloud does not have at a name what should be there, what it has instead, as far as anybody knows, and
// whether what should be there follows from what is elsewhere, too.
func (m host) Differs(cloud int, place index.Place, wide bool, has index.Known) {
	m.memory.Owe(m.clouds.All()[cloud].ID, place, index.Debt{Why: index.Differs, Since: m.clock(), Had: has})
	m.repairs.Wrong(cloud, place, wide)
}

// payEmpty pays what a cloud owed at a name at which it showed something else, and has nothing now, as is wanted.
func (m *Mirror) payEmpty(cl *clouds.Cloud, l nodes.Link, was *belief.Answer) {
	if p, ok := l.Place(); ok && was != nil && was.Shown[cl.Index].There && !was.Serves[cl.Index] {
		m.memory.Pay(cl.ID, p)
	}
}

// Pay says that a cloud has at a name what should be there.
func (m host) Pay(cloud int, place index.Place) {
	m.memory.Pay(m.clouds.All()[cloud].ID, place)
	m.repairs.Right(cloud, place)
}

// Owes reports whether a cloud in use is known to lack what others have at a path.
func (m *Mirror) Owes(cloud int, path string) bool { return m.returns.Owes(cloud, path) }

// Misses reports whether a cloud that is out has missed a change at a path or above it.
func (m host) Misses(cloud int, path string) bool {
	return m.memory.Misses(m.clouds.All()[cloud].ID, path)
}

// Unseen reports whether a cloud in use owes nobody knows what.
func (m host) Unseen(cloud int) bool { return m.returns.Unseen(cloud) }

// unnumber forgets the numbers of all directories, and has those forgotten that the index has.
func (m *Mirror) unnumber(forget func()) {
	m.names.Lock()
	defer m.names.Unlock()
	m.nodes.ForgetNumbers()
	forget()
}
