package heal

import (
	"errors"
	"io/fs"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
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
	if err := h.makeGone(s.Cloud); err != nil {
		return err
	}
	v := judge.VersionOf(head)
	return h.add(&build{
		step: s, cloud: c, dir: cipher.GoneName, name: n, temp: replica.Join(cipher.GoneName, tempName(s.Path, v)),
		from: from, over: b.In[s.Cloud],
	}, v)
}

func (h *site) makeGone(i int) error {
	err := h.Clouds[i].Dir.Mkdir(cipher.GoneName, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		h.did(i)
	}
	return err
}

// leaveRecords writes one batch with the records of this round to every cloud.
func (h *Healer) leaveRecords() error {
	if len(h.records) == 0 || h.Draw == nil {
		return nil
	}
	now := h.Clock()
	var content []byte
	var above uint64
	rest := h.records
	for len(rest) > 0 {
		r := rest[0]
		kind := cipher.FileEnded
		if r.Kind == judge.RecordMoved {
			kind = cipher.FileMoved
		}
		more, err := cipher.AppendRemoval(content, &cipher.Removal{Kind: kind, File: r.File.ID, Version: r.Vector, Seconds: now.Unix()})
		if errors.Is(err, cipher.ErrSize) {
			break // the rest goes into a batch of the next round
		}
		if err != nil {
			return err
		}
		content, above, rest = more, max(above, r.Vector.Highest()), rest[1:]
	}
	h.records = rest
	return h.writeBatch(content, above)
}

// writeBatch writes a new batch: the same commit and write ids in every cloud.
func (h *site) writeBatch(content []byte, above uint64) error {
	n := int(h.Clouds[0].Keys.Layout().Records(int64(len(content)))) // a vault has one chunk size
	writer, first, err := h.Draw(n+1, above)
	if err != nil {
		return err
	}
	v := cipher.Version{Writer: writer, Counter: first + uint64(n)}
	now := h.Clock()
	head := cipher.Header{
		Type: cipher.TypeGone, FileID: cipher.GoneID(h.Vault, v), CommitID: cipher.NewID(), Mode: 0o600, Length: int64(len(content)),
		MtimeSec: now.Unix(), MtimeNsec: uint32(now.Nanosecond()), Version: cipher.Vector{v},
	}
	run := &replica.Run{Plain: content}
	for i := range n {
		random := cipher.NewID()
		run.IDs = append(run.IDs, cipher.NewWriteID(writer, first+uint64(i), [6]byte(random[:])))
		run.States = append(run.States, cipher.RecordOK)
	}
	var errs []error
	written := 0
	for i, c := range h.Clouds {
		if c.Dir == nil {
			continue
		}
		if err := h.putBatch(i, head, run); err != nil {
			errs = append(errs, err)
			h.errs[i] = err
			continue
		}
		written++
	}
	if written == 0 {
		return errors.Join(errs...)
	}
	return nil
}

func (h *site) putBatch(i int, head cipher.Header, run *replica.Run) (err error) {
	c := h.Clouds[i]
	if err := h.makeGone(i); err != nil {
		return err
	}
	name := cipher.GoneEntry(head.Version[0])
	n, err := c.Keys.EncodeName(name)
	if err != nil {
		return err
	}
	temp := replica.Join(cipher.GoneName, string(cipher.NewTempName()))
	cp, err := c.Build(temp, head)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Dir.Remove(temp))
		}
	}()
	err = errors.Join(cp.Fit(head.Length), cp.WriteRun(run))
	cp.Keys.Terms(&head.Acc, 0, run.IDs, nil)
	if err == nil {
		err = cp.WriteHeader(&head)
	}
	if err == nil {
		err = errors.Join(cp.Show(nil, h.Owners, h.Clock()), cp.File.Sync())
	}
	if err = errors.Join(err, cp.Close()); err != nil {
		return err
	}
	if err = c.Dir.Rename(temp, replica.Join(cipher.GoneName, string(n.Entry))); err == nil {
		h.did(i)
		err = c.Dir.SyncDir(cipher.GoneName)
	}
	return err
}
