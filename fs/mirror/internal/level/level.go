package level

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// Leveller makes the names of two clouds the same. What one has under another
// name than the lead is renamed, since the lead comes first in every operation;
// what one lacks, or has without any version, is brought there. Nothing is
// removed.
type Leveller struct {
	Clouds [2]*replica.Cloud                        // the lead first
	Steps  func(cloud int, steps []step.Step) error // does steps in one of them, by its index
	Owners bool                                     // the process may set owners of backing files
	Clock  func() time.Time
	Logger *slog.Logger

	Found []string // plaintext paths at which something was brought together
}

// Folder is a directory that both clouds have.
type Folder struct {
	Paths [2]string // by side
	Plain string    // from the root
}

// place is a name in a directory.
type place struct {
	Folder
	name    string
	special bool
}

// shown is what one cloud shows at a place.
type shown struct {
	place
	cloud.Entry
	head *cipher.Header // of a file that has a version, nil otherwise
}

func (s shown) path(side int) string { return replica.Join(s.Paths[side], s.Entry.Name) }

// Level compares directories, all of them before anything is changed: a file can
// have gone from one to another.
func (l *Leveller) Level(dirs []Folder) error {
	var lists [2][]shown
	for _, dir := range dirs {
		for side, c := range l.Clouds {
			list, err := listed(c, side, dir)
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

// listed is what one cloud shows in a directory.
func listed(c *replica.Cloud, side int, dir Folder) (list []shown, err error) {
	entries, err := c.Dir.ReadDir(dir.Paths[side])
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
			continue
		}
		if d, ok := c.Decode(dir.Paths[side], e.Name); ok && !(e.Dir && d.Special) {
			list = append(list, shown{place{dir, string(d.Name), d.Special}, e, nil})
		}
	}
	return list, nil
}

// missing is what one cloud has and the other has not at its name, or without any
// version: the power cut can have taken its header.
func (l *Leveller) missing(side int, lists [2][]shown) (only []shown) {
	have := map[place]shown{}
	for _, s := range lists[1-side] {
		have[place{s.Folder, s.name, false}] = s
	}
	for _, s := range lists[side] {
		o, has := have[place{s.Folder, s.name, false}]
		if !has || !s.Dir && !o.Dir && s.special == o.special && l.empty(1-side, o) {
			only = append(only, s)
		}
	}
	return only
}

// empty reports whether a file has no version in one cloud.
func (l *Leveller) empty(side int, s shown) bool {
	h, err := l.Clouds[side].Header(s.path(side))
	return errors.Is(err, replica.ErrBlank) || err == nil && len(h.Version) == 0
}

// rename gives in the second cloud to a file that both have, and under no name
// that is the same, the name that the lead has for it.
func (l *Leveller) rename(only *[2][]shown) error {
	for side := range only {
		for i := range only[side] {
			s := &only[side][i]
			if h, err := l.Clouds[side].Header(s.path(side)); err == nil && !s.Dir && h.Flags&cipher.Dirty == 0 && len(h.Version) > 0 {
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
		err := l.Steps(l.Clouds[1].Index, []step.Step{l.step(step.Move, 1, s.path(1), to)})
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
func (l *Leveller) found(s shown) {
	l.Found = append(l.Found, replica.Join(s.Plain, s.name))
}

// step is one that makes an entry for a place in one cloud.
func (l *Leveller) step(op step.Op, side int, from string, s shown) step.Step {
	name, err := l.Clouds[side].Keys.EncodeName(cipher.PlainName(s.name))
	if err != nil {
		panic("level: a name that was decoded does not encode") // it has been checked
	}
	return step.Step{Op: op, Path: from, To: replica.Join(s.Paths[side], replica.Entry(name, s.special)), Dir: s.Paths[side], Name: name}
}

// bring makes in the other cloud what only one has: a link, where the two have
// another name of the file, or a whole copy.
func (l *Leveller) bring(side int, s shown, list []shown) error {
	to := 1 - side
	l.found(s)
	if s.Dir {
		return l.bringDir(side, s)
	}
	for _, o := range list {
		if o.Ino != s.Ino || o.place == s.place {
			continue
		}
		do := l.step(step.Link, to, "", o)
		do.Path, do.To = do.To, l.step(step.Link, to, "", s).To
		if h, err := l.Clouds[to].Header(do.Path); err == nil && h.FileID == s.head.FileID {
			return l.Steps(l.Clouds[to].Index, []step.Step{{Op: step.Remove, Path: do.To}, do})
		}
	}
	o, err := l.Clouds[side].Open(s.path(side), false)
	if err != nil {
		return err
	}
	defer o.Close()
	do := l.step(step.Move, to, replica.Join(s.Paths[to], fmt.Sprintf(".~%.16s.tmp", o.Head.FileID)), s)
	c := l.Clouds[to]
	if err := c.Dir.Remove(do.Path); err != nil && !replica.Missing(err) {
		return err
	}
	if _, err := c.Whole(do.Path, o, replica.AsItIs, l.Owners, l.Clock()); err != nil {
		l.Logger.Warn("a file stays in one cloud alone", "cloud", l.Clouds[side].Name, "error", err)
		if err := c.Dir.Remove(do.Path); !replica.Missing(err) {
			return err
		}
		return nil
	}
	return l.Steps(l.Clouds[to].Index, []step.Step{do})
}

// bringDir makes a directory with all that is in it.
func (l *Leveller) bringDir(side int, s shown) error {
	info, err := l.Clouds[side].Dir.Stat(s.path(side))
	if err != nil {
		return err
	}
	to := 1 - side
	do := l.step(step.Mkdir, to, "", s)
	do.Path, do.To = do.To, ""
	do.Thing = &journal.Thing{Attrs: journal.Attrs{Mode: &info.Mode, UID: &info.UID, GID: &info.GID}}
	if err := l.Steps(l.Clouds[to].Index, []step.Step{do}); err != nil {
		return err
	}
	dir := Folder{Plain: replica.Join(s.Plain, s.name)}
	dir.Paths[side], dir.Paths[to] = s.path(side), do.Path
	list, err := listed(l.Clouds[side], side, dir)
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
	return l.Clouds[to].SetAttrs(do.Path, do.Thing.Attrs, l.Owners)
}

// Common counts what a directory of one cloud has in common with one of another:
// names, and files.
func Common(clouds [2]*replica.Cloud, paths [2]string) (n int) {
	had := map[string]cipher.ID{}
	for side, c := range clouds {
		list, err := listed(c, side, Folder{Paths: paths})
		if err != nil {
			return 0
		}
		for _, s := range list {
			var id cipher.ID
			if h, err := c.Header(s.path(side)); err == nil && !s.Dir {
				id = h.FileID
			}
			if side == 0 {
				had[s.name] = id
			} else if other, both := had[s.name]; both {
				n++
				if other == id && !s.Dir {
					n++
				}
			}
		}
	}
	return n
}
