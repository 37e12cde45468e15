package telling

import (
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// Left is a file that has lost a name and has another one, or that has got one more.
type Left struct {
	File   index.File
	Before cipher.Vector // its version then; of one that the log tells of, nil where it has no later one
	Linked bool          // it has lost none
}

// leaving finds, in the log, the files that have left names.
type leaving struct {
	made map[cipher.ID]bool // by the log, and nobody is to be told of it
	at   map[index.File]int // in list
	list []Left
}

// left are the files that have lost a name by these entries and have another one, or have got one more, as far as these tell. One that the log has
// made, and has no later version of, is young.
func left(entries []*journal.Entry) (list []Left) {
	l := &leaving{made: map[cipher.ID]bool{}, at: map[index.File]int{}}
	for _, e := range entries {
		if e != nil {
			l.entry(e)
		}
	}
	for _, f := range l.list {
		if len(f.Before) > 0 || !l.made[f.File.ID] {
			list = append(list, f)
		}
	}
	return list
}

func (l *leaving) entry(e *journal.Entry) {
	switch e.Op {
	case journal.OpCreate, journal.OpSpecial:
		if e.File != nil {
			l.made[*e.File] = true
		}
	case journal.OpLink:
		l.note(e.File, e.Kind, true)
	case journal.OpLeft:
		l.waits(e)
	case journal.OpUnlink:
		l.leaves(e, e.File, e.Kind)
	case journal.OpRename, journal.OpExchange:
		if e.Commit != nil {
			return // it goes on under another id
		}
		l.leaves(nil, e.File, e.Kind)
		if e.Other != nil {
			l.leaves(e, e.Other.File, e.Over)
		}
	case journal.OpCommit:
		f := index.File{ID: e.Commit.Head.File, Type: e.Commit.Head.Type}
		if at, ok := l.at[f]; ok && len(l.list[at].Before) == 0 {
			l.list[at].Before = e.Commit.Base.Version
		}
	}
}

// waits notes what others were to be told of before, and are not yet.
func (l *leaving) waits(e *journal.Entry) {
	if e.File == nil || e.File.IsZero() {
		return
	}
	l.note(e.File, e.Kind, e.Linked)
	delete(l.made, *e.File)
	l.list[l.at[File(*e.File, e.Kind)]].Before = e.Had
}

// leaves notes that a file loses a name, unless it is the last one by an entry.
func (l *leaving) leaves(by *journal.Entry, id *cipher.ID, kind uint32) {
	if by == nil || by.Last == nil || id == nil || *by.Last != *id {
		l.note(id, kind, false)
	}
}

// note notes that a file has got a name, or loses one. Of several times the last one counts.
func (l *leaving) note(id *cipher.ID, kind uint32, linked bool) {
	if id == nil || id.IsZero() || kind == unix.S_IFDIR {
		return
	}
	f := File(*id, kind)
	if at, ok := l.at[f]; ok {
		l.list[at].Before = nil
		l.list[at].Linked = l.list[at].Linked && linked
		return
	}
	l.at[f] = len(l.list)
	l.list = append(l.list, Left{File: f, Linked: linked})
}
