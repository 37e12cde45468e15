package heal

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// carryBatches brings the batches of removals to every cloud, and throws away
// those that are too old to prove anything.
func (h *Healer) carryBatches() error {
	now := h.Clock()
	for _, b := range h.c.Removals().Batches {
		if b.Mtime.IsZero() {
			continue // it is whole nowhere, and proves nothing
		}
		age := now.Sub(b.Mtime)
		for i, c := range h.Clouds {
			s := Step{Op: Copy, Cloud: i, Path: cipher.GoneName + "/" + string(b.Name), Entry: b.In[i].Path, Why: judge.Lacks}
			if b.Silent[i] || b.Young[i] || h.Only >= 0 && i != h.Only {
				continue
			}
			var err error
			switch {
			case age > cipher.GoneKept && b.In[i].Path != "":
				s.Op = Remove
				h.remember(i, cipher.GoneName)
				if err = c.Dir.Remove(b.In[i].Path); err == nil {
					h.did(i)
				}
			case age <= cipher.GoneCarried && !b.Whole[i]:
				err = h.carry(b, s)
			}
			if err == nil || replica.Missing(err) {
				continue
			}
			if err := h.failed(s, err); err != nil {
				return err
			}
		}
	}
	return h.flush()
}

// carry builds a batch in a cloud that lacks it.
func (h *Healer) carry(b *compare.Batch, s Step) error {
	var from []spot
	var head *cipher.Header
	for i, whole := range b.Whole {
		if whole {
			from, head = append(from, spot{cloud: i, path: b.In[i].Path}), b.In[i].Head
		}
	}
	c := h.Clouds[s.Cloud]
	n, err := c.Keys.EncodeName(b.Name)
	if err != nil {
		return err
	}
	made, err := removals.MakeDir(c)
	if made {
		h.did(s.Cloud)
	}
	if err != nil {
		return err
	}
	v := judge.VersionOf(head)
	return h.add(&build{
		step: s, cloud: c, dir: cipher.GoneName, name: n, temp: replica.Join(cipher.GoneName, tempName(s.Path, v)),
		from: from, over: b.In[s.Cloud],
	}, v)
}

// leaveRecords writes one batch with the records of this round to every cloud.
// What it has no room for goes into a batch of the next round.
func (h *Healer) leaveRecords() error {
	if len(h.records) == 0 || h.Draw == nil {
		return nil
	}
	content, above, rest, err := removals.Pack(h.records, h.Clock())
	if err != nil {
		return err
	}
	h.records = rest
	batch, err := removals.New(content, h.Clouds[0].Keys, h.Draw, above, h.Clock()) // a vault has one chunk size
	if err != nil {
		return err
	}
	var errs []error
	written := 0
	for i, c := range h.Clouds {
		if c.Dir == nil {
			continue
		}
		if err := batch.Put(c, h.Owners); err != nil {
			errs = append(errs, err)
			h.errs[i] = err
			continue
		}
		h.did(i)
		written++
	}
	if written == 0 {
		return errors.Join(errs...)
	}
	return nil
}
