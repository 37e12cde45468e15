package mirror

import (
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// knownAs is what a node is in the index, by what identify gave of a file: at the
// version that is in place; Unknown where nobody can tell. The caller holds
// Mirror.names, and File.commit of an open file.
func (m *Mirror) knownAs(n *Node, id *cipher.ID, version index.Version) index.Known {
	switch {
	case n.IsDir():
		if d := m.numberOf(n); d != 0 {
			return index.Known{Kind: index.IsDir, Dir: d}
		}
		return index.Known{}
	case id == nil || id.IsZero():
		return index.Known{}
	}
	if f := n.content.Open(); f != nil {
		if stored := f.Stored(); stored.Committed() {
			version = telling.Version(&stored.Head)
		}
	}
	return index.Known{Kind: index.IsFile, File: telling.File(*id, n.kind), Version: version}
}

// numberOf is the number of a directory, 0 where it stands nowhere. The caller
// holds Mirror.names.
func (m *Mirror) numberOf(n *Node) index.Dir {
	var above []*Node // directories from n up to one whose number is at hand
	var names []string
	number := index.Root
	m.tree.Lock()
	for at := n; at != m.root; at = at.links[0].parent {
		if len(at.links) == 0 {
			m.tree.Unlock()
			return 0
		}
		if number == index.Root && at.number != 0 {
			number = at.number // what follows only shows whether it stands
		}
		if number == index.Root {
			above, names = append(above, at), append(names, at.links[0].name)
		}
	}
	m.tree.Unlock()
	for i := len(above) - 1; i >= 0; i-- {
		number = m.memory.Number(number, cipher.PlainName(names[i]))
		m.tree.Lock()
		above[i].number = number
		m.tree.Unlock()
	}
	return number
}

// placeOf is a name in the index; ok is false where its directory stands
// nowhere. The caller holds Mirror.names.
func (m *Mirror) placeOf(l link) (p index.Place, ok bool) {
	d := m.numberOf(l.parent)
	return index.Place{Dir: d, Name: cipher.PlainName(l.name)}, d != 0
}

// What follows tells what was just done in the clouds. The callers hold
// Mirror.names for writing, but for that of commits.

func (s *site) tell(k index.Known) {
	m := s.dir.m
	if p, ok := m.placeOf(s.link); ok {
		m.memory.Made(p, k)
	}
}

func (s *site) tellDir() {
	m := s.dir.m
	if p, ok := m.placeOf(s.link); ok {
		m.memory.MadeDir(p, index.Owner{Mode: s.mode, UID: s.owner.UID, GID: s.owner.GID})
	}
}

// tell is of a file told since when the names that are left were touched.
func (r *removal) tell(id cipher.ID, version index.Version, since time.Time) {
	m, n := r.m, r.child
	p, ok := m.placeOf(r.link())
	switch f := telling.File(id, n.kind); {
	case !ok:
	case n.IsDir():
		m.memory.RemovedDir(p)
	default:
		m.memory.Removed(p, f, version)
		if m.belief.Links(r.at) <= 1 {
			m.memory.End(f, version)
		} else {
			m.belief.TouchedAll(f, since)
		}
	}
}

// tell comes before the nodes have their new places.
func (mv *move) tell() {
	m := mv.m
	from, ok := m.placeOf(link{parent: mv.from, name: mv.name})
	to, toOK := m.placeOf(link{parent: mv.to, name: mv.newName})
	if !ok || !toOK {
		return
	}
	move := memory.Move{From: from, To: to, Was: mv.was}
	if move.Is = move.Was; mv.takeover != nil {
		move.Was, move.Is = telling.Known(mv.takeover.From()), telling.Known(mv.takeover.To())
	}
	if row, err := m.memory.Row(from); err == nil && move.Is.Kind == index.IsFile {
		m.belief.Touched(&row, move.Is.Version, mv.since, to)
	}
	m.memory.Moved(move)
	switch {
	case mv.takeover != nil:
		m.memory.End(move.Was.File, move.Was.Version)
	case mv.dst != nil && m.belief.Links(mv.dstAt) <= 1:
		m.memory.End(mv.dstWas.File, mv.dstWas.Version)
	}
}

// tellExchanged comes before the nodes have their new places.
func (mv *move) tellExchanged() {
	m := mv.m
	from, ok := m.placeOf(link{parent: mv.from, name: mv.name})
	to, toOK := m.placeOf(link{parent: mv.to, name: mv.newName})
	if ok && toOK {
		m.memory.Made(from, mv.dstWas)
		m.memory.Made(to, mv.was)
	}
}

func ownerOf(a Attr) index.Owner { return index.Owner{Mode: a.Mode & permBits, UID: a.UID, GID: a.GID} }

func (m *Mirror) tellOwner(n *Node, a Attr) {
	if d := m.numberOf(n); d != 0 {
		m.memory.Owned(d, ownerOf(a))
	}
}

// tellCommitted tells of a version that the clouds have, and of the backing files
// that show it: as long as they do, nobody has touched them. The caller holds
// File.commit, so that no name of the file comes or goes.
func (m *Mirror) tellCommitted(n *Node, h *cipher.Header, in []*cloud.Info) {
	m.names.RLock()
	defer m.names.RUnlock()
	m.tree.Lock()
	links := append([]link(nil), n.links...)
	m.tree.Unlock()
	is := telling.Known(h)
	c := memory.Commit{File: is.File, Version: is.Version, Writer: m.state.Writer()}
	for _, l := range links {
		if p, ok := m.placeOf(l); ok {
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

// Owe says that a cloud does not have at a name what should be there: it is to be
// repaired.
func (m *Mirror) Owe(cloud cipher.ID, place index.Place, why index.Reason) {
	m.memory.Owe(cloud, place, why, m.clock())
}

// Owes reports whether a cloud in use is known to lack what others have at a path.
func (m *Mirror) Owes(cloud int, path string) bool { return m.returns.Owes(cloud, path) }
