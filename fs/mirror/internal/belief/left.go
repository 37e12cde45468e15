package belief

import (
	"errors"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Left is the question whether a cloud that was away is as this machine has left it, but for
// the names of which it has missed changes.
type Left struct {
	Belief *Belief
	Cloud  *replica.Cloud
	ID     cipher.ID
	Others []*replica.Cloud // in use

	// Spare reports whether a name tells nothing, since it is not as it was left for a known reason;
	// deep, nor does anything that is below it.
	Spare func(path string) (spare, deep bool)
	Stop  func() error
}

// Stands answers it. Nothing is opened that stands as it was, by its inode and ctime.
func (l *Left) Stands() (bool, error) {
	at := place{number: index.Root, backing: make([]string, len(l.Others)), there: make([]bool, len(l.Others))}
	for i := range at.there {
		at.there[i] = true
	}
	err := l.walk(at)
	if errors.Is(err, errAnother) {
		return false, nil
	}
	return err == nil, err
}

// errAnother: somebody else has changed something.
var errAnother = errors.New("it is not as it was left")

// A place is a directory.
type place struct {
	number  index.Dir // 0 where it is not known
	plain   string
	own     string   // in the cloud
	backing []string // in each of the others
	there   []bool   // they have it
}

// An entry is what a cloud has at a name.
type entry struct {
	cloud.Entry
	special bool
}

// walk goes through a directory.
func (l *Left) walk(at place) error {
	if err := l.Stop(); err != nil {
		return err
	}
	own, err := entries(l.Cloud, at.own)
	if err != nil {
		return err
	}
	others := make([]map[cipher.PlainName]entry, len(l.Others))
	for i, o := range l.Others {
		if !at.there[i] {
			continue
		}
		if others[i], err = entries(o, at.backing[i]); err != nil && !replica.Missing(err) {
			return err
		}
		for name := range others[i] {
			if _, has := own[name]; !has && !l.spared(at, name) {
				return errAnother
			}
		}
	}
	known := map[cipher.PlainName]index.Known{}
	if at.number != 0 {
		if known, err = l.Belief.Memory.List(at.number); err != nil {
			return err
		}
	}
	for name, k := range known {
		if _, has := own[name]; !has && (k.Kind == index.IsFile || k.Kind == index.IsDir) && !l.spared(at, name) {
			return errAnother
		}
	}
	for name, e := range own {
		if err := l.look(at, name, e, known[name], others); err != nil {
			return err
		}
	}
	return nil
}

// look looks at a name that the cloud has.
func (l *Left) look(at place, name cipher.PlainName, e entry, k index.Known, others []map[cipher.PlainName]entry) error {
	same := k.Kind == index.Unknown
	below := place{plain: replica.Join(at.plain, string(name)), own: replica.Join(at.own, e.Name), backing: make([]string, len(others)), there: make([]bool, len(others))}
	for i, has := range others {
		if o, there := has[name]; there {
			below.backing[i], below.there[i] = replica.Join(at.backing[i], o.Name), o.Dir
			same = same && o.Dir == e.Dir && o.special == e.special
		} else {
			same = false
		}
	}
	switch {
	case k.Kind == index.IsDir && e.Dir:
		below.number, same = k.Dir, true
	case k.Kind == index.IsFile && !e.Dir && k.File.Type.Special() == e.special:
		same = l.stands(index.Place{Dir: at.number, Name: name}, below)
	case same && !e.Dir:
		same = l.alike(below, func(*cipher.Header) bool { return true })
	}
	if same && !e.Dir {
		return nil
	}
	spare, deep := l.Spare(below.plain)
	switch {
	case !same && !spare:
		return errAnother
	case !same, spare && deep:
		return nil
	}
	return l.walk(below)
}

// stands reports whether a file is at the version that is known, as it was left or as all clouds show it.
func (l *Left) stands(p index.Place, at place) bool {
	row, err := l.Belief.Memory.Row(p)
	if err != nil {
		return false
	}
	if info, err := l.Cloud.Dir.Stat(at.own); err == nil && Stands(&row, l.ID, info) {
		return true
	}
	return l.alike(at, func(h *cipher.Header) bool { return is(row.Known, h) })
}

// alike reports whether all clouds have the same version of a file, and the right one, under as many names. Somebody has touched the
// cloud's copy, or nobody knows: a header tells nothing of what is behind it.
func (l *Left) alike(at place, right func(*cipher.Header) bool) bool {
	h, err := l.Cloud.Header(at.own)
	if err != nil || h.Flags&cipher.Dirty != 0 || !right(h) {
		return false
	}
	info, err := l.Cloud.Dir.Stat(at.own)
	if err != nil {
		return false
	}
	for i, o := range l.Others {
		if at.backing[i] == "" {
			return false
		}
		if other, err := o.Header(at.backing[i]); err != nil || other.FileID != h.FileID || other.CommitID != h.CommitID || other.Flags != h.Flags {
			return false
		}
		if shown, err := o.Dir.Stat(at.backing[i]); err != nil || shown.Nlink != info.Nlink {
			return false
		}
	}
	checked := index.Checked{Cloud: l.ID, Ino: info.Ino, CommitID: h.CommitID, Ctime: info.Ctime}
	return l.Belief.Memory.WasChecked(checked) || replica.Sound(l.Cloud, at.own, h.CommitID)
}

func (l *Left) spared(at place, name cipher.PlainName) bool {
	spare, _ := l.Spare(replica.Join(at.plain, string(name)))
	return spare
}

// entries are what stands for names in a directory. What a sync tool has made copies of is somebody else's change.
func entries(c *replica.Cloud, dir string) (map[cipher.PlainName]entry, error) {
	list, err := c.Dir.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := make(map[cipher.PlainName]entry, len(list))
	for _, e := range list {
		if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
			continue
		}
		d, err := c.DecodeEntry(dir, e.Name)
		if err != nil || e.Dir && d.Special {
			continue
		}
		if _, twice := all[d.Name]; d.Copy || twice {
			return nil, errAnother
		}
		all[d.Name] = entry{e, d.Special}
	}
	return all, nil
}
