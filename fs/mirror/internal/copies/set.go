package copies

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/notice"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// maxRun bounds the bytes of plaintext that are read at a time.
const maxRun = 1 << 20

// Ledger is what is remembered of copies that were checked.
type Ledger interface {
	WasChecked(c index.Checked) bool
	Checked(c index.Checked)
}

// Env is what all sets of a mirror share.
type Env struct {
	Clouds *clouds.Clouds
	Layout cipher.Layout
	Ledger Ledger
	Logger *slog.Logger
	Owners bool // the process may set owners of backing files

	Notices *notice.Board // or nil

	buffers sync.Pool
}

// Buffer takes scratch memory of n bytes.
func (e *Env) Buffer(n int) []byte {
	if b, ok := e.buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, max(n, 1<<16))
}

// Recycle gives scratch memory back.
func (e *Env) Recycle(b []byte) {
	b = b[:cap(b)]
	e.buffers.Put(&b)
}

// Owner is the open file that has the set.
type Owner interface {
	// Ino is the file's number, for the log.
	Ino() uint64

	// CheckLater works out a copy's verdict in the background: Await with no lock,
	// and then each Step with the file's, shared.
	CheckLater(k *Check)
}

// Set is the copies of one file.
type Set struct {
	*Env
	Owner  Owner
	List   []*Copy // by cloud, nil where that is absent
	Source int     // the one that is read

	// Stored is the version in their headers; none before the first.
	Stored journal.Sealed

	// Changing says that a commit is changing them, or that they are fresh
	// backing files: acc tells nothing of them.
	Changing bool

	trust lock.Mutex[lock.Trust]
}

// Floor is the number of chunks of the stored version.
func (s *Set) Floor() int64 { return s.Layout.Records(s.Stored.Head.Length) }

// Compare finds the version that is served among the copies of clouds that are
// up, and says of every other copy why it does not serve. It is nil where none
// serves.
func (s *Set) Compare() *cipher.Header {
	var best *cipher.Header
	for _, c := range s.List {
		if !c.Serves() || !c.On.Up() {
			continue
		}
		if best == nil || sameFile(best, c.Head) && cipher.Compare(c.Head.Version, best.Version) == cipher.Greater {
			best = c.Head
		}
	}
	if best == nil {
		return nil
	}
	for _, c := range s.List {
		if c.Serves() {
			c.Err = Difference(best, c.Head)
		}
	}
	return best
}

func sameFile(a, b *cipher.Header) bool { return a.FileID == b.FileID && a.Type == b.Type }

// Difference is why a header is not the one that is served.
func Difference(best, h *cipher.Header) error {
	if !sameFile(best, h) {
		return replica.ErrConflict
	}
	switch cipher.Compare(h.Version, best.Version) {
	case cipher.Equal:
		if h.CommitID == best.CommitID {
			return nil
		}
		return replica.ErrConflict
	case cipher.Less:
		return replica.ErrOlder
	}
	return replica.ErrConflict
}

// Adopt makes a header that was read the stored version.
func (s *Set) Adopt(h *cipher.Header) {
	s.Stored = journal.Sealed{Head: *h, Accs: make([]cipher.Acc, len(s.List))}
	s.Source = -1
	for k, c := range s.List {
		if !c.Serves() {
			continue
		}
		s.Stored.Accs[k] = c.Head.Acc
		if s.Source < 0 || !s.List[s.Source].On.Up() && c.On.Up() {
			s.Source = k
		}
	}
	for _, c := range s.List {
		s.recall(c)
	}
}

// Close closes all copies.
func (s *Set) Close() {
	for _, c := range s.List {
		c.Close()
	}
}

// Current returns the copy that is read, moving on when its cloud went out.
func (s *Set) Current() *Copy {
	if c := s.List[s.Source]; c.Serves() && (c.On.Up() || c.Beside == "") {
		return c
	}
	for k, c := range s.List {
		if c.Serves() {
			s.Source = k
			return c
		}
	}
	return s.List[s.Source]
}

// readers returns the copies that serve, the one that is read first.
func (s *Set) readers() []*Copy {
	list := make([]*Copy, 0, len(s.List))
	if c := s.List[s.Source]; c.Serves() && c.On.Up() {
		list = append(list, c)
	}
	for _, up := range []bool{true, false} {
		for _, c := range s.List {
			if c.Serves() && c.On.Up() == up && (len(list) == 0 || c != list[0]) {
				list = append(list, c)
			}
		}
	}
	return list
}

// Targets returns the copies that get this mount's changes. A copy in a cloud
// that went out is an older version from now on.
func (s *Set) Targets() []*Copy {
	var list []*Copy
	for _, c := range s.List {
		switch {
		case !c.Serves():
		case c.Writes():
			list = append(list, c)
		default:
			c.Err = replica.ErrOlder
		}
	}
	return list
}

// Each makes a change in every copy that gets them, one that no version counts
// yet, so that it may stay in one cloud and not in the other.
func (s *Set) Each(what string, do func(*Copy) error) error {
	var on []*clouds.Cloud
	for _, c := range s.Targets() {
		on = append(on, c.On)
	}
	_, err := s.Clouds.Make(clouds.Change{
		What: what,
		Do:   func(cl *clouds.Cloud) error { return do(s.List[cl.Index]) },
		Undo: clouds.Harmless,
		Skip: func(cl *clouds.Cloud, why error) { s.List[cl.Index].Err = why },
	}, on)
	s.Targets()
	return err
}

// Salts are the copies' salts, by cloud. That of another file, which a cloud has
// in the place of this one, is none: by it a replay would take that one for this.
func (s *Set) Salts() [][]byte {
	list := make([][]byte, len(s.List))
	for k, c := range s.List {
		if c != nil && c.Head != nil && !another(c, &s.Stored) {
			list[k] = slices.Clone(c.Head.Salt[:])
		}
	}
	return list
}

// another reports whether a copy is another file than the one that is served.
func another(c *Copy, served *journal.Sealed) bool {
	return c.Err != nil && served.Committed() && !sameFile(c.Head, &served.Head)
}

// Terms adds the terms of the records from first on to the acc of each copy that
// serves, or takes them away.
func (s *Set) Terms(accs []cipher.Acc, first int64, ids []cipher.WriteID, states []cipher.RecordState) {
	for k, c := range s.List {
		if c.Serves() {
			c.Keys.Terms(&accs[k], first, ids, states)
		}
	}
}
