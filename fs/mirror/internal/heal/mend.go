package heal

import (
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// mend writes single records of a copy whose header is right. The header stays:
// its acc is over just these records, and until all of them are there it is no
// worse than before. A record under its old write id and its old key is what it
// was, to the byte; only the mtime moves, so that sync tools see a change.
func (h *Healer) mend(k *compare.Case, s Step) error {
	done, err := h.guard(s.Cloud, s.Path)
	if err != nil {
		return err
	}
	defer done()
	at := -1
	from := make([]*replica.Copy, len(k.Members))
	defer func() {
		for _, cp := range from {
			if cp != nil {
				cp.Close()
			}
		}
	}()
	for i, m := range k.Members {
		mine := m.Own && m.Cloud == s.Cloud
		cp, err := h.Clouds[m.Cloud].Open(m.Path, mine)
		if err != nil {
			return err
		}
		from[i] = cp
		if mine {
			at = i
		}
		if cp.Head.CommitID != k.Verdict.Want.Version.Commit || cp.Head.Flags&cipher.Dirty != 0 {
			return errChanged
		}
	}
	to := from[at]
	if err := h.unchanged(to.Cloud, k.Sights[s.Cloud].Spot, ""); err != nil {
		return err
	}
	for _, span := range k.Content.Bad[at] {
		for chunk := span.Lo; chunk < span.Hi; chunk++ {
			if err := mendOne(k.Content, from, at, chunk); err != nil {
				return err
			}
		}
	}
	if err := to.File.Sync(); err != nil {
		return err
	}
	h.did(s.Cloud)
	return to.Show(to.Head, h.Owners, h.Clock())
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
