package compare

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// An observer looks at the clouds: directories, names, entries.
type observer struct {
	Config
	gone *Removals
}

// A Sight is what one cloud shows at a name: its claim, and what it rests on.
type Sight struct {
	judge.Claim
	Spot
	Unsided bool // the sidecar of its long name is not there

	Others []Spot // further entries that stand for the name, as sync tools make them
	Second *Sight // of these, the one under the other spelling of the name, or nil
}

// A Spot is one entry of a cloud.
type Spot struct {
	Path string         // "" where nothing is
	Info cloud.Info     // not of directories
	Head *cipher.Header // where it verifies
	Why  error          // what keeps it from being a claim
}

var (
	errLetter = fmt.Errorf("%w: its entry is that of another type", cipher.ErrDamaged)
	errShape  = fmt.Errorf("%w: neither a file nor a directory", cipher.ErrDamaged)
)

// blankFor is how long what has no header yet may be a file that is on its way.
const blankFor = 10 * time.Minute

// look finds out what a cloud shows at a name. The copy is that of the entry
// that is the name's, if it verifies; the caller closes it.
func (c *observer) look(f *folder, r row, k int, known judge.Known) (*Sight, *replica.Copy, error) {
	s := &Sight{Claim: judge.Claim{Shows: judge.ShowsNothing}}
	if f.in[k].silent {
		s.Shows, s.Why = judge.ShowsNoAnswer, f.in[k].why
		return s, nil, nil
	}
	var own *replica.Copy
	for _, e := range r.of(k) {
		claim, spot, cp := c.lookAt(f, r, e)
		if claim.Shows == judge.ShowsNothing {
			continue // it went away meanwhile
		}
		s.Unsided = s.Unsided || e.unsided
		if !e.copied && rank(claim) > rank(s.Claim) {
			claim, s.Claim = s.Claim, claim
			spot, s.Spot = s.Spot, spot
			cp, own = own, cp
		}
		if !e.copied && spot.Path != "" {
			s.Second = &Sight{Claim: claim, Spot: spot}
		}
		if cp != nil {
			cp.Close()
		}
		if spot.Path != "" {
			s.other(claim, spot)
		}
	}
	owes, err := c.Memory.Owes(k, f.child(r.name))
	s.Owes = owes
	switch {
	case s.Shows == judge.ShowsNothing:
		s.Young = !c.Asked && c.young(k, f.in[k].ctime)
	case errors.Is(s.Why, replica.ErrBlank) && known.Has != judge.File:
		s.Young = !c.Asked || c.within(s.Info.Ctime, blankFor)
	}
	return s, own, err
}

// other notes a further entry: a version that it shows is one more copy.
func (s *Sight) other(claim judge.Claim, spot Spot) {
	s.Others = append(s.Others, spot)
	if claim.Shows == judge.ShowsFile && !claim.Dirty {
		s.Copies = append(s.Copies, claim.Version)
	}
}

// versions are those that a cloud shows at the name, copies included.
func (s *Sight) versions() []judge.Version {
	if s.Shows != judge.ShowsFile || s.Dirty {
		return s.Copies
	}
	return append(slices.Clip(s.Copies), s.Version)
}

// rank orders what several entries of one name show: what says most is the
// claim.
func rank(c judge.Claim) int {
	switch c.Shows {
	case judge.ShowsNothing:
		return 0
	case judge.ShowsFile:
		if c.Dirty {
			return 3
		}
		return 5
	case judge.ShowsDir:
		return 4
	case judge.ShowsNewer:
		return 2
	}
	return 1
}

// lookAt looks at one entry.
func (c *observer) lookAt(f *folder, r row, e entry) (judge.Claim, Spot, *replica.Copy) {
	k := int(e.cloud)
	spot := Spot{Path: replica.Join(f.in[k].path, c.spell(r.name, e))}
	if e.dir {
		return judge.Claim{Shows: judge.ShowsDir}, spot, nil
	}
	var cp *replica.Copy
	err := errShape
	if e.regular {
		cp, err = c.Clouds[k].Open(spot.Path, false)
	}
	if err == nil {
		spot.Head = cp.Head
		spot.Info, err = cp.File.Stat()
	} else if info, failed := c.Clouds[k].Dir.Stat(spot.Path); failed == nil {
		spot.Info = info
	}
	claim := judge.Claim{Shows: judge.ShowsFile, Young: c.young(k, spot.Info.Ctime)}
	if spot.Head != nil {
		claim.Version, claim.Dirty = judge.VersionOf(spot.Head), spot.Head.Flags&cipher.Dirty != 0
		if err == nil && (spot.Head.Type.Special() != e.special || spot.Head.Type == cipher.TypeGone) {
			err = errLetter
		}
	}
	if err != nil {
		// A sync client may be in the middle of it, however much is owed.
		claim.Shows, spot.Why, claim.Young = c.unclaimed(err), err, c.within(spot.Info.Ctime, c.SettleTime)
		if cp != nil {
			cp.Close()
		}
		return claim, spot, nil
	}
	return claim, spot, cp
}

// unclaimed is what an error makes of an entry. One that tells of the cloud and
// not of the file is no answer.
func (c *observer) unclaimed(err error) judge.Shows {
	switch {
	case replica.Missing(err):
		return judge.ShowsNothing
	case errors.Is(err, cipher.ErrNewer):
		return judge.ShowsNewer
	case errors.Is(err, replica.ErrBlank), errors.Is(err, cipher.ErrDamaged), errors.Is(err, cloud.ErrNotRegular), errors.Is(err, unix.EIO):
		return judge.ShowsBad
	}
	return judge.ShowsNoAnswer
}

// young reports whether what changed at that time in a cloud may still be
// changing.
func (c *observer) young(k int, ctime time.Time) bool {
	return (c.Hasty == nil || !c.Hasty[k]) && c.within(ctime, c.SettleTime)
}

func (c *observer) within(ctime time.Time, d time.Duration) bool { return c.Clock().Sub(ctime) < d }
