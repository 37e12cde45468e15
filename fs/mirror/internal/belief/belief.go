package belief

import (
	"log/slog"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Debtor is told what is to be repaired: a cloud, by the vault's order, does not have
// at a place what should be there; wide: that follows from what is at other names, too.
// It tells what is owed already.
type Debtor interface {
	Differs(cloud int, place index.Place, wide bool, has index.Known)

	// Pay is told that a cloud has at a place what should be there.
	Pay(cloud int, place index.Place)

	// Owes reports whether a cloud in use, by the vault's order, is known to lack
	// what others have at a path, or to have something else there.
	Owes(cloud int, path string) bool

	// Misses reports whether a cloud that is out, by the vault's order, has missed a
	// change at a path or above it, or nobody knows.
	Misses(cloud int, path string) bool
	// Unseen reports whether a cloud in use owes nobody knows what.
	Unseen(cloud int) bool
}

// Config says whom to ask, and whom to tell.
type Config struct {
	Clouds *clouds.Clouds
	Memory memory.Rows
	Debts  Debtor
	Logger *slog.Logger
	Clock  func() time.Time
	Kernel func() time.Time     // the clock that the clouds' ctimes are from
	Owners bool                 // backing files have their file's owner
	Writer func() uint32        // who makes the next version
	Back   func(cipher.Removal) // told of a record of what is shown again, where no cloud has it
}

// Belief says which clouds are believed. It is safe for concurrent use.
type Belief struct {
	Config
	looker *compare.Looker // of the clouds as they are opened; replaced while nobody asks

	mu      sync.Mutex
	answers map[index.Place]*answered
	touches map[index.Place][]touch // by cloud
}

// settleTime is how long what changes may still be changing.
const settleTime = 30 * time.Second

// New makes it.
func New(c Config) *Belief {
	b := &Belief{Config: c}
	b.Renew()
	return b
}

// Renew looks at the clouds as they are opened now, and forgets what was found of
// those before. Nobody asks anything meanwhile.
func (b *Belief) Renew() {
	var all []*replica.Cloud
	for _, cl := range b.Clouds.All() {
		all = append(all, cl.Cloud)
	}
	b.looker = compare.NewLooker(compare.Config{Clouds: all, Memory: b.Known(), Clock: b.Clock, SettleTime: settleTime, Only: -1})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers, b.touches = map[index.Place]*answered{}, map[index.Place][]touch{}
}

// Known is what the memory knows.
func (b *Belief) Known() Known {
	known := Known{Memory: b.Memory, Debts: b.Debts}
	for _, cl := range b.Clouds.All() {
		known.Clouds = append(known.Clouds, cl.ID)
	}
	return known
}

// Ask answers a question.
func (b *Belief) Ask(q *Question) (*Answer, error) {
	row := b.Row(q)
	b.disbelieve(q, &row)
	if a := b.quick(q, row); a != nil {
		return a, nil
	}
	if a := b.before(q, &row); a != nil {
		return a, nil
	}
	return b.judge(q, row)
}

// Judge answers by the headers, whatever the entries show.
func (b *Belief) Judge(q *Question) (*Answer, error) {
	row := b.Row(q)
	b.disbelieve(q, &row)
	return b.judge(q, row)
}

// disbelieve asks those clouds nothing that show a directory where this machine
// has removed something, and that are known to owe the name, or nobody knows what.
func (b *Belief) disbelieve(q *Question, row *index.Row) {
	if row.Known.Kind != index.Gone {
		return
	}
	for k, s := range q.Shown {
		if path, ok := q.Path(); s.There && s.Info.Dir && ok && (b.Debts.Unseen(k) || b.Debts.Owes(k, path)) {
			q.Shown[k] = Shown{}
		}
	}
}

// Row is what is known of a name. What cannot be read is not known.
func (b *Belief) Row(q *Question) index.Row {
	if q.Place.Dir == 0 {
		return index.Row{}
	}
	row, err := b.Memory.Row(q.Place)
	if err != nil {
		b.Logger.Error("what this machine knows cannot be read", "error", err)
		return index.Row{Place: q.Place}
	}
	return row
}

// quick answers where nothing speaks against what the clouds show, else it
// returns nil.
func (b *Belief) quick(q *Question, row index.Row) *Answer {
	a := &Answer{Is: judge.WantNothing, Row: row, Shown: q.Shown, Serves: make([]bool, len(q.Shown))}
	var first *Shown
	for k := range q.Shown {
		s := &q.Shown[k]
		if !s.Asked {
			continue
		}
		if first == nil {
			first = s
		}
		if s.There != first.There || s.Special != first.Special || s.Info.Dir != first.Info.Dir {
			return nil
		}
		a.Serves[k] = s.There
	}
	switch {
	case first == nil || !first.There:
		if row.Known.Kind == index.IsFile || row.Known.Kind == index.IsDir {
			return nil
		}
		return a
	case first.Info.Dir:
		a.Is = judge.WantDir
		if row.Known.Kind != index.IsDir && row.Known.Kind != index.Unknown {
			return nil
		}
		return a
	}
	// What nobody has looked at yet is as its header says: a sync tool may have dropped modes and times in every cloud.
	a.Is, a.Special = judge.WantFile, first.Special
	if row.Known.Kind == index.IsFile && row.Known.File.Type.Special() == first.Special && b.stand(q, &row) {
		return a
	}
	return nil
}

// stand reports whether every cloud shows the backing file that had the version
// that is known, as it was then.
func (b *Belief) stand(q *Question, row *index.Row) bool {
	if row.Known.Version.IsZero() {
		return false
	}
	for k := range q.Shown {
		s := &q.Shown[k]
		if !s.Asked {
			continue
		}
		if !Stands(row, b.Clouds.All()[k].ID, s.Info) && !b.ours(row, k, s.Info) {
			return false
		}
	}
	return true
}

// Stands reports whether a backing file is what a cloud had when it had the
// version that is known.
func Stands(row *index.Row, cloud cipher.ID, i cloud.Info) bool {
	c := copyIn(row, cloud)
	return c.InPlace.Equal(row.Known.Version) && sameStat(c.Stat, i)
}

func copyIn(row *index.Row, cloud cipher.ID) index.Copy {
	for _, c := range row.Copies {
		if c.Cloud == cloud {
			return c
		}
	}
	return index.Copy{}
}

// StatOf is what the memory keeps of a backing file.
func StatOf(i cloud.Info) index.Stat {
	return index.Stat{Ino: i.Ino, Ctime: i.Ctime, Size: i.Size, Mode: i.Mode, UID: i.UID, GID: i.GID}
}

func sameStat(s index.Stat, i cloud.Info) bool {
	now := StatOf(i)
	same := s.Ctime.Equal(now.Ctime)
	now.Ctime = s.Ctime
	return same && s == now
}
