package view

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/listing"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Litter is what may be removed with a directory. The zero Litter is nothing.
type Litter struct {
	in    map[int][]cloud.Entry // by cloud, what is in directories before these
	keeps []int                 // clouds that have something in the directory that nobody sees: it stays there until that is settled
}

// Kept reports whether the directory stays in a cloud.
func (l *Litter) Kept(cl *clouds.Cloud) bool { return slices.Contains(l.keeps, cl.Index) }

// Remove removes it from a cloud, where the directory is at a path.
func (l *Litter) Remove(cl *clouds.Cloud, path string) error {
	for _, e := range l.in[cl.Index] {
		remove := cl.Dir.Remove
		if e.Dir {
			remove = cl.Dir.Rmdir // what has come into it since stays
		}
		if err := remove(replica.Join(path, e.Name)); err != nil && !replica.Missing(err) {
			return err
		}
	}
	return nil
}

// Litter lists what may be removed with the directory in each cloud: what verifies
// as this program's own and is worth nothing any more. Foreign entries, and what programs see, make
// the directory not empty, and nothing is removed anywhere. A cloud that alone has something there that
// programs do not see keeps the directory.
func (v *View) Litter(dir *nodes.Node) (*Litter, error) {
	litter := &Litter{in: map[int][]cloud.Entry{}}
	var full, unseen []string // an entry of each cloud for which the directory is not empty, or that keeps it
	err := v.Clouds.Reach("readdir", func(cl *clouds.Cloud) error {
		path, _ := dir.Path(cl.Index)
		entries, err := cl.Dir.ReadDir(path)
		if replica.Missing(err) {
			return nil
		}
		for _, e := range entries {
			switch in, whole := outlivedDir(v, cl, path, e); {
			case cl.Litter(path, e) || v.outlived(dir, cl, path, e):
				litter.in[cl.Index] = append(litter.in[cl.Index], e)
			case whole:
				litter.in[cl.Index] = append(litter.in[cl.Index], in...)
			case v.hidden(dir, cl, path, e):
				litter.keeps, unseen = append(litter.keeps, cl.Index), append(unseen, cl.Name+"/"+e.Name)
			default:
				full = append(full, cl.Name+"/"+e.Name)
				return nil
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(full) == 0 && len(clouds.Witnesses(v.Clouds)) > 0 {
		if l, err := v.List(dir); err != nil || len(l) > 0 {
			return nil, errors.Join(err, ErrNotEmpty) // a cloud that is coming back has it
		}
	}
	goes := slices.ContainsFunc(v.Clouds.Ups(), func(cl *clouds.Cloud) bool { return !litter.Kept(cl) })
	if goes && len(full) == 0 {
		return litter, nil
	}
	if l, failed := v.List(dir); failed == nil && len(l) == 0 {
		v.Logger.Warn("a directory that shows nothing is not removed: there are entries in it that are not this vault's, or not in use", "entries", append(full, unseen...))
	}
	return nil, ErrNotEmpty
}

// hidden reports whether an entry is at a name at which programs see nothing.
func (v *View) hidden(dir *nodes.Node, cl *clouds.Cloud, path string, e cloud.Entry) bool {
	name, _, ok := listing.Decode(cl.Cloud, path, e)
	if !ok {
		return false
	}
	l, err := v.Link(dir, string(name))
	if err != nil {
		return false
	}
	_, err = v.Find(l)
	return errors.Is(err, fs.ErrNotExist)
}

// outlived reports whether an entry is a copy, by a sync tool, of what has been
// removed or is known at that version or a greater one; or what was removed here
// and has come back.
func (v *View) outlived(dir *nodes.Node, cl *clouds.Cloud, path string, e cloud.Entry) bool {
	if !e.Regular {
		return false
	}
	d, err := cl.DecodeEntry(path, e.Name)
	unnamed := errors.Is(err, cipher.ErrSidecar) && cipher.EntryName(e.Name).IsCopyOfLong() // the sidecar went with the name
	if err != nil && !unnamed {
		return false
	}
	if !d.Copy && !unnamed {
		l, err := v.Link(dir, string(d.Name))
		if err != nil {
			return false
		}
		f, err := v.Find(l)
		return errors.Is(err, fs.ErrNotExist) && f.Goes(cl.Index)
	}
	h, err := cl.Header(replica.Join(path, e.Name))
	return err == nil && Old(v, h)
}

// Old reports whether what a sync tool has put somewhere is worth nothing any more: it has ended, a later version is known, or the file
// has it where it belongs. One that is of no version is nobody's: whose file it is has its own.
func Old(v *View, h *cipher.Header) bool {
	return belief.NeverWhole(v.Belief, h) ||
		v.Belief.Outlived(h) && (belief.Superseded(v.Belief, h) || stands(v, index.File{ID: h.FileID, Type: h.Type}))
}

// manyEntries are more than are looked at in a copy of a directory.
const manyEntries = 4096

// outlivedDir lists a directory that a sync tool has made a copy of, after all that is in it, where that is worth nothing any more.
func outlivedDir(v *View, cl *clouds.Cloud, path string, e cloud.Entry) (list []cloud.Entry, whole bool) {
	if d, err := cl.DecodeEntry(path, e.Name); err != nil || !e.Dir || !d.Copy {
		return nil, false
	}
	whole = allOutlived(v, cl, path, e, &list)
	return list, whole
}

// allOutlived adds to a list what is in a directory, and that.
func allOutlived(v *View, cl *clouds.Cloud, path string, dir cloud.Entry, list *[]cloud.Entry) bool {
	at := replica.Join(path, dir.Name)
	entries, err := cl.Dir.ReadDir(at)
	if err != nil || len(*list)+len(entries) > manyEntries {
		return false
	}
	for _, e := range entries {
		_, err := cl.DecodeEntry(at, e.Name)
		in := cloud.Entry{Name: replica.Join(dir.Name, e.Name), Dir: e.Dir, Regular: e.Regular}
		switch named := err == nil || errors.Is(err, cipher.ErrSidecar); {
		case cl.Litter(at, e):
		case e.Dir && named:
			if !allOutlived(v, cl, path, in, list) {
				return false
			}
			continue
		case !e.Regular || !named:
			return false
		default:
			if h, err := cl.Header(replica.Join(at, e.Name)); err != nil || !Old(v, h) {
				return false
			}
		}
		*list = append(*list, in)
	}
	*list = append(*list, dir)
	return true
}

// stands reports whether a file is found at any of its names. One that is not may have its last copy where a sync tool has put it.
func stands(v *View, f index.File) bool {
	places, err := v.Belief.Memory.Places(f)
	return err == nil && slices.ContainsFunc(places, func(p index.Place) bool {
		dir, ok, err := v.Belief.Memory.Path(p.Dir)
		return err == nil && ok && isAt(v, f, strings.TrimPrefix(dir+"/"+string(p.Name), "/"))
	})
}

// isAt reports whether a file is found at a path.
func isAt(v *View, f index.File, path string) bool {
	at := v.Nodes.Root()
	at.Ref()
	for name := range strings.SplitSeq(path, "/") {
		child, found, err := v.childOf(at, name)
		at.Forget()
		if err != nil {
			return false
		}
		if at = child; !at.IsDir() {
			id, _ := v.IdentifyFound(at, found)
			at.Forget()
			return id == f.ID && found.Best() >= 0
		}
	}
	at.Forget()
	return false
}
