package heal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// mend writes single records of a copy whose header is right. The header stays:
// its acc is over just these records, and until all of them are there it is no
// worse than before. A record under its old write id and its old key is what it
// was, to the byte; only the mtime moves, so that sync tools see a change.
func (h *Healer) mend(k *compare.Case, s Step) error {
	at := slices.IndexFunc(k.Members, func(m compare.Member) bool { return m.Own && m.Cloud == s.Cloud })
	m := &mending{h, k, at, k.Sights[s.Cloud].Spot}
	for n, some := range pieces(k.Content.Bad[at]) {
		if err := m.mend(some); err != nil {
			return err
		}
		if n == 0 {
			h.did(s.Cloud)
		}
	}
	return nil
}

// A mending is one copy that is being mended.
type mending struct {
	*Healer
	k  *compare.Case
	at int          // among its members
	is compare.Spot // what is there by now
}

// mendAtOnce is how many chunks are mended while the file is kept from being
// committed.
const mendAtOnce = 1024

// pieces are spans in groups of so many chunks.
func pieces(spans []compare.Span) (list [][]compare.Span) {
	var piece []compare.Span
	room := int64(mendAtOnce)
	for _, s := range spans {
		for s.Lo < s.Hi {
			part := compare.Span{Lo: s.Lo, Hi: min(s.Hi, s.Lo+room)}
			piece, s.Lo = append(piece, part), part.Hi
			if room -= part.Hi - part.Lo; room == 0 {
				list, piece, room = append(list, piece), nil, mendAtOnce
			}
		}
	}
	if len(piece) > 0 {
		list = append(list, piece)
	}
	return list
}

// mend mends some chunks, if the copy still is as it was.
func (h *mending) mend(some []compare.Span) error {
	k, at := h.k, h.at
	done, err := h.hold(k.Members[at].Cloud, k.Path)
	if err != nil {
		return err
	}
	defer done()
	from := make([]*replica.Copy, len(k.Members))
	defer func() {
		for _, cp := range from {
			if cp != nil {
				cp.Close()
			}
		}
	}()
	for i, m := range k.Members {
		cp, err := h.Clouds[m.Cloud].Open(m.Path, i == at)
		if err != nil {
			return err
		}
		from[i] = cp
		if cp.Head.CommitID != k.Verdict.Want.Version.Commit || cp.Head.Flags&cipher.Dirty != 0 {
			return errChanged
		}
	}
	to := from[at]
	if err := h.unchanged(to.Cloud, h.is, ""); err != nil {
		return err
	}
	for _, span := range some {
		for chunk := span.Lo; chunk < span.Hi; chunk++ {
			if err := mendOne(k.Content, from, at, chunk); err != nil {
				return err
			}
		}
	}
	if err := to.File.Sync(); err != nil {
		return err
	}
	if err := to.Show(to.Head, h.Owners, h.Clock()); err != nil {
		return err
	}
	h.is.Info, err = to.File.Stat()
	return err
}

// hold keeps everybody from the content of a file. Where its commits cannot be
// held, the name is guarded.
func (h *site) hold(cloud int, path string) (done func(), err error) {
	if h.Still != nil {
		done, held := h.Still.Content(path)
		if held {
			return done, nil
		}
		done()
	}
	return h.guard(cloud, path)
}

// mendOne writes one record from the first copy that has it right.
func mendOne(c *compare.Content, from []*replica.Copy, at int, chunk int64) error {
	to := from[at]
	for i, cp := range from {
		if i == at || !c.Has(i, chunk) {
			continue
		}
		plain, id, state := cp.One(chunk, to.Head.Length)
		if state == cipher.RecordDamaged || state == cipher.RecordOK && !to.Head.Version.Covers(id) {
			continue
		}
		return to.Write(chunk, plain, id)
	}
	return fmt.Errorf("chunk %d: %w", chunk, errNoSource)
}

// head writes another header over records that are right: after a conflict the
// file goes on with the maximum of all vectors, or under another id.
func (h *Healer) head(k *compare.Case, s Step) error {
	done, err := h.guard(s.Cloud, s.Path)
	if err != nil {
		return err
	}
	defer done()
	sight := k.Sights[s.Cloud]
	want := k.Verdict.Want.Version
	c := h.Clouds[s.Cloud]
	if err := h.unchanged(c, sight.Spot, ""); err != nil {
		return err
	}
	cp, err := c.Open(sight.Path, true)
	if err != nil {
		return err
	}
	before := *cp.Head
	if before.CommitID != want.Commit || before.Flags&cipher.Dirty != 0 {
		return errors.Join(errChanged, cp.Close())
	}
	after := before
	after.FileID, after.Version = want.ID, want.Vector
	err = cp.WriteHeader(&after)
	if err == nil {
		h.did(s.Cloud)
		err = cp.Show(&before, h.Owners, h.Clock())
	}
	return errors.Join(err, cp.Close())
}
