package belief

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// Choose finds the version that is served among the copies of a file that is being
// opened, and says of every other copy why it does not serve. Where they agree, and
// nothing else is known, their headers are all that it takes. renew is whether a
// change takes a new writer.
func (b *Belief) Choose(p index.Place, set *copies.Set, ask func() (*Question, error)) (best *cipher.Header, renew bool) {
	row := b.Row(&Question{Place: p})
	one := b.agreed(set)
	if one != nil && (b.unheardOf(&row, one) || is(row.Known, one)) {
		if row.Known.Kind == index.Unknown {
			b.Memory.Saw(p, telling.Known(one))
		}
		for _, c := range set.List {
			if c.Serves() && c.On.Up() && b.Shows(c.Head, c.Shown) && !Stands(&row, c.On.ID, c.Shown) {
				b.Memory.Stands(p, c.On.ID, telling.Version(c.Head), StatOf(c.Shown))
			}
		}
		return set.Compare(), false
	}
	a, err := b.reconsider(ask)
	if err != nil {
		b.Logger.Warn("a file cannot be judged", "error", err)
	}
	if best = pick(set, a); best == nil && one != nil && row.Known.Kind == index.Unknown {
		// What every cloud shows where nothing is known is at worst one name too many.
		for _, cl := range b.Clouds.Ups() {
			set.List[cl.Index].Err = nil
		}
		return one, false
	}
	return best, best != nil && a.Renew
}

// reconsider judges a name, whatever its entries show.
func (b *Belief) reconsider(ask func() (*Question, error)) (*Answer, error) {
	q, err := ask()
	if err != nil {
		return nil, err
	}
	return b.Judge(q)
}

// pick finds the version that was judged to be served.
func pick(set *copies.Set, a *Answer) (best *cipher.Header) {
	for k, c := range set.List {
		if a != nil && c.Serves() && a.Serves[k] && a.Head != nil && copies.Difference(a.Head, c.Head) == nil {
			best = c.Head
			break
		}
	}
	for k, c := range set.List {
		switch {
		case !c.Serves():
		case best == nil:
			c.Err = replica.ErrConflict
		default:
			if c.Err = copies.Difference(best, c.Head); c.Err == nil && !a.Serves[k] && c.On.Up() {
				c.Err = replica.ErrConflict
			}
		}
	}
	return best
}

// unheardOf reports whether nothing is known of a name, and the file that is
// shown there is not known at another one.
func (b *Belief) unheardOf(row *index.Row, h *cipher.Header) bool {
	if row.Known.Kind != index.Unknown {
		return false
	}
	places, err := b.Memory.Places(index.File{ID: h.FileID, Type: h.Type})
	return err == nil && len(places) == 0
}

// is reports whether a header is that of what is known.
func is(k index.Known, h *cipher.Header) bool {
	shown := telling.Known(h)
	return k.Kind == index.IsFile && k.File == shown.File && k.Version.Equal(shown.Version)
}

// agreed is the header of the one version that every cloud that is up has, or
// nil.
func (b *Belief) agreed(set *copies.Set) (one *cipher.Header) {
	for _, cl := range b.Clouds.Ups() {
		c := set.List[cl.Index]
		if !c.Serves() || one != nil && copies.Difference(one, c.Head) != nil {
			return nil
		}
		one = c.Head
	}
	return one
}
