package mirror

import (
	"errors"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// left are files that have lost a name and have another one, where others are to be told. Who still sees such a file at the name
// that it had believes the record of that once there is a later version, wherever the file is now. So that comes first: a record
// without it would keep the file from being brought to clouds that lack it. A file that has got one more name may be known to
// have left it: the later version tells that it is there again.
type left []telling.Left

// note tells that a file has left a name, at that version. The caller holds Mirror.names for writing.
func (l *left) note(m *Mirror, f index.File, v index.Version) {
	l.add(m, telling.Left{File: f, Before: v.Vector})
}

// noteLink tells that a file has got one more name, at that version. The caller holds Mirror.names for writing.
func (l *left) noteLink(m *Mirror, f index.File, v index.Version) {
	l.add(m, telling.Left{File: f, Before: v.Vector, Linked: true})
}

func (l *left) add(m *Mirror, f telling.Left) {
	if len(f.Before) > 0 && m.memory.Records(f.File, f.Before) {
		m.memory.Leaves(f)
		*l = append(*l, f)
	}
}

// renew commits versions that differ in nothing but that, and puts the files on record. What was done to the names is done
// whatever comes of it: what cannot be committed now waits. The caller holds no lock.
func (l left) renew(m *Mirror) {
	for _, f := range l {
		if err := renewOne(m, &f); err != nil {
			m.logger.Warn("a file that has another name than before has no later version yet", "error", err)
		}
	}
}

func renewOne(m *Mirror, f *telling.Left) error {
	if paths := m.memory.Homes(f.File); len(paths) > 0 { // else it is gone since
		if err := renewAt(m, f, paths); err != nil {
			return err
		}
		if !f.Linked {
			m.memory.Book.Moved(f.File.ID, f.Before)
		}
	}
	m.memory.Told(*f)
	return nil
}

// renewAt gives a file, by any of its paths, a later version than it had before, where it has none yet.
func renewAt(m *Mirror, f *telling.Left, paths []string) (err error) {
	names := len(paths)
	if f.Linked { // nothing is put on record, so that names that it has left since are no matter
		names = standsAt(m, f.File, paths)
	}
	for _, path := range paths {
		err = openAt(m, path, func(open content.Holder) error {
			if err := alikeAt(open, names); err != nil {
				return err
			}
			return renewOpen(m, open, f)
		})
		if err == nil {
			return nil
		}
	}
	return errors.Join(ErrStale, err)
}

// standsAt counts the paths at which a file is.
func standsAt(m *Mirror, f index.File, paths []string) (names int) {
	for _, path := range paths {
		_ = openAt(m, path, func(open content.Holder) error { // where nothing can be opened it is not
			if open.Stored().Head.FileID == f.ID {
				names++
			}
			return nil
		})
	}
	return names
}

// openAt uses what is at a path.
func openAt(m *Mirror, path string, use func(content.Holder) error) error {
	n, err := find(m, path)
	if err != nil || n == nil {
		return errors.Join(ErrStale, err)
	}
	defer n.Forget()
	open, err := n.Content.Acquire()
	if err != nil {
		return err
	}
	return errors.Join(use(open), open.Leave())
}

// alikeAt wants every backing file to have as many names, and no fewer than are known: what a tool has copied, in the place of a
// link, would be left behind, under the record or at the version before. More names, in every cloud alike, are links of which
// this machine has not heard, and go along; one that somebody has planted is in one cloud alone.
func alikeAt(open content.Holder, known int) error {
	names := 0
	for k := range open.Copies.List {
		b := open.Backing(k)
		if b == nil {
			continue
		}
		info, err := b.Stat()
		if err != nil || int(info.Nlink) < known || names > 0 && int(info.Nlink) != names {
			return errors.Join(ErrConflict, err)
		}
		names = int(info.Nlink)
	}
	return nil
}

// renewOpen is renewAt of what is open. A version of which a later one is known, that no cloud has which is in use, is left as
// it is: another one beside that would be nothing but a conflict.
func renewOpen(m *Mirror, open content.Holder, f *telling.Left) error {
	stored := open.Stored()
	last, err := m.memory.Of(f.File)
	switch {
	case err != nil:
		return err
	case stored.Head.FileID != f.File.ID || !stored.Committed():
		return ErrStale
	case cipher.Compare(stored.Head.Version, last.Greatest.Vector) == cipher.Less:
		return ErrOlder
	case len(f.Before) == 0:
		f.Before = stored.Head.Version
	case cipher.Compare(stored.Head.Version, f.Before) == cipher.Greater:
		return nil
	}
	return open.SetAttr(content.SetAttr{Renew: true})
}

// find returns what is at a path, with a reference, or nil.
func find(m *Mirror, path string) (at *nodes.Node, err error) {
	at = m.nodes.Root()
	at.Ref()
	for part := range strings.SplitSeq(path, "/") {
		var l nodes.Link
		dir := at
		if l, err = m.view.Link(dir, part); err == nil {
			at, err = m.findChild(l)
		}
		dir.Forget()
		if err != nil || at == nil {
			return nil, err
		}
	}
	return at, nil
}
