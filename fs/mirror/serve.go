package mirror

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// pick finds the version that is served among the copies of a file that is being
// opened, and says of every other copy why it does not serve. Where they agree,
// and nothing else is known, their headers are all that it takes. The caller
// holds Mirror.names.
func (m *Mirror) pick(n *Node, set *copies.Set) *cipher.Header {
	m.tree.Lock()
	l := n.links[0]
	m.tree.Unlock()
	p, ok := m.placeOf(l)
	if !ok {
		return set.Compare()
	}
	row, err := m.memory.Row(p)
	if err != nil {
		m.logger.Error("what this machine knows cannot be read", "error", err)
		row = index.Row{Place: p}
	}
	one := m.agreed(set)
	if one != nil && (m.unheardOf(&row, one) || sameFileAs(row.Known, one)) {
		if row.Known.Kind == index.Unknown {
			m.memory.Saw(p, telling.Known(one))
		}
		m.stood(p, &row, set)
		return set.Compare()
	}
	best := m.pickJudged(l, set)
	if best == nil && one != nil && row.Known.Kind == index.Unknown {
		// What every cloud shows where nothing is known is at worst one name too many.
		for _, cl := range m.clouds.Ups() {
			set.List[cl.Index].Err = nil
		}
		return one
	}
	return best
}

// unheardOf reports whether nothing is known of a name, and the file that is
// shown there is not known at another one.
func (m *Mirror) unheardOf(row *index.Row, h *cipher.Header) bool {
	if row.Known.Kind != index.Unknown {
		return false
	}
	places, err := m.memory.Places(index.File{ID: h.FileID, Type: h.Type})
	return err == nil && len(places) == 0
}

// sameFileAs reports whether a header is that of what is known.
func sameFileAs(k index.Known, h *cipher.Header) bool {
	is := telling.Known(h)
	return k.Kind == index.IsFile && k.File == is.File && k.Version.Equal(is.Version)
}

// agreed is the header of the one version that every cloud that is up has, or
// nil.
func (m *Mirror) agreed(set *copies.Set) (one *cipher.Header) {
	for _, cl := range m.clouds.Ups() {
		c := set.List[cl.Index]
		if !c.Serves() || one != nil && copies.Difference(one, c.Head) != nil {
			return nil
		}
		one = c.Head
	}
	return one
}

// stood tells the memory which backing files the copies are.
func (m *Mirror) stood(p index.Place, row *index.Row, set *copies.Set) {
	for _, c := range set.List {
		if c.Serves() && m.belief.Shows(c.Head, c.Shown) && !belief.Stands(row, c.On.ID, c.Shown) {
			m.memory.Stands(p, c.On.ID, telling.Version(c.Head), belief.StatOf(c.Shown))
		}
	}
}

// pickJudged is pick where the clouds do not agree with each other, or with what
// is known.
func (m *Mirror) pickJudged(l link, set *copies.Set) (best *cipher.Header) {
	f, err := m.reconsider(l)
	if err != nil {
		m.logger.Warn("a file cannot be judged", "error", err)
	}
	for k, c := range set.List {
		if err == nil && c.Serves() && f.has[k] && f.Head != nil && copies.Difference(f.Head, c.Head) == nil {
			best = c.Head
			break
		}
	}
	for k, c := range set.List {
		switch {
		case !c.Serves():
		case best == nil || f.has != nil && !f.has[k] && c.On.Up():
			c.Err = ErrConflict
			if best != nil {
				if why := copies.Difference(best, c.Head); why != nil {
					c.Err = why
				}
			}
		default:
			c.Err = copies.Difference(best, c.Head)
		}
	}
	if best != nil && f.Renew && !m.clouds.ReadOnly() {
		// A change must not look like one that follows what this machine has made meanwhile.
		if err := m.state.RenewWriter(); err != nil {
			m.logger.Error("no new writer can be drawn", "error", err)
			return nil
		}
	}
	return best
}

// reconsider judges a name, whatever its entries show.
func (m *Mirror) reconsider(l link) (*found, error) {
	q, err := m.question(l.parent, l.name, l.enc)
	if err != nil {
		return nil, err
	}
	a, err := m.belief.Judge(q)
	if err != nil {
		return nil, err
	}
	return foundAs(a), nil
}
