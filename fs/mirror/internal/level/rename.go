package level

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// A renaming is a file that both clouds have, under names that differ.
type renaming struct {
	at [2]shown // by side
}

// spot is a name of a directory, whatever kind of file is there.
type spot struct{ dir, name string }

func (s shown) spot() spot { return spot{s.Plain, s.name} }

// rename gives files that both clouds have, and under names that differ, the same names. One cloud has kept more renames than
// the other, and either is right after a power cut, so that the second one follows the lead: but where the lead has seen a
// rename over a file that the other still has, the lead goes back, since nothing is lost by that, and the file that was
// replaced is brought. Names between which files went around are dealt with as one.
func (d *difference) rename() error {
	d.cross()
	gone := [2]map[place]bool{{}, {}}
	for _, around := range gather(d.renamings()) {
		if err := d.agree(around, gone); err != nil {
			return err
		}
	}
	for side := range gone {
		d.files[side] = slices.DeleteFunc(d.files[side], func(s shown) bool { return gone[side][s.place] })
	}
	return nil
}

// cross finds the names at which the clouds have two files that are not the same. A file that has the inode there that it had when
// this machine last looked is the one that it knows; headers of all others are read if a cloud can tell that, or if any file is in
// one cloud alone.
func (d *difference) cross() {
	all := len(d.files[0])+len(d.files[1]) > 0
	if !all && !(d.tells(0) && d.tells(1)) {
		return
	}
	for _, pair := range d.unsure {
		var whole [2]bool
		for side := range pair {
			pair[side].is, whole[side] = d.versionOf(side, pair[side])
		}
		if whole == [2]bool{true, true} && pair[0].is.Identity != pair[1].is.Identity {
			d.crossed[0] = append(d.crossed[0], pair[0])
			d.crossed[1] = append(d.crossed[1], pair[1])
		}
	}
}

// placed reports whether a cloud has at a name the inode that it had when this machine last looked.
func (l *Leveller) placed(side int, s shown) bool {
	return l.Placed != nil && s.Ino != 0 && l.Placed(replica.Join(s.Plain, s.name), l.Clouds[side].Index) == s.Ino
}

// tells reports whether a cloud's inode numbers last, so that few need be looked at.
func (l *Leveller) tells(side int) bool {
	_, err := l.Clouds[side].Dir.Handle("")
	return err == nil
}

// renamings pairs the names of each file that only one cloud has it at: first of those at the same version, then of those that
// have one name in each cloud, at versions of which one is greater, since a rename can make a version that tells others of it.
func (d *difference) renamings() (list []renaming) {
	var rest [2][]shown
	at := map[version][]shown{}
	for _, s := range slices.Concat(d.files[0], d.crossed[0]) {
		at[s.is] = append(at[s.is], s)
	}
	for _, o := range slices.Concat(d.files[1], d.crossed[1]) {
		if same := at[o.is]; len(same) > 0 {
			list, at[o.is] = append(list, renaming{[2]shown{same[0], o}}), same[1:]
		} else {
			rest[1] = append(rest[1], o)
		}
	}
	for _, s := range slices.Concat(d.files[0], d.crossed[0]) {
		if left := at[s.is]; slices.ContainsFunc(left, func(l shown) bool { return l.place == s.place }) {
			rest[0] = append(rest[0], s)
		}
	}
	for _, o := range rest[1] {
		i := slices.IndexFunc(rest[0], func(s shown) bool { return s.is.Identity == o.is.Identity && !s.over && !o.over })
		if i < 0 {
			continue
		}
		lead, other := d.single(0, rest[0][i]), d.single(1, o)
		if lead == nil || other == nil {
			continue
		}
		if order := cipher.Compare(lead.Version, other.Version); order == cipher.Less || order == cipher.Greater {
			list = append(list, renaming{[2]shown{rest[0][i], o}})
			rest[0] = slices.Delete(rest[0], i, i+1)
		}
	}
	return list
}

// single is the header of a file that has one name in a cloud; else nil.
func (l *Leveller) single(side int, s shown) *cipher.Header {
	h, err := l.Clouds[side].Header(s.path(side))
	info, gone := l.Clouds[side].Dir.Stat(s.path(side))
	if err != nil || gone != nil || info.Nlink > 1 {
		return nil
	}
	return h
}

// gather puts renamings together that have a name in common, or are so by others.
func gather(list []renaming) (all [][]renaming) {
	with, at := make([]int, len(list)), map[spot]int{}
	first := func(i int) int {
		for with[i] != i {
			with[i] = with[with[i]]
			i = with[i]
		}
		return i
	}
	for i, r := range list {
		with[i] = i
		for _, s := range r.at {
			if o, met := at[s.spot()]; met {
				with[first(i)] = first(o)
			}
			at[s.spot()] = i
		}
	}
	group := map[int]int{}
	for i, r := range list {
		k, begun := group[first(i)]
		if !begun {
			k = len(all)
			group[first(i)], all = k, append(all, nil)
		}
		all[k] = append(all[k], r)
	}
	return all
}

// agree makes one cloud follow the other in files that went around between names. Where each has a file in the way that the other has not
// got, the names stay as they are, and are judged. What it deals with is noted as gone from where it was alone.
func (d *difference) agree(around []renaming, gone [2]map[place]bool) error {
	var stands [2]map[spot]shown // what is in the way, and the other cloud has nowhere
	for side := range stands {
		stands[side] = map[spot]shown{}
		for _, s := range d.crossed[side] {
			goes := slices.ContainsFunc(around, func(r renaming) bool { return r.at[side].spot() == s.spot() })
			comes := slices.IndexFunc(around, func(r renaming) bool { return r.at[1-side].spot() == s.spot() })
			if !goes && comes >= 0 && !d.supersedes(1-side, around[comes].at[1-side], side, s) {
				stands[side][s.spot()] = s
			}
		}
	}
	if len(stands[0]) > 0 && len(stands[1]) > 0 {
		return nil
	}
	as := 0
	if len(stands[1]) > 0 {
		as = 1
	}
	for _, r := range around {
		for side, s := range r.at {
			d.found(s)
			gone[side][s.place] = true
		}
	}
	if err := d.follow(as, around); err != nil {
		return err
	}
	for _, r := range around {
		s := r.at[1-as]
		if slices.ContainsFunc(around, func(o renaming) bool { return o.at[as].spot() == s.spot() }) {
			continue // something else is there now
		}
		if s.over {
			d.stubs[as] = append(d.stubs[as], s)
		} else if is, ok := stands[as][s.spot()]; ok {
			d.files[as] = append(d.files[as], is)
		}
	}
	return nil
}

// supersedes reports whether what one cloud shows is a later version of what the other does.
func (l *Leveller) supersedes(a int, s shown, b int, o shown) bool {
	if s.is.Identity != o.is.Identity {
		return false
	}
	later, err := l.Clouds[a].Header(s.path(a))
	before, other := l.Clouds[b].Header(o.path(b))
	return err == nil && other == nil && cipher.Compare(before.Version, later.Version) == cipher.Less
}

// follow gives files in one cloud the names that they have in the other. A name that another one of them still has comes later, and where they
// stand in each other's way they are exchanged.
func (d *difference) follow(as int, around []renaming) error {
	to, left := 1-as, slices.Clone(around)
	for len(left) > 0 {
		at := slices.IndexFunc(left, func(r renaming) bool {
			return r.at[0].spot() == r.at[1].spot() || !slices.ContainsFunc(left, func(o renaming) bool { return o.at[to].spot() == r.at[as].spot() })
		})
		if at >= 0 {
			r := left[at]
			if err := d.do(to, d.step(step.Move, to, r.at[to].path(to), r.at[as])); err != nil {
				return err
			}
			left = slices.Delete(left, at, at+1)
			continue
		}
		r := left[0]
		in := slices.IndexFunc(left, func(o renaming) bool { return o.at[to].spot() == r.at[as].spot() })
		err := d.exchange(to, r, left[in])
		if errors.Is(err, cloud.ErrUnsupported) {
			d.Logger.Warn("files that changed places cannot be exchanged", "cloud", d.Clouds[to].Name)
			return nil
		}
		if err != nil {
			return err
		}
		left[in].at[to] = d.standing(to, r.at[to], left[in].at[to])
		left = slices.DeleteFunc(left[1:], func(o renaming) bool { return o.at[0].place == o.at[1].place })
	}
	return nil
}

// standing is a file that went to the place of another one in a cloud, keeping its kind.
func (l *Leveller) standing(side int, place, s shown) shown {
	special := s.special
	s.place, s.special = place.place, special
	s.Entry.Name = string(l.name(side, s).Spelt(s.special))
	return s
}

// exchange gives a file in a cloud its place, and the one that is there that of the file.
func (l *Leveller) exchange(side int, r, o renaming) error {
	there, back := r.at[1-side], l.standing(side, r.at[side], o.at[side])
	if r.at[side].special != o.at[side].special { // their entries differ at the same name
		return l.do(side, l.step(step.Move, side, r.at[side].path(side), there), l.step(step.Move, side, o.at[side].path(side), back))
	}
	return l.do(side, l.step(step.Exchange, side, r.at[side].path(side), there))
}
