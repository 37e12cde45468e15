package mirror

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
)

// RenameFlags are those of renameat2.
type RenameFlags struct {
	NoReplace bool
	Exchange  bool
}

// move is a rename on its way: what is moved and what is replaced.
type move struct {
	m               *Mirror
	from, to        nodes.Link
	src, dst        *nodes.Node // dst is nil where nothing is replaced
	srcAt, dstAt    *belief.Answer
	plain, newPlain string
	was, dstWas     index.Known // what both ends were
	dstLast         bool        // what is replaced is a file's last name
	takeover        *content.Takeover
	sourceFile      content.Holder // for a takeover; of nothing where none is due
	left            left
	emptied         []*clouds.Cloud // where it is done
	undone          bool            // the source has a new identity, which the clouds lack
	since           time.Time       // when it began
	unlock          func()
}

// Rename moves an entry. A regular file that replaces another one takes over
// its identity, so that other machines see a new version and not a conflict.
func (n Node) Rename(name string, to Node, newName string, flags RenameFlags) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	from, err := m.link(n, name)
	if err != nil {
		return err
	}
	into, err := m.link(to, newName)
	if err != nil {
		return err
	}
	mv := &move{m: m, from: from, to: into}
	defer func() { mv.end() }()
	if err := mv.lock(flags); err != nil {
		return err
	}
	if flags.Exchange {
		return mv.exchange()
	}
	if err := mv.check(flags); err != nil {
		return err
	}
	if mv.same() {
		return nil
	}
	litter := &view.Litter{}
	if mv.dst != nil && mv.dst.IsDir() {
		if litter, err = m.view.Litter(mv.dst); err != nil {
			return err
		}
	}
	e, err := mv.log()
	if err != nil {
		return err
	}
	c := clouds.Change{What: "rename", Do: func(cl *clouds.Cloud) error { return mv.in(cl, litter) }}
	if mv.dst == nil { // what a rename has replaced nobody can put back
		c.Undo = func(cl *clouds.Cloud) error { return mv.back(cl) }
	}
	mv.since = m.belief.Kernel()
	made, err := m.operate(e, c)
	if !made {
		mv.undoTakeover()
		return err
	}
	mv.done()
	return err
}

// lock finds both ends and locks Mirror.names with no commit of either
// under way. A source that will replace a regular file is committed first, and
// durable in the log or on the lead.
func (mv *move) lock(flags RenameFlags) error {
	// What is replaced is as a rule known already: whoever renames has looked. The clouds are asked before only where that was
	// wrong, and behind the locks in any case.
	find := live
	for {
		again, err := mv.tryLock(flags, find)
		if err != nil || !again {
			return err
		}
		mv.end()
		mv.src, mv.dst, mv.unlock, mv.sourceFile = nil, nil, nil, content.Holder{}
		find = mv.m.findChild
	}
}

func (mv *move) tryLock(flags RenameFlags, find func(nodes.Link) (*nodes.Node, error)) (again bool, err error) {
	m := mv.m
	if mv.src, err = m.findChild(mv.from); err != nil {
		return false, err
	}
	if mv.src == nil {
		return false, fs.ErrNotExist
	}
	if mv.dst, err = find(mv.to); err != nil {
		return false, err
	}
	if mv.replaces(flags) {
		if err := mv.prepareSource(); err != nil {
			return false, err
		}
	}
	if mv.unlock, err = m.lockNodes(mv.src, mv.dst); err != nil {
		return false, err
	}
	src, srcAt, err := view.Again(m.view, mv.from, mv.src)
	if err != nil {
		return false, err
	}
	src.Forget()
	dst, dstAt, err := view.Again(m.view, mv.to, mv.dst)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if dst != nil {
		dst.Forget()
	}
	mv.srcAt, mv.dstAt = srcAt, dstAt
	again = src != mv.src || dst != mv.dst || mv.sourceFile.File != nil && mv.sourceFile.Unfinished()
	return again, nil
}

// replaces reports whether a takeover is due.
func (mv *move) replaces(flags RenameFlags) bool {
	return mv.dst != nil && mv.dst != mv.src && !flags.Exchange && !flags.NoReplace &&
		mv.src.Kind() == unix.S_IFREG && mv.dst.Kind() == unix.S_IFREG
}

// same reports whether both names are links of one file. They can be held as two where a sync client has parted them in some cloud:
// another one tells.
func (mv *move) same() bool {
	if mv.dst == nil || mv.dst == mv.src || mv.src.IsDir() {
		return mv.dst == mv.src
	}
	to := mv.dstAt.Inodes()
	for k, ino := range mv.srcAt.Inodes() {
		if ino != 0 && ino == to[k] {
			return true
		}
	}
	return false
}

// replaced is the removal of what is replaced.
func (mv *move) replaced() *removal {
	return &removal{m: mv.m, link: mv.to, child: mv.dst, at: mv.dstAt, last: mv.dstLast}
}

// prepareSource opens the source and commits it. A source that cannot be read
// is renamed as it is.
func (mv *move) prepareSource() error {
	f, err := mv.src.Content.Acquire()
	if err != nil {
		return nil
	}
	mv.sourceFile = f
	return f.Flush()
}

// end lets go of what lock took.
func (mv *move) end() {
	if mv.unlock != nil {
		mv.unlock()
		mv.left.renew(mv.m)
	}
	if mv.sourceFile.File != nil {
		if mv.undone {
			mv.takeover.Resume() // with no lock held, see the package's lock order
		}
		mv.sourceFile.Release()
	}
	for _, n := range []*nodes.Node{mv.src, mv.dst} {
		if n != nil {
			n.Forget()
		}
	}
}

// check refuses what rename(2) refuses.
func (mv *move) check(flags RenameFlags) error {
	m := mv.m
	var ok, newOK bool
	mv.plain, ok = mv.from.Path()
	mv.newPlain, newOK = mv.to.Path()
	if !ok || !newOK {
		return fs.ErrNotExist
	}
	if err := errors.Join(m.waiting.Name(mv.newPlain), inUse(m, mv.srcAt)); err != nil {
		return err
	}
	if mv.src.IsDir() && mv.to.Parent.Within(mv.src) {
		return ErrInvalid
	}
	switch {
	case mv.dst == nil:
	case flags.NoReplace:
		return fs.ErrExist
	case mv.dst == mv.src:
	case mv.src.IsDir() && !mv.dst.IsDir():
		return ErrNotDir
	case !mv.src.IsDir() && mv.dst.IsDir():
		return ErrIsDir
	case mv.dst.IsDir() && mv.from.Parent.Within(mv.dst):
		return ErrNotEmpty
	}
	return nil
}

// log draws a takeover's version and writes the log's entry. It is durable
// before something is replaced: the log then knows of all that was there, and
// of headers that the takeover touches.
func (mv *move) log() (e *journal.Entry, err error) {
	m := mv.m
	e = &journal.Entry{Op: journal.OpRename, Path: []byte(mv.plain), To: []byte(mv.newPlain), Kind: mv.src.Kind()}
	if mv.dst != nil {
		e.Over = mv.dst.Kind()
		var seen index.Version
		e.Other, seen = mv.identity(mv.dst, mv.dstAt)
		if e.Other.File != nil {
			mv.dstWas = index.Known{File: telling.File(*e.Other.File, mv.dst.Kind()), Version: seen}
		}
		e.Seen = seen.Vector
		e.Also = mv.replaced().also()
	}
	if mv.src.IsDir() {
		// The log finds what is in a directory by the moves that it knows, so
		// that no cloud may see one that a power cut could take from the log.
		e.Handles, mv.was = m.view.Handles(mv.src), m.view.Known(mv.src, nil, index.Version{})
		_, err = m.log.AppendDurably(e)
		return e, err
	}
	id, had := m.view.IdentifyFound(mv.src, mv.srcAt)
	e.File, e.Had, mv.was = &id, had.Vector, view.KnownAt(m.view, mv.from, mv.src, &id, had)
	to, _ := mv.to.Place()
	mv.dstLast = mv.dst != nil && !mv.dst.IsDir() && m.belief.Last(mv.dstAt, mv.dstWas.File, to)
	if mv.sourceFile.File != nil && mv.dst != nil && mv.single() {
		if err := mv.planTakeover(e); err != nil {
			return nil, err
		}
	}
	mv.noteLast(e)
	if mv.dst != nil {
		_, err = m.log.AppendDurably(e)
	} else {
		_, err = m.log.Append(e)
	}
	return e, err
}

// single reports whether both ends are the only names of their files, and undisputed.
func (mv *move) single() bool {
	from, _ := mv.from.Place()
	return !mv.srcAt.Disputed && !mv.dstAt.Disputed && !mv.srcAt.Linked() && !mv.dstAt.Linked() &&
		mv.dstLast && mv.m.belief.Last(mv.srcAt, mv.was.File, from)
}

// noteLast has the entry say which file ends with the rename: the one that is
// replaced, or whose content goes on under the id of that one.
func (mv *move) noteLast(e *journal.Entry) {
	switch {
	case mv.takeover != nil:
		e.Last = e.File
	case mv.dstLast:
		e.Last = e.Other.File
	}
}

// identity is how the log tells what changes places or is replaced, with the
// version that a file had then. The caller holds Mirror.names.
func (mv *move) identity(n *nodes.Node, f *belief.Answer) (*journal.Identity, index.Version) {
	if n.IsDir() {
		return &journal.Identity{Handles: mv.m.view.Handles(n)}, index.Version{}
	}
	id, seen := mv.m.view.IdentifyFound(n, f)
	return &journal.Identity{File: &id}, seen
}

func (mv *move) planTakeover(e *journal.Entry) error {
	old, err := mv.replacedHead()
	if err != nil {
		return nil // what is replaced cannot be read: there is nothing to take over
	}
	source := mv.sourceFile.Version()
	behind, beside := view.BehindKnown(mv.m.view, mv.to, old, source.Head.Version)
	if behind = behind || mv.dstAt.Renew; behind && !beside {
		return nil
	} else if behind {
		if err := mv.m.view.Renew(); err != nil {
			return err
		}
	}
	same := mv.srcAt.Info().Size == mv.dstAt.Info().Size && mv.srcAt.Info().Mtime.Equal(mv.dstAt.Info().Mtime)
	mv.takeover, err = mv.sourceFile.PlanTakeover(old, same, e)
	return err
}

// replacedHead is the header of the file that is replaced.
func (mv *move) replacedHead() (*cipher.Header, error) {
	m := mv.m
	if f := mv.dst.Content.Open(); f != nil {
		return f.Replaced()
	}
	k := mv.dstAt.Best()
	h, err := m.clouds.All()[k].Header(mv.to.In(k, false))
	if err == nil && len(h.Version) == 0 {
		err = ErrArriving
	}
	return h, err
}

// in renames in one cloud.
func (mv *move) in(cl *clouds.Cloud, litter *view.Litter) error {
	k := cl.Index
	if litter.Kept(cl) || mv.another(cl) {
		return ErrConflict
	}
	if err := makeRoom(cl, mv.to, mv.dstAt); err != nil {
		return err
	}
	source, target := mv.from.In(k, mv.src.Special()), mv.to.In(k, mv.src.Special())
	if err := litter.Remove(cl, target); err != nil {
		return err
	}
	if mv.takeover != nil {
		if err := mv.takeover.In(cl); err != nil {
			return errors.Join(err, mv.takeover.BackIn(cl, mv.srcAt.Shown[k].Info))
		}
	}
	if err := cl.Dir.Rename(source, target); err != nil {
		if !mv.srcAt.Serves[k] && replica.Missing(err) {
			return errors.Join(err, mv.removeReplaced(cl))
		}
		if mv.dst == nil && ofAnotherKind(err) && len(mv.m.clouds.Ups()) > 1 {
			err = errors.Join(ErrConflict, err) // something is hidden there: the name is free for programs
		}
		return errors.Join(err, mv.takeover.BackIn(cl, mv.srcAt.Shown[k].Info))
	}
	if mv.dst != nil && mv.dst.Special() != mv.src.Special() {
		if err := cl.Dir.Remove(mv.to.In(k, mv.dst.Special())); err != nil && !replica.Missing(err) {
			return err
		}
	}
	dropSidecar(mv.m, cl, mv.from)
	mv.emptied = append(mv.emptied, cl)
	return nil
}

// another reports whether a cloud shows something else than what is renamed, which has no part in that. Another version of the
// same file goes along: it may be an edit, and is better looked for where the file is.
func (mv *move) another(cl *clouds.Cloud) bool {
	k := cl.Index
	if !mv.srcAt.Another(k) {
		return mv.srcAt.Stays(k)
	}
	if mv.takeover != nil || mv.src.IsDir() {
		return true
	}
	h, err := cl.Header(mv.from.In(k, mv.src.Special()))
	return err != nil || index.File{ID: h.FileID, Type: h.Type} != mv.was.File
}

// ofAnotherKind reports that a directory stands where a file was to be, or the other way round.
func ofAnotherKind(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EISDIR)
}

// removeReplaced removes the file that a rename replaces from a cloud that
// lacks what replaces it: there, too, the name stands for something else now.
func (mv *move) removeReplaced(cl *clouds.Cloud) error {
	if mv.dst == nil || mv.dst.IsDir() {
		return nil
	}
	err := cl.Dir.Remove(mv.to.In(cl.Index, mv.dst.Special()))
	if replica.Missing(err) {
		return nil
	}
	return err
}

// back undoes in where nothing was replaced.
func (mv *move) back(cl *clouds.Cloud) error {
	if err := putSidecar(cl, mv.from); err != nil {
		return err
	}
	special := mv.src.Special()
	return cl.Dir.Rename(mv.to.In(cl.Index, special), mv.from.In(cl.Index, special))
}

// undoTakeover gives the source an identity of its own again after a rename
// that failed everywhere.
func (mv *move) undoTakeover() {
	if mv.takeover == nil {
		return
	}
	mv.takeover.Undo()
	mv.undone = true
}

// done brings the nodes up to date.
func (mv *move) done() {
	mv.tell()
	if mv.takeover != nil {
		mv.takeover.Done()
	}
	if mv.dst != nil {
		mv.replaced().unnamed()
	}
	mv.src.Moved(mv.from, mv.to)
}
