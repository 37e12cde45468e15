package tree

import (
	"errors"
	"path"
	"strings"
)

// A Transfer is what somebody asked to be copied, as they typed it.
type Transfer struct {
	Src, Dst  Side
	Sources   []string
	Dest      string
	Recursive bool
}

// A Job is one name to copy, as the trees know it. The copies go to the tree of
// the transfer's Dst.
type Job struct {
	Src      Tree
	From, To string
}

// Target is the tree that is copied to.
func (t Transfer) Target() Tree { return t.Dst.files() }

// Plan turns what the user typed into jobs. A source that cannot be copied is told to failed; only an impossible
// destination is an error.
func (t Transfer) Plan(failed func(name string, err error)) (jobs []Job, err error) {
	where, e, err := t.Dst.find(t.Dest, true)
	intoDir := err == nil && e.IsDir()
	if !intoDir {
		where = t.Dst.clean(t.Dest)
	}
	if !intoDir && (len(t.Sources) > 1 || strings.HasSuffix(t.Dest, "/")) {
		return nil, errors.New("is no directory")
	}
	for _, typed := range t.Sources {
		j, err := t.Src.job(typed, t.Recursive)
		base := t.Src.Base(typed)
		switch {
		case err != nil:
			failed(typed, err)
			continue
		case intoDir && base == "-":
			failed(typed, errors.New("standard input needs a name to be copied to"))
			continue
		case intoDir:
			j.To = path.Join(where, base)
		default:
			j.To = where
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}
