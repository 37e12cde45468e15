package level

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/step"
)

// A clash is a name that is a directory in one cloud and a file in the other.
type clash struct {
	side      int // of the directory
	dir, file shown
}

// compare finds what only one cloud shows, once nothing is hidden that this machine knows,
// and no name is a directory in one and a file in the other any more.
func (l *Leveller) compare() (*difference, error) {
	for {
		d := &difference{Leveller: l}
		if err := d.folder(Folder{}, [2]bool{true, true}); err != nil {
			return d, err
		}
		again, err := d.uncover()
		if err != nil || !again && len(d.clashes) == 0 {
			return d, err
		}
		if again {
			continue
		}
		for _, c := range d.clashes {
			if err := d.part(c); err != nil {
				return nil, err
			}
		}
	}
}

// alone looks through a cloud that is compared with no other.
func (l *Leveller) alone() error {
	for again := true; again; {
		d := &difference{Leveller: l}
		err := d.each(0, Folder{}, func(s shown) error {
			d.displaced(0, s)
			return nil
		})
		if err == nil {
			again, err = d.uncover()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// displaced notes a file that has the name of a directory that this machine knows, and
// no cloud has, or that was renamed: the log told of that, and is lost.
func (d *difference) displaced(side int, s shown) {
	kind := d.known(s).Kind
	if s.Dir || kind == index.IsFile {
		return
	}
	if kind != index.IsDir || !d.All {
		if h, err := d.Clouds[side].Header(s.path(side)); err == nil {
			d.renamed(s, h)
		}
	} else if _, whole := d.versionOf(side, s); whole {
		d.found(s)
	}
}

// part gives one of the two another name. A file goes where the cloud that has the
// directory has it by now; but where this machine knows it at the name, only the lead
// tells that. Else one that is known here stays, and the directory is put aside; the
// name of any other is the directory's.
func (d *difference) part(c clash) error {
	side, k := 1-c.side, d.known(c.file)
	h, err := d.Clouds[side].Header(c.file.path(side))
	switch {
	case errors.Is(err, cipher.ErrDamaged), errors.Is(err, cipher.ErrNewer), errors.Is(err, replica.ErrBlank):
		h = &cipher.Header{FileID: k.File.ID, Type: k.File.Type, CommitID: k.Version.Commit, MtimeSec: k.Version.Sec}
	case err != nil:
		return d.blame(side, err)
	}
	stays := k.Kind == index.IsFile && !k.Version.IsZero() && k.File == (index.File{ID: h.FileID, Type: h.Type})
	if is, whole := d.versionOf(side, c.file); whole && !(stays && c.side == 1) {
		at, err := d.movedTo(c, is)
		if err != nil {
			return err
		}
		if at != nil {
			return d.away(side, c.file, *at)
		}
	}
	goes, id := c.file, h.CommitID
	if stays {
		goes, side, id = c.dir, c.side, cipher.ConflictID(h.FileID, h.CommitID)
	}
	to := goes
	plain, err := step.FreeName(cipher.PlainName(to.name), h.MtimeSec, id, func(plain cipher.PlainName) (bool, error) {
		lead, err := d.taken(0, to, plain)
		other, also := d.taken(1, to, plain)
		return lead || other, errors.Join(err, also)
	})
	if err != nil {
		return err
	}
	to.name = string(plain)
	return d.away(side, goes, to)
}

// away moves what one cloud shows to another place there.
func (d *difference) away(side int, s, to shown) error {
	d.Logger.Warn("a name is a directory in one cloud and a file in another: one of them has another name now", "cloud", d.Clouds[side].Name)
	d.found(s)
	d.found(to)
	return d.do(side, d.step(step.Aside, side, s.path(side), to))
}

// movedTo is where the cloud that has the directory has the same version of the file,
// if that is a free name in the other cloud; or nil.
func (d *difference) movedTo(c clash, is version) (at *shown, err error) {
	side := c.side
	err = d.each(side, Folder{}, func(s shown) error {
		if same, ok := d.versionOf(side, s); at != nil || !ok || same != is {
			return nil
		}
		to := 1 - side
		if info, err := d.Clouds[to].Dir.Stat(s.Paths[to]); s.Paths[to] != "" && (err != nil || !info.Dir) {
			return nil
		}
		taken, err := d.taken(to, s, cipher.PlainName(s.name))
		if err == nil && !taken {
			at = &s
		}
		return err
	})
	return at, err
}

// taken reports whether a cloud has something at a name beside what is shown.
func (d *difference) taken(side int, s shown, plain cipher.PlainName) (bool, error) {
	is, err := step.Taken(d.Clouds[side], s.Paths[side], plain)
	return is, d.blame(side, err)
}
