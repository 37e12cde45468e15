package mirror

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// replayer finishes, at mount, what the log says was under way. It goes
// through the log once for each cloud: a cloud may have any prefix of the
// operations on names, and any part of the data that was not synced. Every
// step looks first whether it is done already.
type replayer struct {
	m          *Mirror
	entries    []*journal.Entry      // without data
	seqs       []uint64              // of entries
	refs       map[uint64]*ref       // files that the log names
	misses     []int                 // steps that could not be done, by cloud
	made       map[string]bool       // directories made by this replay, by cloud and path
	lives      map[string]*life      // of backing files, by salt
	became     map[cipher.ID]*became // file ids that a takeover changed
	everything map[string]*inventory // of a cloud that had to be searched
	finals     map[string]*final     // of the cloud that is being done, by salt
}

// ref is a file that the log names, and where it was then.
type ref struct {
	path   string
	at     int // index of the binding entry
	kind   uint32
	file   cipher.ID
	commit int // index of the last commit, -1
	change int // index of the last change, -1
}

// replay brings everything that the log holds to the clouds that are up, and
// empties it.
func (m *Mirror) replay() error {
	r := &replayer{m: m, refs: map[uint64]*ref{}, misses: make([]int, len(m.members)), made: map[string]bool{}, lives: map[string]*life{}, became: map[cipher.ID]*became{}, everything: map[string]*inventory{}}
	if err := r.survey(); err != nil {
		return err
	}
	if m.readOnly {
		return nil // what is not replayed must still tell a power cut from a kill
	}
	if len(r.entries) == 0 {
		return m.state.MarkBoot()
	}
	m.logger.Info("replaying the redo log", "entries", len(r.entries), "sameBoot", m.state.SameBoot())
	for _, mb := range m.members {
		if err := m.markAbsent(mb); err != nil {
			return err
		}
	}
	for _, mb := range m.ups() {
		if err := r.replayIn(mb); err != nil {
			if f := faultOf(err); f == starved || f == closing {
				return err // the log is as it was
			}
			if err := m.drop(mb, "replay", err); err != nil {
				return err
			}
		}
	}
	if err := r.dropIncomplete(); err != nil {
		return err
	}
	if m.state.SameBoot() {
		if err := r.recover(); err != nil {
			return err
		}
	}
	if err := m.Sync(); err != nil {
		return err
	}
	return m.state.MarkBoot()
}

// survey reads the log without its data. Of an operation that came to nothing
// it keeps the place alone.
func (r *replayer) survey() error {
	revoked := map[uint64]bool{}
	err := r.m.log.Replay(func(seq uint64, payload []byte) error {
		e, err := journal.Parse(payload)
		if err != nil {
			return err
		}
		e.Data = nil
		r.entries, r.seqs = append(r.entries, e), append(r.seqs, seq)
		r.m.refs.Store(max(r.m.refs.Load(), e.Ref))
		if e.Op == journal.OpRevoke {
			revoked[e.Revokes] = true
		}
		return nil
	})
	for at, e := range r.entries {
		if revoked[r.seqs[at]] {
			r.entries[at] = &journal.Entry{Op: journal.OpRevoke}
		} else {
			r.note(at, e)
		}
	}
	return err
}

// note keeps what an entry says of a file.
func (r *replayer) note(at int, e *journal.Entry) {
	if e.Op == journal.OpBind || e.Op == journal.OpCreate {
		f := &ref{path: string(e.Path), at: at, kind: e.Kind, commit: -1, change: -1}
		if e.Op == journal.OpCreate {
			f.kind, f.change = unix.S_IFREG, at
		}
		if e.File != nil {
			f.file = *e.File
		}
		r.refs[e.Ref] = f
		return
	}
	if e.Op == journal.OpRename && e.Commit != nil {
		r.became[e.Commit.Base.File] = &became{at, &e.Commit.Head}
		l := r.life(e.Salts)
		l.heads = append(l.heads, e.Commit.Head.Commit)
	}
	f := r.refs[e.Ref]
	if e.Ref == 0 || f == nil {
		return
	}
	if e.Op == journal.OpCommit {
		f.commit = at
		r.life(e.Salts).commit(at, e.Commit)
		return
	}
	f.change = at
	if e.Op == journal.OpFresh {
		life := r.life(e.Salts)
		life.fresh, life.temps = at, e.Temps
	}
}

// became is what a file goes on as since a takeover, by its entry's index.
type became struct {
	at   int
	head *journal.Head
}

// life is what the log says of one backing file in each cloud, from the first
// entry to the last.
type life struct {
	fresh int           // index of the entry that made it, 0 where it was there before
	temps []string      // its entry until it is in place, by cloud
	last  *journal.Head // the last version
	heads []cipher.ID   // every version's commit id
	chunk map[int64]int // the last commit that has a chunk
	cuts  []cutAt
}

// cutAt is a commit, by its index, before which all from a chunk on went.
type cutAt struct {
	at   int
	from int64
}

// life returns what is known of the backing files with these salts.
func (r *replayer) life(salts [][]byte) *life {
	for _, salt := range salts {
		if l := r.lives[string(salt)]; l != nil {
			return l
		}
	}
	l := &life{chunk: map[int64]int{}}
	for _, salt := range salts {
		if salt != nil {
			r.lives[string(salt)] = l
		}
	}
	return l
}

func (l *life) commit(at int, v *journal.Commit) {
	l.last = &v.Head
	l.heads = append(l.heads, v.Head.Commit)
	if v.Cut != nil {
		l.cuts = append(l.cuts, cutAt{at, *v.Cut})
	}
	for _, ch := range v.Chunks {
		l.chunk[ch.Index] = at
	}
}

// supersedes reports whether a commit after the one at index at has chunk i, or
// removes it.
func (l *life) supersedes(at int, i int64) bool {
	return l.chunk[i] > at || slices.ContainsFunc(l.cuts, func(c cutAt) bool { return c.at > at && c.from <= i })
}

// dropIncomplete puts clouds behind that miss what another one has.
func (r *replayer) dropIncomplete() error {
	least := -1
	for _, mb := range r.m.ups() {
		if n := r.misses[mb.index]; least < 0 || n < least {
			least = n
		}
	}
	for _, mb := range r.m.ups() {
		if r.misses[mb.index] > least {
			if err := r.m.drop(mb, "replay", fmt.Errorf("%d changes could not be finished", r.misses[mb.index])); err != nil {
				return err
			}
		}
	}
	return nil
}

// miss notes a step that cannot be done in a cloud. The log is plaintext:
// names go into it only where somebody asked for everything.
func (r *replayer) miss(mb *member, e *journal.Entry, why error) {
	r.misses[mb.index]++
	r.m.logger.Warn("a change cannot be finished", "cloud", mb.name, "operation", e.Op, "error", why)
	r.m.logger.Debug("this change cannot be finished", "path", string(e.Path), "to", string(e.To))
}

// images returns where something at path may be, given that any of the
// operations on names after entry at may have been done: path itself, then
// each later place.
func (r *replayer) images(path string, at int) []string {
	list := []string{path}
	for _, e := range r.entries[at+1:] {
		from, to := string(e.Path), string(e.To)
		for _, p := range list {
			switch e.Op {
			case journal.OpRename:
				list = addImage(list, p, from, to)
			case journal.OpExchange:
				list = addImage(list, p, from, to)
				list = addImage(list, p, to, from)
			case journal.OpLink:
				if p == from {
					list = addImage(list, p, from, to)
				}
			case journal.OpUnlink:
				if p == from && len(e.Also) > 0 {
					list = addImage(list, p, from, string(e.Also))
				}
			}
			if e.Op == journal.OpRename && p == to && len(e.Also) > 0 {
				list = addImage(list, p, to, string(e.Also))
			}
		}
	}
	return list
}

func addImage(list []string, p, from, to string) []string {
	rest, ok := strings.CutPrefix(p, from)
	if !ok || rest != "" && rest[0] != '/' {
		return list
	}
	image := to + rest
	for _, have := range list {
		if have == image {
			return list
		}
	}
	return append(list, image)
}

// final returns where something at path is after all operations, or one of the
// places if links gave it several; alive is false when they remove or replace
// every one.
func (r *replayer) final(path string, at int) (where string, alive bool) {
	places := places{path}
	for _, e := range r.entries[at+1:] {
		if places = places.after(e); len(places) == 0 {
			return path, false
		}
	}
	return places[0], true
}

// places are all the paths of one file or directory.
type places []string

// after is where they are after an operation. What it removes without being
// the last name goes on under the others.
func (p places) after(e *journal.Entry) places {
	from, to := string(e.Path), string(e.To)
	var next places
	for _, path := range p {
		switch e.Op {
		case journal.OpLink:
			next = append(next, path)
			if path == from {
				next = append(next, to)
			}
			continue
		case journal.OpUnlink, journal.OpRmdir:
			if path == from || strings.HasPrefix(path, from+"/") {
				path = string(e.Also)
			}
		case journal.OpRename:
			if path == to {
				path = string(e.Also)
			} else {
				path = moveImage(path, from, to)
			}
		case journal.OpExchange:
			if moved := moveImage(path, from, to); moved != path {
				path = moved
			} else {
				path = moveImage(path, to, from)
			}
		}
		if path != "" && !slices.Contains(next, path) {
			next = append(next, path)
		}
	}
	return next
}

func moveImage(p, from, to string) string {
	if rest, ok := strings.CutPrefix(p, from); ok && (rest == "" || rest[0] == '/') {
		return to + rest
	}
	return p
}

// entryPath spells a plaintext path in one cloud.
func (r *replayer) entryPath(mb *member, plain string, kind uint32) (path string, dir string, name cipher.Name, err error) {
	if plain == "" {
		return "", "", name, nil
	}
	for part := range strings.SplitSeq(plain, "/") {
		if name, err = mb.keys.EncodeName(cipher.PlainName(part)); err != nil {
			return "", "", name, err
		}
		dir, path = path, join(path, string(name.Entry))
	}
	if special := kind != unix.S_IFDIR && kind != unix.S_IFREG; special {
		path += "w"
	}
	return path, dir, name, nil
}

// locate finds the backing entry that matches among the images of a path.
func (r *replayer) locate(mb *member, e spot, match func(path string) bool) (path string, ok bool) {
	for _, image := range r.images(e.path, e.at) {
		path, _, _, err := r.entryPath(mb, image, e.kind)
		if err == nil && match(path) {
			return path, true
		}
	}
	return "", false
}

// spot is a path as of one entry of the log.
type spot struct {
	path string
	at   int
	kind uint32
}

// hasSalt matches a backing file by the salt in its header.
func (r *replayer) hasSalt(mb *member, salt []byte) func(string) bool {
	return func(path string) bool {
		have, ok := r.saltAt(mb, path)
		return ok && have == string(salt)
	}
}

// hasID matches a backing file by the file id in its header.
func (r *replayer) hasID(mb *member, ids ...*cipher.ID) func(string) bool {
	return func(path string) bool {
		h, err := r.m.peek(mb, path)
		if err != nil {
			return false
		}
		for _, id := range ids {
			if id != nil && h.FileID == *id {
				return true
			}
		}
		return false
	}
}

// isSame matches a backing file by the file id that it has now: what a log
// entry named may have gone on in another backing file since, and under the
// id of one that it replaced.
func (r *replayer) isSame(mb *member, id cipher.ID) func(string) bool {
	return func(path string) bool {
		h, err := r.m.peek(mb, path)
		return err == nil && r.goesOn(id, h)
	}
}

// goesOn reports whether a header belongs to what was the file id. That of a
// fresh backing file has no version until its commit is finished.
func (r *replayer) goesOn(id cipher.ID, h *cipher.Header) bool {
	if h.FileID == id {
		return true
	}
	fresh := -1
	if l := r.lives[string(h.Salt[:])]; l != nil && len(h.Version) == 0 {
		fresh = l.fresh
	}
	for range r.became {
		next := r.became[id]
		if next == nil {
			return false
		}
		id = next.head.File
		if order := cipher.Compare(h.Version, next.head.Version); h.FileID == id && (fresh > next.at || order == cipher.Equal || order == cipher.Greater) {
			return true
		}
	}
	return false
}

// isDir matches a directory by its inode, or one that this replay made.
func (r *replayer) isDir(mb *member, inodes []uint64) func(string) bool {
	return func(path string) bool {
		info, err := mb.dir.Stat(path)
		if err != nil || !info.Dir {
			return false
		}
		return r.made[mb.name+"\x00"+path] || mb.index < len(inodes) && inodes[mb.index] == info.Ino
	}
}

// replayIn goes through the log for one cloud.
func (r *replayer) replayIn(mb *member) error {
	r.finals = map[string]*final{}
	for _, e := range r.entries {
		if e.Op == journal.OpExchange {
			if err := r.finishSwap(mb, e); err != nil {
				return err
			}
		}
	}
	at := -1
	err := r.m.log.Replay(func(_ uint64, payload []byte) error {
		if at++; at >= len(r.entries) || r.entries[at].Op == journal.OpRevoke {
			return nil
		}
		e, err := journal.Parse(payload)
		if err != nil {
			return err
		}
		if e.Op == journal.OpCommit {
			return r.redoCommit(mb, at, e)
		}
		return r.redoName(mb, at, e)
	})
	if err != nil {
		return err
	}
	if !r.m.state.SameBoot() {
		if err := r.mendSidecars(mb); err != nil {
			return err
		}
	}
	if err := mb.dir.Syncfs(); err != nil {
		return err
	}
	r.finishCommits(mb)
	return nil
}
