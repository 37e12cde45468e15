package journal

import (
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

const rootKey = 1

// Fold is what a list of entries comes to: every name that they touch, with
// what is to be there in the end, and every file with its last version. It is
// made without a look at any cloud, and does not depend on how far one came.
type Fold struct {
	Root   *Thing
	Things []*Thing // in the order in which the log names them, the root first

	LastMade *Thing // the last file that the log made, or nil
	Ending   *Slot  // the name that the last entry takes from a file of which the log tells nothing else; or nil

	Exchanged [2]*Thing // the directories that the last entry exchanges, or nil

	byID   map[cipher.ID][]*Thing
	bySalt map[saltKey]*Thing
	refs   map[uint64]*Thing
	at     int // index of the entry that is being folded
	keys   uint64
}

type saltKey struct {
	cloud int
	salt  string
}

// NewFold folds entries in their order. One that was revoked is nil.
func NewFold(entries []*Entry) *Fold {
	f := &Fold{byID: map[cipher.ID][]*Thing{}, bySalt: map[saltKey]*Thing{}, refs: map[uint64]*Thing{}}
	f.Root = &Thing{Key: rootKey, Kind: unix.S_IFDIR}
	f.Things = []*Thing{f.Root}
	for at, e := range entries {
		if e == nil {
			continue
		}
		f.at, f.keys = at, (max(e.Seq, uint64(at))+1)<<16
		f.entry(e)
	}
	return f
}

func (f *Fold) entry(e *Entry) {
	f.Ending, f.Exchanged = nil, [2]*Thing{}
	switch e.Op {
	case OpBind:
		t := f.fileAt(f.slot(e.Path), e)
		t.Known = t.Known.Max(e.Had)
		f.refs[e.Ref] = t
		f.backing(t, e.Salts)
	case OpCreate:
		f.create(e)
	case OpFresh:
		f.fresh(e)
	case OpDirect:
		if t := f.refs[e.Ref]; t != nil && len(t.Backings) > 0 {
			t.Backings[len(t.Backings)-1].After.Add(e.First, e.First+e.Count)
		}
	case OpCommit:
		f.commit(f.refs[e.Ref], e)
	case OpFirm:
		f.fileAt(f.slot(e.Path), e).Firm = true
	case OpSpecial:
		t := f.create(e)
		f.commit(t, e)
		t.Backings[0].Whole = e.Commit
	case OpMkdir:
		f.create(e)
	case OpRename:
		f.rename(e)
	case OpExchange:
		f.exchange(e)
	case OpLink:
		t, to := f.fileAt(f.slot(e.Path), e), f.slot(e.To)
		t.Known = t.Known.Max(e.Had)
		f.vacate(to)
		t.enter(to)
	case OpUnlink:
		s := f.slot(e.Path)
		if t := f.fileAt(s, e); t.ID().IsZero() {
			f.Ending = s
		}
		f.end(s, e)
	case OpRmdir:
		s := f.slot(e.Path)
		t := f.dirAt(s)
		t.learn(e.Handles)
		t.leave(s)
	case OpDirAttr:
		dir := f.Root
		if len(e.Path) > 0 {
			dir = f.dirAt(f.slot(e.Path))
		}
		dir.setAttrs(e.Attrs)
	}
}

// Ref is the file that a number in the log stands for, or nil.
func (f *Fold) Ref(number uint64) *Thing { return f.refs[number] }

// Who tells which file a backing file in cloud k is, by its header: one with its
// salt, else one of which it is a version that the log holds, else the first that had its id and is in no backing file of which the
// log knows another salt.
func (f *Fold) Who(k int, h *cipher.Header) *Thing {
	if t := f.bySalt[saltKey{k, string(h.Salt[:])}]; t != nil {
		return t
	}
	list := f.byID[h.FileID]
	for _, t := range list {
		if slices.ContainsFunc(t.Backings, func(b *Backing) bool { return b.Has(h.CommitID) }) {
			return t
		}
	}
	for _, t := range list {
		if len(t.Backings) == 0 || t.Backings[0].Salt(k) == nil {
			return t
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}

// Ended reports whether a file was removed, and not at a lesser version, as far as the log tells of its names.
func (f *Fold) Ended(h *cipher.Header) bool {
	return slices.ContainsFunc(f.byID[h.FileID], func(t *Thing) bool {
		return t.ID() == h.FileID && t.Gone() && (t.Made || len(t.greatest()) > 0) && t.Covers(h.Version)
	})
}

// Backing is the backing file with that salt in cloud k, or nil.
func (f *Fold) Backing(k int, salt [16]byte) *Backing {
	t := f.bySalt[saltKey{k, string(salt[:])}]
	if t == nil {
		return nil
	}
	return t.backingOf(k, salt[:])
}

func (t *Thing) backingOf(k int, salt []byte) *Backing {
	for _, b := range t.Backings {
		if string(b.Salt(k)) == string(salt) {
			return b
		}
	}
	return nil
}

func (f *Fold) newThing(kind uint32, made bool) *Thing {
	f.keys++
	t := &Thing{Key: f.keys, Kind: kind, Made: made}
	f.Things = append(f.Things, t)
	return t
}

// slot finds the slot of a path. Directories on the way that the log names for
// the first time are things from then on.
func (f *Fold) slot(path []byte) *Slot {
	dir, rest := f.Root, string(path)
	for {
		name, more, deeper := strings.Cut(rest, "/")
		s := dir.slot(name)
		if !deeper {
			return s
		}
		dir, rest = f.dirAt(s), more
	}
}

// Follow puts a file where somebody else has moved it.
func (f *Fold) Follow(t *Thing, path string) {
	s := f.slot([]byte(path))
	t.Vanish()
	f.found(t, s)
}

// Yield gives up a name of a file that goes on at a path, which can lead through a
// directory of that name. It reports whether the log has nothing else there.
func (f *Fold) Yield(s *Slot, path string) bool {
	t := s.Now
	t.leave(s)
	at := f.slot([]byte(path))
	switch at.Now {
	case t:
	case nil:
		f.found(t, at)
	default:
		f.found(t, s)
		return false
	}
	return true
}

func (f *Fold) dirAt(s *Slot) *Thing {
	if s.Now != nil && s.Now.IsDir() {
		return s.Now
	}
	t := f.newThing(unix.S_IFDIR, false)
	f.found(t, s)
	return t
}

// fileAt is the file at a slot, by the entry that names it there. One with
// another id than the log has seen there is another file, which somebody else
// put in its place: only a commit or a rename in the log gives a file an id.
func (f *Fold) fileAt(s *Slot, e *Entry) *Thing {
	if t := s.Now; t != nil && !t.IsDir() && (t.ID().IsZero() || e.File == nil || e.File.IsZero() || slices.Contains(t.IDs, *e.File)) {
		f.identify(t, e.File)
		return t
	}
	t := f.known(e.File)
	if t == nil || t.Kind != e.Kind {
		t = f.newThing(e.Kind, false)
		f.identify(t, e.File)
	}
	f.found(t, s)
	return t
}

// found puts a thing where the log finds it, which is no change.
func (f *Fold) found(t *Thing, s *Slot) {
	if t.Found == nil && !t.Made {
		t.Found = s
	}
	mtime := s.Dir.Attrs.Mtime
	f.vacate(s)
	t.enter(s)
	s.Dir.Attrs.Mtime = mtime
}

// Home says that a file had a name before the log, which the log does not tell, at the
// path of then. It has it still, unless the log leaves no such place.
func (f *Fold) Home(t *Thing, path string) {
	dir, rest := f.Root, path
	for {
		name, more, deeper := strings.Cut(rest, "/")
		s := dir.names[name]
		switch {
		case !deeper && s == nil:
			f.found(t, dir.slot(name))
			return
		case !deeper:
			return
		case s == nil:
			dir = f.dirAt(dir.slot(name))
		default:
			at := slices.IndexFunc(s.Was, func(d *Thing) bool { return d.IsDir() && d.Found == s })
			if at < 0 || s.Was[at].Gone() {
				return
			}
			dir = s.Was[at]
		}
		rest = more
	}
}

// known is the file that has an id, or had it when the log took the last of its
// names that it tells of: it can have others.
func (f *Fold) known(id *cipher.ID) (t *Thing) {
	if id == nil || id.IsZero() {
		return nil
	}
	for _, o := range f.byID[*id] {
		if o.ID() == *id && (t == nil || t.Gone()) {
			t = o
		}
	}
	return t
}

func (f *Fold) identify(t *Thing, id *cipher.ID) {
	if id == nil || id.IsZero() || t.ID() == *id {
		return
	}
	t.IDs = append(t.IDs, *id)
	f.byID[*id] = append(f.byID[*id], t)
}

// vacate takes from a slot what is there, without a word of the log: it was
// replaced by what the log does not hold any more.
func (f *Fold) vacate(s *Slot) {
	if s.Now != nil {
		s.Now.leave(s)
	}
}

// end takes a file from a slot; it goes on under another name that is in use.
func (f *Fold) end(s *Slot, e *Entry) {
	t := s.Now
	if t == nil {
		return
	}
	t.Known = t.Known.Max(e.Seen)
	t.leave(s)
	if len(e.Also) == 0 || t.IsDir() {
		return
	}
	if also := f.slot(e.Also); also.Now != t {
		f.vacate(also)
		t.enter(also)
	}
}

func (f *Fold) create(e *Entry) *Thing {
	s, kind := f.slot(e.Path), e.Kind
	if e.Op == OpCreate {
		kind = unix.S_IFREG
	}
	if t := f.saidAgain(s, e); t != nil {
		f.backing(t, e.Salts)
		if e.Ref != 0 {
			f.refs[e.Ref] = t
		}
		return t
	}
	f.vacate(s)
	t := f.newThing(kind, true)
	t.setAttrs(e.Attrs)
	t.enter(s)
	if e.Op == OpMkdir {
		t.Attrs.Mtime = nil
		return t
	}
	f.LastMade = t
	f.identify(t, e.File)
	f.backing(t, e.Salts)
	if e.Ref != 0 {
		f.refs[e.Ref] = t
	}
	return t
}

// backing is the last backing file with any of these salts: a cloud that has not
// come along has an earlier one. One that is new takes the place of none.
func (f *Fold) backing(t *Thing, salts [][]byte) *Backing {
	for _, b := range slices.Backward(t.Backings) {
		for k, salt := range salts {
			if salt != nil && string(b.Salt(k)) == string(salt) {
				f.learnSalts(t, b, salts)
				return b
			}
		}
	}
	b := &Backing{Cut: math.MaxInt64, last: map[int64]int{}}
	t.Backings = append(t.Backings, b)
	f.learnSalts(t, b, salts)
	return b
}

func (f *Fold) learnSalts(t *Thing, b *Backing, salts [][]byte) {
	for k, salt := range salts {
		if of := t.backingOf(k, salt); salt == nil || of != nil && of != b {
			continue
		}
		for len(b.Salts) <= k {
			b.Salts = append(b.Salts, nil)
		}
		b.Salts[k] = salt
		f.bySalt[saltKey{k, string(salt)}] = t
	}
}

func (f *Fold) fresh(e *Entry) {
	t := f.refs[e.Ref]
	if t == nil || t.Gone() {
		return
	}
	b := f.backing(t, e.Salts)
	b.Temps = e.Temps
	dir := t.Now[0].Dir
	dir.Temps = append(dir.Temps, Temp{e.Temps, t})
}

func (f *Fold) commit(t *Thing, e *Entry) {
	if t == nil || e.Commit == nil {
		return
	}
	b := f.backing(t, e.Salts)
	if id := e.Commit.Head.Commit; !id.IsZero() && b.Has(id) {
		return // it is said again
	}
	f.identify(t, &e.Commit.Head.File)
	b.commit(f.at, e.Commit)
	t.Firm = t.Firm || e.Commit.Firm
}

func (f *Fold) rename(e *Entry) {
	from, to := f.slot(e.Path), f.slot(e.To)
	t := f.thingAt(from, e.Kind, e.File)
	if e.Over != 0 {
		old := f.thingAt(to, e.Over, e.replaced())
		if e.Other != nil {
			old.learn(e.Other.Handles)
		}
		f.end(to, e)
		if !old.IsDir() && old.ID().IsZero() {
			f.Ending = to
		}
	} else {
		f.vacate(to)
	}
	t.learn(e.Handles)
	t.Known = t.Known.Max(e.Had)
	t.leave(from)
	t.enter(to)
	if e.Commit != nil {
		f.commit(t, e)
	}
}

// replaced is the id of the file that a rename replaces, as far as the log tells.
func (e *Entry) replaced() *cipher.ID {
	switch {
	case e.Other != nil:
		return e.Other.File
	case e.Commit != nil:
		return &e.Commit.Head.File
	}
	return nil
}

// thingAt is what an entry names at a slot, of whatever kind.
func (f *Fold) thingAt(s *Slot, kind uint32, id *cipher.ID) *Thing {
	if kind == unix.S_IFDIR {
		return f.dirAt(s)
	}
	return f.fileAt(s, &Entry{File: id, Kind: kind})
}

func (f *Fold) exchange(e *Entry) {
	a, b := f.slot(e.Path), f.slot(e.To)
	other := e.Other
	if other == nil {
		other = &Identity{}
	}
	x, y := f.thingAt(a, e.Kind, e.File), f.thingAt(b, e.Over, other.File)
	x.learn(e.Handles)
	y.learn(other.Handles)
	if len(e.Temps) > 0 {
		b.Dir.Temps = append(b.Dir.Temps, Temp{e.Temps, x})
	}
	x.leave(a)
	y.leave(b)
	x.enter(b)
	y.enter(a)
	if x.IsDir() && y.IsDir() {
		f.Exchanged = [2]*Thing{x, y}
	}
}

// learn keeps a directory's handles.
func (t *Thing) learn(handles [][]byte) {
	for k, h := range handles {
		if h == nil {
			continue
		}
		for len(t.Handles) <= k {
			t.Handles = append(t.Handles, nil)
		}
		t.Handles[k] = h
	}
}

func (t *Thing) setAttrs(a *Attrs) {
	if a == nil {
		return
	}
	set(&t.Attrs.Mode, a.Mode)
	set(&t.Attrs.UID, a.UID)
	set(&t.Attrs.GID, a.GID)
	set(&t.Attrs.Atime, a.Atime)
	set(&t.Attrs.Mtime, a.Mtime)
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}
