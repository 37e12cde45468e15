package mirror

import (
	"errors"
	"io/fs"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// swap exchanges two entries.
func (m *Mirror) swap(mv *move) error {
	if mv.dst == nil {
		return fs.ErrNotExist
	}
	if mv.src == mv.dst {
		return nil
	}
	if mv.src.IsDir() && m.inside(mv.to, mv.src) || mv.dst.IsDir() && m.inside(mv.from, mv.dst) {
		return ErrInvalid
	}
	plain, ok := mv.from.plainPath()
	newPlain, newOK := mv.to.plainPath()
	if !ok || !newOK {
		return fs.ErrNotExist
	}
	e := &journal.Entry{Op: journal.OpExchange, Path: []byte(replica.Join(plain, mv.name)), To: []byte(replica.Join(newPlain, mv.newName)), Kind: mv.src.kind, Over: mv.dst.kind}
	one, is := m.identity(mv.src, mv.srcAt)
	other, otherIs := m.identity(mv.dst, mv.dstAt)
	e.File, e.Handles, e.Other = one.File, one.Handles, other
	mv.was, mv.dstWas = m.knownAs(mv.src, one.File, is), m.knownAs(mv.dst, other.File, otherIs)
	for range m.clouds.All() {
		e.Temps = append(e.Temps, string(cipher.NewTempName()))
	}
	seq, err := m.log.AppendDurably(e)
	if err != nil {
		return err
	}
	made, err := m.operate(seq, clouds.Change{
		What: "exchange",
		Do:   func(cl *clouds.Cloud) error { return m.swapIn(cl, mv, e.Temps[cl.Index]) },
		Undo: func(cl *clouds.Cloud) error { return m.swapBack(cl, mv, e.Temps[cl.Index]) },
	})
	if made {
		m.tellExchanged(mv)
		m.tree.Lock()
		m.exchangeLinks(mv)
		m.tree.Unlock()
	}
	return err
}

// identity is how the log tells what changes places or is replaced, with the
// version that a file had then. The caller holds Mirror.names.
func (m *Mirror) identity(n *Node, f *found) (*journal.Identity, index.Version) {
	if n.IsDir() {
		return &journal.Identity{Handles: m.handles(n)}, index.Version{}
	}
	id, seen, err := m.identifyAt(n, f)
	if err != nil {
		id = cipher.ID{}
	}
	return &journal.Identity{File: &id}, seen
}

// handles are what finds a directory in each cloud wherever it is; nil where
// the cloud has no such thing. The caller holds Mirror.names.
func (m *Mirror) handles(n *Node) [][]byte {
	list := make([][]byte, m.clouds.N())
	for _, cl := range m.clouds.Ups() {
		path, ok := n.path(cl.Index)
		if !ok {
			continue
		}
		if h, err := cl.Dir.Handle(path); err == nil {
			list[cl.Index] = h
		}
	}
	return list
}

// exchangeLinks exchanges the links of the two nodes.
func (m *Mirror) exchangeLinks(mv *move) {
	m.attach(mv.src, link{mv.to, mv.newName, mv.newEnc})
	m.attach(mv.dst, link{mv.from, mv.name, mv.enc})
	m.detach(mv.src, mv.from, mv.name)
	m.detach(mv.dst, mv.to, mv.newName)
}

// sides are what an exchange moves in one cloud, each from its first path to
// its second.
func (mv *move) sides(k int) (src, dst [2]string) {
	from, _ := mv.from.path(k)
	to, _ := mv.to.path(k)
	a, b := mv.src.special(), mv.dst.special()
	src = [2]string{replica.Join(from, replica.Entry(mv.enc[k], a)), replica.Join(to, replica.Entry(mv.newEnc[k], a))}
	dst = [2]string{replica.Join(to, replica.Entry(mv.newEnc[k], b)), replica.Join(from, replica.Entry(mv.enc[k], b))}
	return src, dst
}

// swapIn exchanges in one cloud.
func (m *Mirror) swapIn(cl *clouds.Cloud, mv *move, temp string) error {
	src, dst := mv.sides(cl.Index)
	if err := errors.Join(m.putSidecar(cl, mv.from, mv.enc), m.putSidecar(cl, mv.to, mv.newEnc)); err != nil {
		return err
	}
	return m.swapSides(cl, mv, temp, [2][2]string{src, dst})
}

// swapBack undoes swapIn.
func (m *Mirror) swapBack(cl *clouds.Cloud, mv *move, temp string) error {
	src, dst := mv.sides(cl.Index)
	return m.swapSides(cl, mv, temp, [2][2]string{{src[1], src[0]}, {dst[1], dst[0]}})
}

// swapSides moves both sides. Of a cloud that has one, that moves.
func (m *Mirror) swapSides(cl *clouds.Cloud, mv *move, temp string, sides [2][2]string) error {
	src, dst := sides[0], sides[1]
	switch hasSrc, hasDst := mv.srcAt.Serves[cl.Index], mv.dstAt.Serves[cl.Index]; {
	case hasSrc && !hasDst:
		return cl.Dir.Rename(src[0], src[1])
	case hasDst && !hasSrc:
		return cl.Dir.Rename(dst[0], dst[1])
	}
	if mv.src.special() == mv.dst.special() {
		err := cl.Dir.Exchange(src[0], dst[0])
		if !errors.Is(err, cloud.ErrUnsupported) {
			return err
		}
	}
	to, _ := mv.to.path(cl.Index)
	return cl.Swap(replica.Join(to, temp), src, dst)
}
