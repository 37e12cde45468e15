package copies

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/notice"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Allowed is what a file's records may be by now, with what no version on the
// clouds has yet. Beyond the floor only what was written directly is read, and
// that is never a hole, though the bytes may be gone from one cloud.
type Allowed struct {
	Sparse  bool          // holes are right, below the floor
	Version cipher.Vector // it covers their write ids, below the floor
}

// Fetch fills a run: from the copy that is read, and record by record from the
// others where that one does not verify.
func (s *Set) Fetch(r *replica.Run, allowed Allowed) error {
	readers := s.readers()
	if len(readers) == 0 {
		return s.Unreadable("read")
	}
	reason := s.readRun(readers[0], r, allowed)
	if reason == nil {
		return nil
	}
	s.Logger.Warn("records do not verify; another cloud is asked", "cloud", readers[0].On.Name, "file", s.Owner.Ino(), "chunk", r.First, "error", reason)
	noticeDamage(s, readers[0], r, reason)
	for i, state := range r.States {
		if state != cipher.RecordDamaged {
			continue
		}
		one := r.One(i, s.Layout.ChunkSize())
		failed := &UnreadableError{What: fmt.Sprintf("read chunk %d", one.First), Clouds: []CloudError{{readers[0].On.Name, reason}}}
		for _, c := range readers[1:] {
			err := s.readRun(c, one, allowed)
			if err == nil {
				break
			}
			failed.Clouds = append(failed.Clouds, CloudError{c.On.Name, err})
		}
		if one.States[0] == cipher.RecordDamaged {
			noticeDamage(s, readers[0], one, failed)
			s.Logger.Error("no cloud can serve a record", "file", s.Owner.Ino(), "error", failed)
			return failed
		}
	}
	return nil
}

// noticeDamage tells of a copy of which a record in a run does not verify. What is just
// being changed, and what could not be read, is not called damaged.
func noticeDamage(s *Set, c *Copy, r *replica.Run, reason error) {
	cut := errors.Is(reason, replica.ErrTruncated)
	if s.Changing || c.File == nil || !cut && !errors.Is(reason, replica.ErrDamaged) {
		return
	}
	info, err := c.File.Stat()
	if err != nil {
		return
	}
	_, lost := errors.AsType[*UnreadableError](reason)
	d := notice.Damage{
		File: index.File{ID: s.Stored.Head.FileID, Type: s.Stored.Head.Type}, Ino: s.Owner.Ino(), Cloud: c.On.Index, Cut: cut, Chunk: r.First, Lost: lost,
	}
	d.Chunk += int64(max(slices.Index(r.States, cipher.RecordDamaged), 0))
	s.Notices.Damage(d, info.Ctime)
}

// readRun fills a run from one copy. An error means that at least one record
// does not serve: its state is RecordDamaged and its plaintext is zeros.
func (s *Set) readRun(c *Copy, r *replica.Run, allowed Allowed) error {
	if err := s.Refresh(c); err != nil {
		r.Refuse()
		return err
	}
	raw := s.Buffer(r.Raw())
	defer s.Recycle(raw)
	short, err := c.ReadInto(r, raw)
	if err != nil {
		return err
	}
	var reason error
	if short {
		reason = replica.ErrTruncated
	}
	floor := s.Floor()
	for i, state := range r.States {
		switch {
		case state == cipher.RecordDamaged && reason == nil:
			reason = replica.ErrDamaged
		case state == cipher.RecordHole && (!allowed.Sparse || r.First+int64(i) >= floor):
			r.States[i], reason = cipher.RecordDamaged, fmt.Errorf("%w: zeros", replica.ErrDamaged)
		case state == cipher.RecordOK && r.First+int64(i) < floor && !allowed.Version.Covers(r.IDs[i]):
			r.States[i], reason = cipher.RecordDamaged, replica.ErrArriving
		}
	}
	if err := s.believe(c, r, raw); err != nil {
		reason = err
	}
	r.ClearDamaged(s.Layout.ChunkSize())
	return reason
}
