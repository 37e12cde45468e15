package level

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// takeBack deals with files that only one cloud has at a name, while the other has
// the same version at a name where the first has another file: it has seen a rename
// over that one, which the first has not. It is taken back, since nothing is lost
// by that, and the file that it replaced is brought. Where the two are versions of
// one file, which took over the name, the rename is made instead.
func (d *difference) takeBack() error {
	for again := true; again; {
		again = false
		for side := range d.files {
			moved, err := d.takeBackTo(side)
			if err != nil {
				return err
			}
			again = again || moved
		}
	}
	return nil
}

// follow deals with files that each cloud has alone, under another name and at another version: one has seen a rename and
// the version that tells others of that. Either is right after a power cut. All clouds follow the lead, so that three agree.
func (d *difference) follow() error {
	at := map[judge.Identity]shown{}
	for _, s := range d.files[0] {
		at[s.is.Identity] = s
	}
	for _, s := range slices.Clone(d.files[1]) {
		o, both := at[s.is.Identity]
		if !both || s.over || o.over {
			continue
		}
		lead, other := d.single(0, o), d.single(1, s)
		if lead == nil || other == nil {
			continue
		}
		if order := cipher.Compare(lead.Version, other.Version); order != cipher.Less && order != cipher.Greater {
			continue
		}
		if err := d.do(1, d.move(1, s, o)); err != nil {
			return err
		}
		d.found(s)
		d.found(o)
		delete(at, s.is.Identity)
		for side, gone := range [2]shown{o, s} {
			d.files[side] = slices.DeleteFunc(d.files[side], func(f shown) bool { return f.place == gone.place })
		}
	}
	return nil
}

// single is the header of a file that has one name in a cloud; else nil.
func (d *difference) single(side int, s shown) *cipher.Header {
	h, err := d.Clouds[side].Header(s.path(side))
	info, gone := d.Clouds[side].Dir.Stat(s.path(side))
	if err != nil || gone != nil || info.Nlink > 1 {
		return nil
	}
	return h
}

// takeBackTo is takeBack for the files that one side has alone. Each that is dealt
// with is one more name at which both have the same.
func (d *difference) takeBackTo(side int) (moved bool, err error) {
	if len(d.files[side]) == 0 {
		return false, nil
	}
	to, at := 1-side, map[version]*shown{}
	for _, s := range d.files[side] {
		at[s.is] = nil
	}
	err = d.each(to, Folder{}, func(o shown) error {
		is, ok := d.versionOf(to, o)
		if _, wanted := at[is]; ok && wanted {
			at[is] = &o
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	var rest []shown
	for _, s := range d.files[side] {
		o := at[s.is]
		if o == nil {
			rest = append(rest, s)
			continue
		}
		at[s.is] = nil
		next, err := d.reunite(side, s, *o)
		if err != nil {
			return false, err
		}
		moved = moved || next == nil || next.place != s.place
		if next != nil {
			rest = append(rest, *next)
		}
	}
	d.files[side] = rest
	return moved, nil
}

// reunite deals with one of them, which the other cloud has at another place, and
// returns what is to be brought then: the file itself, the one in whose place it
// was, or nothing.
func (d *difference) reunite(side int, s, o shown) (*shown, error) {
	there := o
	there.Entry.Name = string(d.name(side, o).Spelt(o.special))
	h, err := d.Clouds[side].Header(there.path(side))
	if err != nil || h.Flags&cipher.Dirty != 0 || len(h.Version) == 0 {
		return &s, nil
	}
	there.is = version{judge.Identity{ID: h.FileID, Type: h.Type}, h.CommitID}
	switch {
	case there.is == s.is:
		return &s, nil // one more name of it
	case there.is.Identity == s.is.Identity:
		mine, err := d.Clouds[side].Header(s.path(side))
		if err != nil || cipher.Compare(h.Version, mine.Version) != cipher.Less {
			return &s, nil
		}
		d.found(s)
		d.found(o)
		return nil, d.do(side, d.move(side, s, o))
	}
	info, err := d.Clouds[side].Dir.Stat(there.path(side))
	if err != nil {
		return nil, d.blame(side, err)
	}
	there.Ino = info.Ino
	d.found(s)
	return &there, d.do(1-side, d.move(1-side, o, s))
}
