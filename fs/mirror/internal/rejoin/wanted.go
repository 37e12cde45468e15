package rejoin

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Wanted is what should be at names, and what of a cloud may go: what the clouds
// in use have there, and what this machine knows.
type Wanted struct {
	From  []*replica.Cloud                     // in use, the lead first
	Moves []missed.Move                        // that the cloud may lack
	Past  Past                                 // what this machine knows of names that are not any more
	Live  *Tree                                // where files are, as far as that is known; or nil
	Calm  func(cloud.Info, time.Duration) bool // whether a backing file has not changed for so long
	Owes  func(k int, path string) bool        // whether a cloud in use lacks a path, or has it wrongly; or nil
}

// want is what the clouds in use have at a path: of a file the greatest version; of several things the one that this machine knows
// to be there, and else the first. A file that was never committed is there without a header.
func (w *Wanted) want(path string) (*thing, error) {
	best := &thing{}
	for _, from := range w.tellers(path) {
		t, err := look(from, path)
		if err != nil {
			return nil, fmt.Errorf("cloud %s: %w", from.Name, err)
		}
		if back, err := w.shownAgain(path, t); err != nil {
			return nil, err
		} else if back {
			t = &thing{}
		}
		if t.is == nothing || best.is == nothing {
			if best.is == nothing {
				best = t
			}
			continue
		}
		if differ(t, best) {
			is, err := w.Past.Now(path)
			if err != nil {
				return nil, err
			}
			if known := t.stands(is); known != best.stands(is) {
				if known {
					best = t
				}
				continue
			}
		}
		switch {
		case !best.clean() && t.clean() && best.is == t.is:
			best = t
		case t.clean() && best.clean() && same(t.head, best.head) && cipher.Compare(t.head.Version, best.head.Version) == cipher.Greater:
			best = t
		}
	}
	return best, nil
}

// shownAgain reports whether a cloud in use shows what is known to have left a path: nobody is to be brought that.
func (w *Wanted) shownAgain(path string, t *thing) (bool, error) {
	switch {
	case t.is == directory:
		return leftDir(w.Past, path)
	case t.clean() && len(t.head.Version) > 0:
		return w.Past.Left(path, fileOf(t.head), t.head.Version)
	}
	return false, nil
}

// tellers are the clouds in use that tell what should be at a path: those that do not owe it, unless all do.
func (w *Wanted) tellers(path string) []*replica.Cloud {
	if w.Owes == nil {
		return w.From
	}
	list := slices.DeleteFunc(slices.Clone(w.From), func(c *replica.Cloud) bool { return w.Owes(c.Index, path) })
	if len(list) == 0 {
		return w.From
	}
	return list
}

// differ reports whether two clouds have another thing at a name, as far as their headers tell.
func differ(a, b *thing) bool {
	return a.is != b.is || a.head != nil && b.head != nil && !same(a.head, b.head)
}

// stands reports whether it is what is known of a name.
func (t *thing) stands(k index.Known) bool {
	if t.is == directory {
		return k.Kind == index.IsDir
	}
	return t.head != nil && k.Kind == index.IsFile && k.File == fileOf(t.head)
}

// A fate is what becomes of a file that is not what should be at its name.
type fate int

const (
	// stays: it is another machine's, as far as is known, and not whole yet, or of a
	// format that only a later program knows. The cloud owes nothing for it.
	stays fate = iota
	// waits: it may be changing, or there is something in it that is nowhere else.
	// The name is owed, and somebody judges it.
	waits
	// goes: it may be replaced, or removed.
	goes
)

// fateOf tells what becomes of a file of the cloud; want is what is to be in its
// place, or nil. It goes if it is an earlier version of what is wanted, if it
// has left that name, and is safe, or if nothing of it was ever whole and it is
// this machine's, or is long the same where something whole is wanted.
func (w *Wanted) fateOf(path string, have, want *thing) (fate, error) {
	h := have.head
	switch {
	case errors.Is(have.why, cipher.ErrNewer):
		return stays, nil
	case h == nil:
		return w.fateOfHeadless(path, have, want)
	case h.Flags&cipher.Dirty != 0 && len(h.Version) == 0:
		left, err := w.Past.Left(path, fileOf(h), nil)
		made := want != nil && want.head != nil && same(h, want.head)
		if err == nil && (left || made || want != nil && want.clean() && w.Calm(have.info, blankFor)) {
			return goes, nil
		}
		return stays, err
	case want != nil && want.clean() && same(h, want.head) && atMost(h.Version, want.head.Version):
		return goes, nil
	}
	safe, err := w.safe(path, h)
	if safe {
		return goes, err
	}
	return waits, err
}

// fateOfHeadless is fateOf for a file that tells nothing of itself. Another
// machine's new file looks the same, so the name has to tell: this machine has
// emptied it, or the directory that it was in, or there is something else there.
func (w *Wanted) fateOfHeadless(path string, have, want *thing) (fate, error) {
	settle := settleTime
	if errors.Is(have.why, replica.ErrBlank) && (want == nil || !want.clean()) {
		settle = blankFor
	}
	if want == nil {
		emptied, err := w.Past.Emptied(path)
		if dir, _ := cloud.SplitPath(path); dir != "" && !emptied && err == nil {
			emptied, err = w.Past.LeftDir(dir)
		}
		if !emptied || err != nil {
			return stays, err
		}
	}
	if !w.Calm(have.info, settle) {
		return waits, nil
	}
	return goes, nil
}

// safe reports whether a version of a file is known to have left a name, and is
// not the last of anything: the file has ended, or is in place elsewhere in the
// clouds in use.
func (w *Wanted) safe(path string, h *cipher.Header) (bool, error) {
	left, err := w.Past.Left(path, fileOf(h), h.Version)
	if err != nil {
		return false, err
	}
	places := w.Live.elsewhere(path, h)
	if to := missed.After(w.Moves, path); to != path {
		places = append(places, to)
	}
	if left {
		ended, err := w.Past.Ended(fileOf(h))
		if err != nil || slices.ContainsFunc(ended, func(v cipher.Vector) bool { return atMost(h.Version, v) }) {
			return err == nil, err
		}
		homes, err := w.Past.Homes(fileOf(h))
		if err != nil {
			return false, err
		}
		places = append(places, homes...)
	}
	for _, at := range places {
		now, err := w.want(at)
		if err != nil || now.clean() && same(h, now.head) && atMost(h.Version, now.head.Version) {
			return err == nil, err
		}
	}
	return false, nil
}

// dirLeft reports whether a directory is known to have left a path.
func (w *Wanted) dirLeft(path string) (bool, error) {
	if missed.After(w.Moves, path) != path {
		return true, nil
	}
	left, err := leftDir(w.Past, path)
	if !left && err == nil {
		left, err = w.Past.Emptied(path) // of a file, and it was before that
	}
	return left, err
}

func same(a, b *cipher.Header) bool { return a.FileID == b.FileID && a.Type == b.Type }

func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}

func equal(a, b *cipher.Header) bool {
	return same(a, b) && a.CommitID == b.CommitID && cipher.Compare(a.Version, b.Version) == cipher.Equal
}
