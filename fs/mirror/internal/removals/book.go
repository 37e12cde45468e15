package removals

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

const (
	young     = 30 * time.Second // nobody else has to have seen what was made so lately
	manyYoung = 1 << 15          // more are not remembered: their removal is recorded
	wait      = time.Minute      // one batch is for all removals of so long
)

// Config is what a book writes with.
type Config struct {
	Draw   Draw
	Writer func() uint32 // this machine's
	Clock  func() time.Time
	Owners bool // the process may set owners of backing files
	Logger *slog.Logger
}

// A Book is what this mount has removed, until it is on record in the clouds. It is safe for concurrent use, but for Begin, Write
// and Done, which one goroutine calls in turn.
type Book struct {
	Config

	writing sync.Mutex // a batch is on its way, or brought to a cloud

	mu    sync.Mutex // guards the rest
	told  *gathered  // since the last Begin
	going *gathered  // what the next Write takes
	since time.Time  // of the first of them; zero for nothing
	made  [2]map[cipher.ID]time.Time
	turn  time.Time // when made was turned over

	known Records // what those batches say that were read

	// Of who holds writing:
	read    map[cipher.PlainName]bool
	present bool // a batch of this writer's is in the clouds, and not too old
}

// NewBook makes an empty one.
func NewBook(c Config) *Book {
	return &Book{Config: c, told: newGathered(), going: newGathered(), known: NewRecords(), read: map[cipher.PlainName]bool{}}
}

// Made says that this mount has made a file: while it is young its removal is nobody else's matter.
func (b *Book) Made(id cipher.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Clock()
	if b.made[0] == nil || now.Sub(b.turn) >= young || len(b.made[0]) >= manyYoung {
		b.made[0], b.made[1], b.turn = map[cipher.ID]time.Time{}, b.made[0], now
	}
	b.made[0][id] = now
}

// Young reports whether this mount has made a file so lately that nobody else has to have seen it. Who has written a version of it,
// has.
func (b *Book) Young(id cipher.ID, v cipher.Vector) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.young(id, v)
}

func (b *Book) young(id cipher.ID, v cipher.Vector) bool {
	own, now := b.Writer(), b.Clock()
	if slices.ContainsFunc(v, func(e cipher.Version) bool { return e.Writer != own }) {
		return false
	}
	return slices.ContainsFunc(b.made[:], func(made map[cipher.ID]time.Time) bool {
		at, ok := made[id]
		return ok && now.Sub(at) < young
	})
}

// Ended says that the last name of a file was removed, at that version; without one it was never committed, and nobody has it.
func (b *Book) Ended(id cipher.ID, v cipher.Vector) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.young(id, v) {
		b.notes(b.told.ended, id, v)
	}
}

// Moved says that a file has lost a name and has another one, and has now a later version than that one.
func (b *Book) Moved(id cipher.ID, v cipher.Vector) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes(b.told.moved, id, v)
}

// notes notes up to which version a file is to be on record. The caller holds mu.
func (b *Book) notes(in map[cipher.ID]cipher.Vector, id cipher.ID, v cipher.Vector) {
	if !id.IsZero() && len(v) > 0 {
		in[id] = in[id].Max(v)
		b.begins(b.Clock())
	}
}

// CameBack reports whether anything waits to be put on record because it came back.
func (b *Book) CameBack() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.told.again)+len(b.going.again) > 0
}

// Back says that something is shown again of which a record tells, and that the record is not in the clouds.
func (b *Book) Back(r cipher.Removal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told.remind(&r)
	b.begins(b.Clock())
}

// begins notes since when something waits. The caller holds mu.
func (b *Book) begins(now time.Time) {
	if b.since.IsZero() {
		b.since = now
	}
}

// Due reports whether a batch is due, or at once whether there is anything for one.
func (b *Book) Due(atOnce bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero() && (atOnce || b.Clock().Sub(b.since) >= wait)
}

// Begin takes what was told so far for the next batch.
func (b *Book) Begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.going.merge(b.told)
	b.told, b.since = newGathered(), time.Time{}
}

// Done says that all of that is on record, or need not be.
func (b *Book) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.going = newGathered()
}

// A Site is the clouds at the moment.
type Site struct {
	Clouds []*replica.Cloud // those in use
	Others bool             // other writers were seen than this machine's
	Missed bool             // some cloud lacks changes

	// Each does something in every cloud that is in use, and gives errors to whom they belong.
	Each func(do func(*replica.Cloud) error) error
	// Saw is told of each writer that has left a batch.
	Saw func(writer uint32)
}

// Write puts what was taken on record in every cloud that is in use, where that has to be: where nobody else was ever seen, no
// cloud lacks anything, and nothing came back, nothing is written.
func (b *Book) Write(s Site) error {
	b.mu.Lock()
	going := b.going
	b.mu.Unlock()
	if going.empty() && (b.present || !s.Others) {
		return nil
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := b.look(&s, false); err != nil {
		return err
	}
	if !s.Others && !s.Missed && len(going.again) == 0 {
		return nil
	}
	list := going.records()
	if s.Others && !b.present && len(list) == 0 {
		return b.leave(&s, nil, 0) // it makes this writer known
	}
	for len(list) > 0 {
		content, above, rest, err := Pack(list, b.Clock())
		if err == nil {
			err = b.leave(&s, content, above)
		}
		if err != nil {
			return err
		}
		list = rest
	}
	return nil
}

// Learn reads the batches of clouds, as far as they were not read yet.
func (b *Book) Learn(from []*replica.Cloud) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.look(&Site{Clouds: from, Saw: func(uint32) {}}, true)
}

// HasEnded returns the versions up to which a file has ended, by the batches that were read.
func (b *Book) HasEnded(id cipher.ID) []cipher.Vector {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known.Ended[id]
}

// leave writes one batch to every cloud.
func (b *Book) leave(s *Site, content []byte, above uint64) error {
	batch, err := New(content, s.Clouds[0].Keys, b.Draw, above, b.Clock()) // a vault has one chunk size
	if err != nil {
		return err
	}
	if err := s.Each(func(c *replica.Cloud) error { return batch.Put(c, b.Owners) }); err != nil {
		return fmt.Errorf("record removals: %w", err)
	}
	b.read[batch.Name()], b.present = true, true
	return nil
}

// look finds out who has left batches, and with whole what they say. What cannot be read says nothing.
func (b *Book) look(s *Site, whole bool) error {
	own := b.Writer()
	for _, c := range s.Clouds {
		list, temps, err := List(c)
		if own := replica.Join(cipher.GoneName, tempOf(own)); slices.Contains(temps, own) {
			err = errors.Join(err, c.Dir.Remove(own))
		}
		if err != nil {
			b.Logger.Warn("the batches of removals of a cloud cannot be listed", "cloud", c.Name, "error", err)
			continue
		}
		for _, e := range list {
			v, err := cipher.ParseGoneEntry(e.Name)
			if err != nil {
				return err
			}
			if v.Writer != own {
				s.Others = true
				s.Saw(v.Writer)
			}
			if (v.Writer == own && !b.present || whole) && !b.read[e.Name] {
				b.learn(c, e, v.Writer == own)
			}
		}
	}
	return nil
}

// learn reads a batch.
func (b *Book) learn(c *replica.Cloud, e Entry, own bool) {
	batch, err := Open(c, e)
	if err != nil {
		return // another cloud may have it whole
	}
	age := b.Clock().Sub(batch.Mtime())
	b.mu.Lock()
	b.known.Add(batch.Removals(), age)
	b.mu.Unlock()
	b.read[e.Name] = true
	b.present = b.present || own && age < cipher.GoneCarried-24*time.Hour
}

// Bring gives a cloud the batches that others have and it lacks.
func (b *Book) Bring(to *replica.Cloud, from []*replica.Cloud) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	list, _, err := List(to)
	if err != nil {
		return err
	}
	has := map[cipher.PlainName]bool{}
	for _, e := range list {
		has[e.Name] = true
	}
	for _, c := range from {
		list, _, err := List(c)
		if err != nil {
			continue // it tells nothing of the other
		}
		for _, e := range list {
			if has[e.Name] {
				continue
			}
			batch, err := Open(c, e)
			if err != nil || b.Clock().Sub(batch.Mtime()) > cipher.GoneCarried {
				continue
			}
			if err := batch.Put(to, b.Owners); err != nil {
				return fmt.Errorf("bring a batch of removals: %w", err)
			}
			has[e.Name] = true
		}
	}
	return nil
}

// Open reads a batch of a cloud.
func Open(c *replica.Cloud, e Entry) (*Batch, error) {
	cp, err := c.Open(e.Path, false)
	if err != nil {
		return nil, err
	}
	b, err := Read(cp, e.Name)
	return b, errors.Join(err, cp.Close())
}
