package mirror

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// RenameFlags are those of renameat2.
type RenameFlags struct {
	NoReplace bool
	Exchange  bool
}

// move is a rename on its way: what is moved and what is replaced.
type move struct {
	m               *Mirror
	from, to        *Node // directories
	name, newName   string
	src, dst        *Node // dst is nil where nothing is replaced
	srcAt, dstAt    *found
	enc, newEnc     []cipher.Name
	plain, newPlain string
	was, dstWas     index.Known // what both ends were
	takeover        *content.Takeover
	sourceFile      content.Holder // for a takeover; of nothing where none is due
	undone          bool           // the source has a new identity, which the clouds lack
	since           time.Time      // when it began
	unlock          func()
}

// Rename moves an entry. A regular file that replaces another one takes over
// its identity, so that other machines see a new version and not a conflict.
func (n *Node) Rename(name string, to *Node, newName string, flags RenameFlags) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	mv := &move{m: m, from: n, to: to, name: name, newName: newName}
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
	if mv.dst == mv.src {
		return nil
	}
	var litter map[int][]string
	gone := mv.replaced()
	if mv.dst != nil && mv.dst.IsDir() {
		var err error
		if litter, err = gone.litter(); err != nil {
			return err
		}
	}
	e, err := mv.log()
	if err != nil {
		return err
	}
	c := clouds.Change{What: "rename", Do: func(cl *clouds.Cloud) error {
		if slices.Contains(gone.keeps, cl.Index) {
			return ErrConflict
		}
		return mv.in(cl, litter[cl.Index])
	}}
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
	m := mv.m
	if !mv.from.IsDir() || !mv.to.IsDir() {
		return ErrNotDir
	}
	for _, name := range []string{mv.name, mv.newName} {
		if err := checkName(name); err != nil {
			return err
		}
	}
	var err error
	if mv.enc, err = m.encode(mv.name); err != nil {
		return err
	}
	if mv.newEnc, err = m.encode(mv.newName); err != nil {
		return err
	}
	// What is replaced is as a rule known already: whoever renames has looked. The clouds are asked before only where that was
	// wrong, and behind the locks in any case.
	find := m.liveChild
	for {
		again, err := mv.tryLock(flags, find)
		if err != nil || !again {
			return err
		}
		mv.end()
		mv.src, mv.dst, mv.unlock, mv.sourceFile = nil, nil, nil, content.Holder{}
		find = m.findChild
	}
}

func (mv *move) tryLock(flags RenameFlags, find func(*Node, string) (*Node, error)) (again bool, err error) {
	m := mv.m
	if mv.src, err = m.findChild(mv.from, mv.name); err != nil {
		return false, err
	}
	if mv.src == nil {
		return false, fs.ErrNotExist
	}
	if mv.dst, err = find(mv.to, mv.newName); err != nil {
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
	src, srcAt, err := m.child(mv.from, mv.name)
	if err != nil {
		return false, err
	}
	src.Forget()
	dst, dstAt, err := m.child(mv.to, mv.newName)
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
		mv.src.kind == unix.S_IFREG && mv.dst.kind == unix.S_IFREG
}

// replaced is the removal of what is replaced.
func (mv *move) replaced() *removal {
	return &removal{m: mv.m, dir: mv.to, name: mv.newName, child: mv.dst, at: mv.dstAt}
}

// prepareSource opens the source and commits it. A source that cannot be read
// is renamed as it is.
func (mv *move) prepareSource() error {
	f, err := mv.src.content.Acquire()
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
	}
	if mv.sourceFile.File != nil {
		if mv.undone {
			mv.takeover.Resume() // with no lock held, see the package's lock order
		}
		mv.sourceFile.Release()
	}
	for _, n := range []*Node{mv.src, mv.dst} {
		if n != nil {
			n.Forget()
		}
	}
}

// check refuses what rename(2) refuses.
func (mv *move) check(flags RenameFlags) error {
	m := mv.m
	var ok, newOK bool
	mv.plain, ok = mv.from.plainPath()
	mv.newPlain, newOK = mv.to.plainPath()
	if !ok || !newOK {
		return fs.ErrNotExist
	}
	mv.plain, mv.newPlain = replica.Join(mv.plain, mv.name), replica.Join(mv.newPlain, mv.newName)
	if err := m.waiting.Name(mv.newPlain); err != nil {
		return err
	}
	if mv.src.IsDir() && mv.inside(mv.to, mv.src) {
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
	case mv.dst.IsDir() && mv.inside(mv.from, mv.dst):
		return ErrNotEmpty
	}
	return nil
}

// inside reports whether a directory is another one or lies below it.
func (mv *move) inside(dir, other *Node) bool {
	m := mv.m
	m.tree.Lock()
	defer m.tree.Unlock()
	for at := dir; ; at = at.links[0].parent {
		if at == other {
			return true
		}
		if at == m.root || len(at.links) == 0 {
			return false
		}
	}
}

// log draws a takeover's version and writes the log's entry. It is durable
// before something is replaced: the log then knows of all that was there, and
// of headers that the takeover touches.
func (mv *move) log() (e *journal.Entry, err error) {
	m := mv.m
	e = &journal.Entry{Op: journal.OpRename, Path: []byte(mv.plain), To: []byte(mv.newPlain), Kind: mv.src.kind}
	if mv.dst != nil {
		e.Over = mv.dst.kind
		var seen index.Version
		e.Other, seen = mv.identity(mv.dst, mv.dstAt)
		if e.Other.File != nil {
			mv.dstWas = index.Known{File: telling.File(*e.Other.File, mv.dst.kind), Version: seen}
		}
		e.Seen = seen.Vector
		e.Also = mv.replaced().also()
	}
	if mv.src.IsDir() {
		// The log finds what is in a directory by the moves that it knows, so
		// that no cloud may see one that a power cut could take from the log.
		e.Handles, mv.was = mv.src.handles(), m.knownAs(mv.src, nil, index.Version{})
		_, err = m.log.AppendDurably(e)
		return e, err
	}
	id, had, err := m.identifyAt(mv.src, mv.srcAt)
	if err != nil {
		id = cipher.ID{}
	}
	e.File, e.Had, mv.was = &id, had.Vector, m.knownAs(mv.src, &id, had)
	if mv.sourceFile.File != nil && mv.dst != nil && !mv.srcAt.Disputed && !mv.dstAt.Disputed && mv.dstAt.Info().Nlink == 1 && mv.srcAt.Info().Nlink == 1 {
		if err := mv.planTakeover(e); err != nil {
			return nil, err
		}
	}
	if mv.dst != nil {
		_, err = m.log.AppendDurably(e)
	} else {
		_, err = m.log.Append(e)
	}
	return e, err
}

// identity is how the log tells what changes places or is replaced, with the
// version that a file had then. The caller holds Mirror.names.
func (mv *move) identity(n *Node, f *found) (*journal.Identity, index.Version) {
	if n.IsDir() {
		return &journal.Identity{Handles: n.handles()}, index.Version{}
	}
	id, seen, err := mv.m.identifyAt(n, f)
	if err != nil {
		id = cipher.ID{}
	}
	return &journal.Identity{File: &id}, seen
}

func (mv *move) planTakeover(e *journal.Entry) error {
	old, err := mv.replacedHead()
	if err != nil {
		return nil // what is replaced cannot be read: there is nothing to take over
	}
	same := mv.srcAt.Info().Size == mv.dstAt.Info().Size && mv.srcAt.Info().Mtime.Equal(mv.dstAt.Info().Mtime)
	mv.takeover, err = mv.sourceFile.PlanTakeover(old, same, e)
	return err
}

// replacedHead is the header of the file that is replaced.
func (mv *move) replacedHead() (*cipher.Header, error) {
	m := mv.m
	if f := mv.dst.content.Open(); f != nil {
		return f.Replaced()
	}
	k := mv.dstAt.Best()
	dir, _ := mv.to.path(k)
	h, err := m.clouds.All()[k].Header(replica.Join(dir, replica.Entry(mv.newEnc[k], false)))
	if err == nil && len(h.Version) == 0 {
		err = ErrArriving
	}
	return h, err
}

// in renames in one cloud.
func (mv *move) in(cl *clouds.Cloud, litter []string) error {
	k := cl.Index
	if mv.srcAt.Stays(k) || mv.dstAt.Stays(k) {
		return ErrConflict
	}
	if err := putSidecar(cl, mv.to, mv.newEnc); err != nil {
		return err
	}
	from, _ := mv.from.path(k)
	to, _ := mv.to.path(k)
	target := replica.Join(to, replica.Entry(mv.newEnc[k], mv.src.special()))
	for _, l := range litter {
		if err := cl.Dir.Remove(replica.Join(target, l)); err != nil && !replica.Missing(err) {
			return err
		}
	}
	if mv.takeover != nil {
		if err := mv.takeover.In(cl); err != nil {
			return errors.Join(err, mv.takeover.BackIn(cl, mv.srcAt.Shown[k].Info))
		}
	}
	if err := cl.Dir.Rename(replica.Join(from, replica.Entry(mv.enc[k], mv.src.special())), target); err != nil {
		if !mv.srcAt.Serves[k] && replica.Missing(err) {
			return errors.Join(err, mv.removeReplaced(cl))
		}
		return errors.Join(err, mv.takeover.BackIn(cl, mv.srcAt.Shown[k].Info))
	}
	if mv.dst != nil && mv.dst.special() != mv.src.special() {
		if err := cl.Dir.Remove(replica.Join(to, replica.Entry(mv.newEnc[k], mv.dst.special()))); err != nil && !replica.Missing(err) {
			return err
		}
	}
	dropSidecar(cl, mv.from, mv.enc)
	return nil
}

// removeReplaced removes the file that a rename replaces from a cloud that
// lacks what replaces it: there, too, the name stands for something else now.
func (mv *move) removeReplaced(cl *clouds.Cloud) error {
	if mv.dst == nil || mv.dst.IsDir() {
		return nil
	}
	to, _ := mv.to.path(cl.Index)
	err := cl.Dir.Remove(replica.Join(to, replica.Entry(mv.newEnc[cl.Index], mv.dst.special())))
	if replica.Missing(err) {
		return nil
	}
	return err
}

// back undoes in where nothing was replaced.
func (mv *move) back(cl *clouds.Cloud) error {
	k := cl.Index
	if err := putSidecar(cl, mv.from, mv.enc); err != nil {
		return err
	}
	from, _ := mv.from.path(k)
	to, _ := mv.to.path(k)
	special := mv.src.special()
	return cl.Dir.Rename(replica.Join(to, replica.Entry(mv.newEnc[k], special)), replica.Join(from, replica.Entry(mv.enc[k], special)))
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
	m := mv.m
	mv.tell()
	if mv.takeover != nil {
		mv.takeover.Done()
	}
	if mv.dst != nil {
		mv.replaced().unnamed()
	}
	m.tree.Lock()
	defer m.tree.Unlock()
	m.attach(mv.src, link{mv.to, mv.newName, mv.newEnc})
	m.detach(mv.src, mv.from, mv.name)
}
