package view

import (
	"io/fs"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
)

// Find looks one name up in every cloud that is up. Where nothing speaks against
// what they show it opens nothing. With fs.ErrNotExist it still tells what the
// clouds show there.
func (v *View) Find(l nodes.Link) (*belief.Answer, error) {
	q, err := v.question(l)
	if err != nil {
		return nil, err
	}
	if f := v.findOpen(l, q); f != nil {
		return f, nil
	}
	f, err := v.Belief.Ask(q)
	if err != nil {
		return nil, err
	}
	if f.Is == judge.WantNothing || f.Is == judge.WantDir && f.Best() < 0 {
		return f, fs.ErrNotExist
	}
	return f, nil
}

// question looks at what every cloud that is up shows at a name.
func (v *View) question(l nodes.Link) (*belief.Question, error) {
	q := &belief.Question{Path: l.Path}
	if p, ok := l.Place(); ok {
		q.Place = p
	}
	return q, v.Belief.Look(q, l.Parent.Path, l.Enc)
}

// findOpen is what is found of a file that is open here, as long as some cloud
// shows the backing file that is open at its name. What others put there is looked
// at when the file is closed, or committed.
func (v *View) findOpen(l nodes.Link, q *belief.Question) *belief.Answer {
	n := l.Parent.Live(l.Name)
	if n == nil || n.IsDir() || n.Content.Open() == nil || n.Content.Stale() {
		return nil
	}
	backing := n.Backing()
	f := &belief.Answer{Is: judge.WantFile, Special: n.Special(), Shown: q.Shown, Serves: make([]bool, len(q.Shown)), Untouched: make([]bool, len(q.Shown))}
	for k, s := range q.Shown {
		// A file that was emptied goes into new backing files: the number of the inode of the one before may be another one's by now.
		f.Serves[k] = s.There && !s.Info.Dir && s.Special == n.Special() && backing[k] != 0 && s.Info.Ino == backing[k]
		f.Untouched[k] = s.There && !f.Serves[k] // it may be an edit
	}
	if f.Best() < 0 {
		return nil
	}
	if f.Linked() { // which of the links the file has is for this machine to say
		f.Row = v.Belief.Row(q)
	}
	return f
}

// Choose finds the version that is served of a file that is being opened.
func (v *View) Choose(n *nodes.Node, set *copies.Set) *cipher.Header {
	l, named := n.Link()
	if !named {
		return set.Compare()
	}
	p, ok := l.Place()
	if !ok {
		return set.Compare()
	}
	best, renew := v.Belief.Choose(p, set, func() (*belief.Question, error) { return v.question(l) })
	if renew && !v.Clouds.ReadOnly() {
		// A change must not look like one that follows what this machine has made meanwhile.
		if err := v.Renew(); err != nil {
			v.Logger.Error("no new writer can be drawn", "error", err)
			return nil
		}
	}
	return best
}
