package mirror

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// exchange exchanges two entries.
func (mv *move) exchange() error {
	m := mv.m
	if mv.dst == nil {
		return fs.ErrNotExist
	}
	if mv.src == mv.dst {
		return nil
	}
	if mv.src.IsDir() && mv.to.Parent.Within(mv.src) || mv.dst.IsDir() && mv.from.Parent.Within(mv.dst) {
		return ErrInvalid
	}
	plain, ok := mv.from.Path()
	newPlain, newOK := mv.to.Path()
	if !ok || !newOK {
		return fs.ErrNotExist
	}
	if err := errors.Join(inUse(m, mv.srcAt), inUse(m, mv.dstAt)); err != nil {
		return err
	}
	e := &journal.Entry{Op: journal.OpExchange, Path: []byte(plain), To: []byte(newPlain), Kind: mv.src.Kind(), Over: mv.dst.Kind()}
	one, is := mv.identity(mv.src, mv.srcAt)
	other, otherIs := mv.identity(mv.dst, mv.dstAt)
	e.File, e.Handles, e.Other = one.File, one.Handles, other
	mv.was, mv.dstWas = view.KnownAt(m.view, mv.from, mv.src, one.File, is), view.KnownAt(m.view, mv.to, mv.dst, other.File, otherIs)
	for range m.clouds.All() {
		e.Temps = append(e.Temps, string(cipher.NewTempName()))
	}
	if _, err := m.log.AppendDurably(e); err != nil {
		return err
	}
	mv.since = m.belief.Kernel()
	made, err := m.operate(e, clouds.Change{
		What: "exchange",
		Do:   func(cl *clouds.Cloud) error { return mv.exchangeIn(cl, e.Temps[cl.Index]) },
		Undo: func(cl *clouds.Cloud) error { return mv.exchangeBack(cl, e.Temps[cl.Index]) },
	})
	if made {
		mv.tellExchanged()
		nodes.Exchanged(mv.src, mv.dst, mv.from, mv.to)
		err = errors.Join(err, m.returns.Owe(mv.halves(m.clouds.Ups()), true, e.Names()...))
	}
	return err
}

// halves are the clouds that had one of two names that were exchanged.
func (mv *move) halves(list []*clouds.Cloud) []*clouds.Cloud {
	return slices.DeleteFunc(list, func(cl *clouds.Cloud) bool { return mv.srcAt.Serves[cl.Index] == mv.dstAt.Serves[cl.Index] })
}

// sides are what an exchange moves in one cloud, each from its first path to
// its second.
func (mv *move) sides(k int) (src, dst [2]string) {
	a, b := mv.src.Special(), mv.dst.Special()
	src = [2]string{mv.from.In(k, a), mv.to.In(k, a)}
	dst = [2]string{mv.to.In(k, b), mv.from.In(k, b)}
	return src, dst
}

// exchangeIn exchanges in one cloud. One that shows something else at either name
// goes without.
func (mv *move) exchangeIn(cl *clouds.Cloud, temp string) error {
	for _, at := range []*belief.Answer{mv.srcAt, mv.dstAt} {
		if at.Shown[cl.Index].There && !at.Serves[cl.Index] {
			return ErrConflict
		}
	}
	src, dst := mv.sides(cl.Index)
	if err := errors.Join(putSidecar(cl, mv.from), putSidecar(cl, mv.to)); err != nil {
		return err
	}
	return mv.moveSides(cl, temp, [2][2]string{src, dst})
}

// exchangeBack undoes exchangeIn.
func (mv *move) exchangeBack(cl *clouds.Cloud, temp string) error {
	src, dst := mv.sides(cl.Index)
	return mv.moveSides(cl, temp, [2][2]string{{src[1], src[0]}, {dst[1], dst[0]}})
}

// moveSides moves both sides. Of a cloud that has one, that moves.
func (mv *move) moveSides(cl *clouds.Cloud, temp string, sides [2][2]string) error {
	src, dst := sides[0], sides[1]
	switch hasSrc, hasDst := mv.srcAt.Serves[cl.Index], mv.dstAt.Serves[cl.Index]; {
	case hasSrc && !hasDst:
		return cl.Dir.Rename(src[0], src[1])
	case hasDst && !hasSrc:
		return cl.Dir.Rename(dst[0], dst[1])
	}
	if mv.src.Special() == mv.dst.Special() {
		err := cl.Dir.Exchange(src[0], dst[0])
		if !errors.Is(err, cloud.ErrUnsupported) {
			return err
		}
	}
	to, _ := mv.to.Parent.Path(cl.Index)
	return cl.ExchangeBy(replica.Join(to, temp), src, dst)
}
