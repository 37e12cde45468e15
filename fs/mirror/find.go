package mirror

import (
	"io/fs"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// found is one name as the clouds that are believed show it.
type found = belief.Answer

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
	f, err := m.belief.Ask(q)
	if err != nil {
		return nil, err
	}
	if f.Is == judge.WantNothing || f.Is == judge.WantDir && f.Best() < 0 {
		return f, fs.ErrNotExist
	}
	return f, nil
}

// question looks at what every cloud that is up shows at a name.
func (m *Mirror) question(dir *Node, name string, enc []cipher.Name) (*belief.Question, error) {
	q := &belief.Question{Path: func() (string, bool) {
		plain, ok := dir.plainPath()
		return replica.Join(plain, name), ok
	}}
	if d := m.numberOf(dir); d != 0 {
		q.Place = index.Place{Dir: d, Name: cipher.PlainName(name)}
	}
	return q, m.belief.Look(q, dir.path, enc)
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
	f := &found{Is: judge.WantFile, Special: n.special(), Shown: q.Shown, Serves: make([]bool, len(q.Shown))}
	for k, s := range q.Shown {
		f.Serves[k] = s.There && backing[k] != 0 && s.Info.Ino == backing[k]
	}
	if f.Best() < 0 {
		return nil
	}
	return f
}

// choose finds the version that is served of a file that is being opened. The
// caller holds Mirror.names.
func (m *Mirror) choose(n *Node, set *copies.Set) *cipher.Header {
	m.tree.Lock()
	l := n.links[0]
	m.tree.Unlock()
	p, ok := m.placeOf(l)
	if !ok {
		return set.Compare()
	}
	best, renew := m.belief.Choose(p, set, func() (*belief.Question, error) { return m.question(l.parent, l.name, l.enc) })
	if renew && !m.clouds.ReadOnly() {
		// A change must not look like one that follows what this machine has made meanwhile.
		if err := m.state.RenewWriter(); err != nil {
			m.logger.Error("no new writer can be drawn", "error", err)
			return nil
		}
	}
	return best
}
