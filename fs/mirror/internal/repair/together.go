package repair

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// together makes the clouds show the same names in the directories that the log
// touches. A power cut can take from the log what one cloud has kept of an
// operation and another has lost; nothing but the clouds tells of it then. What
// one has under another name than the lead is renamed, since the lead comes
// first in every operation; what one lacks, or has without any version, is brought
// there. Nothing is removed.
func (r *Replay) together() {
	var up []int
	for k, t := range r.trees {
		if t != nil && r.out.Errors[k] == nil {
			up = append(up, k)
		}
	}
	if r.SameBoot || len(up) < 2 {
		return
	}
	for range 2 { // what the last one has is in the lead only then
		for _, k := range up[1:] {
			l := &leveller{r: r, sides: [2]*tree{r.trees[up[0]], r.trees[k]}}
			if err := l.level(); err != nil {
				r.Logger.Warn("names that only one cloud has stay there", "cloud", r.Clouds[k].Name, "error", err)
			}
		}
	}
}

// leveller makes the names of two clouds the same.
type leveller struct {
	r     *Replay
	sides [2]*tree // the lead first
}

// place is a name in a directory, which has a path in each cloud.
type place struct {
	dirs    [2]string
	plain   string // the directory's, from the root
	name    string
	special bool
}

// shown is what one cloud shows at a place.
type shown struct {
	place
	cloud.Entry
	head *cipher.Header // of a file that has a version, nil otherwise
}

func (s shown) path(side int) string { return replica.Join(s.dirs[side], s.Entry.Name) }

// level compares the directories that the log touches, all of them before
// anything is changed: a file can have gone from one to another.
func (l *leveller) level() error {
	var lists [2][]shown
	for _, thing := range l.r.Fold.Things {
		if !thing.IsDir() || thing.Gone() || len(thing.Slots) == 0 {
			continue
		}
		a, b := (&planner{tree: l.sides[0]}).nodeOf(thing), (&planner{tree: l.sides[1]}).nodeOf(thing)
		if a == nil || b == nil {
			continue
		}
		dirs := [2]string{a.path(), b.path()}
		plain, _ := thing.Path()
		for side := range lists {
			list, err := l.list(side, dirs, plain)
			if err != nil {
				return err
			}
			lists[side] = append(lists[side], list...)
		}
	}
	only := [2][]shown{l.missing(0, lists), l.missing(1, lists)}
	if err := l.rename(&only); err != nil {
		return err
	}
	for side, list := range only {
		for _, s := range list {
			if err := l.bring(side, s, lists[side]); err != nil {
				return err
			}
		}
	}
	return nil
}

// list is what one cloud shows in a directory.
func (l *leveller) list(side int, dirs [2]string, plain string) (list []shown, err error) {
	t := l.sides[side]
	entries, err := t.Dir.ReadDir(dirs[side])
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
			continue
		}
		if d, ok := t.Decode(dirs[side], e.Name); ok && !(e.Dir && d.Special) {
			list = append(list, shown{place{dirs, plain, string(d.Name), d.Special}, e, nil})
		}
	}
	return list, nil
}

// missing is what one cloud has and the other has not at its name, or without any
// version: the power cut can have taken its header.
func (l *leveller) missing(side int, lists [2][]shown) (only []shown) {
	have := map[place]shown{}
	for _, s := range lists[1-side] {
		have[place{s.dirs, s.plain, s.name, false}] = s
	}
	for _, s := range lists[side] {
		o, has := have[place{s.dirs, s.plain, s.name, false}]
		if !has || !s.Dir && !o.Dir && s.special == o.special && l.empty(1-side, o) {
			only = append(only, s)
		}
	}
	return only
}

// empty reports whether a file has no version in one cloud.
func (l *leveller) empty(side int, s shown) bool {
	h, err := l.sides[side].Header(s.path(side))
	return errors.Is(err, replica.ErrBlank) || err == nil && len(h.Version) == 0
}

// rename gives in the second cloud to a file that both have, and under no name
// that is the same, the name that the lead has for it.
func (l *leveller) rename(only *[2][]shown) error {
	for side := range only {
		for i := range only[side] {
			s := &only[side][i]
			if h, err := l.sides[side].Header(s.path(side)); err == nil && !s.Dir && h.Flags&cipher.Dirty == 0 && len(h.Version) > 0 {
				s.head = h
			}
		}
		only[side] = slices.DeleteFunc(only[side], func(s shown) bool { return !s.Dir && s.head == nil })
	}
	for i := 0; i < len(only[1]); i++ {
		s := only[1][i]
		at := slices.IndexFunc(only[0], func(o shown) bool { return o.same(s) })
		if at < 0 {
			continue
		}
		to := only[0][at]
		l.found(s)
		l.found(to)
		err := l.r.steps(l.sides[1].Index, []Step{l.step(Move, 1, s.path(1), to)})
		if err != nil {
			return err
		}
		only[0], only[1] = slices.Delete(only[0], at, at+1), slices.Delete(only[1], i, i+1)
		i--
	}
	return nil
}

// same reports whether two clouds show the same version of a file.
func (s shown) same(o shown) bool {
	return s.head != nil && o.head != nil && s.head.FileID == o.head.FileID && s.head.Type == o.head.Type && s.head.CommitID == o.head.CommitID
}

// found notes a place of which the log does not tell what is there.
func (l *leveller) found(s shown) {
	l.r.out.Found = append(l.r.out.Found, replica.Join(s.plain, s.name))
}

// step is one that makes an entry for a place in one cloud.
func (l *leveller) step(op Op, side int, from string, s shown) Step {
	name, err := l.sides[side].Keys.EncodeName(cipher.PlainName(s.name))
	if err != nil {
		panic("repair: a name that was decoded does not encode") // it has been checked
	}
	return Step{Op: op, Path: from, To: replica.Join(s.dirs[side], replica.Entry(name, s.special)), Dir: s.dirs[side], Name: name}
}

// bring makes in the other cloud what only one has: a link, where the two have
// another name of the file, or a whole copy.
func (l *leveller) bring(side int, s shown, list []shown) error {
	to := 1 - side
	l.found(s)
	if s.Dir {
		return l.bringDir(side, s)
	}
	for _, o := range list {
		if o.Ino != s.Ino || o.place == s.place {
			continue
		}
		step := l.step(Link, to, "", o)
		step.Path, step.To = step.To, l.step(Link, to, "", s).To
		if h, err := l.sides[to].Header(step.Path); err == nil && h.FileID == s.head.FileID {
			return l.r.steps(l.sides[to].Index, []Step{{Op: Remove, Path: step.To}, step})
		}
	}
	o, err := l.sides[side].Open(s.path(side), false)
	if err != nil {
		return err
	}
	defer o.Close()
	step := l.step(Move, to, replica.Join(s.dirs[to], fmt.Sprintf(".~%.16s.tmp", o.Head.FileID)), s)
	c := l.sides[to].Cloud
	if err := c.Dir.Remove(step.Path); err != nil && !replica.Missing(err) {
		return err
	}
	if _, err := c.Whole(step.Path, o, replica.AsItIs, l.r.Owners, l.r.Clock()); err != nil {
		l.r.Logger.Warn("a file stays in one cloud alone", "cloud", l.sides[side].Name, "error", err)
		if err := c.Dir.Remove(step.Path); !replica.Missing(err) {
			return err
		}
		return nil
	}
	return l.r.steps(l.sides[to].Index, []Step{step})
}

// bringDir makes a directory with all that is in it.
func (l *leveller) bringDir(side int, s shown) error {
	info, err := l.sides[side].Dir.Stat(s.path(side))
	if err != nil {
		return err
	}
	to := 1 - side
	step := l.step(Mkdir, to, "", s)
	step.Path, step.To = step.To, ""
	step.Thing = &journal.Thing{Attrs: journal.Attrs{Mode: &info.Mode, UID: &info.UID, GID: &info.GID}}
	if err := l.r.steps(l.sides[to].Index, []Step{step}); err != nil {
		return err
	}
	dirs := [2]string{}
	dirs[side], dirs[to] = s.path(side), step.Path
	list, err := l.list(side, dirs, replica.Join(s.plain, s.name))
	if err != nil {
		return err
	}
	only := [2][]shown{}
	only[side] = list
	if err := l.rename(&only); err != nil {
		return err
	}
	for _, inside := range only[side] {
		if err := l.bring(side, inside, nil); err != nil {
			return err
		}
	}
	return l.sides[to].SetAttrs(step.Path, step.Thing.Attrs, l.r.Owners)
}
