package content

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// SetAttr says what to change; nil leaves a field as it is.
type SetAttr struct {
	Mode  *uint32 // 07777
	UID   *uint32
	GID   *uint32
	Size  *int64
	Atime *time.Time
	Mtime *time.Time
	Renew bool // a new version at once, though nothing may change
}

// nothing reports whether no version is due.
func (a *SetAttr) nothing() bool {
	return a.Mode == nil && a.UID == nil && a.GID == nil && a.Mtime == nil && !a.Renew
}

// Owner is who a new entry belongs to.
type Owner struct{ UID, GID uint32 }

const permBits = 0o7777

// Attrs is attributes for the log.
func Attrs(mode uint32, o Owner, mtime time.Time) *journal.Attrs {
	return &journal.Attrs{Mode: &mode, UID: &o.UID, GID: &o.GID, Mtime: &mtime}
}

// SetAttr changes attributes. On a file with changes in no version yet it
// joins them, otherwise it is a commit of its own.
func (f Holder) SetAttr(a SetAttr) error {
	if a.Size != nil {
		if err := f.Truncate(*a.Size); err != nil {
			return err
		}
	}
	if a.nothing() && a.Atime == nil {
		return nil
	}
	f.commit.Lock()
	defer f.commit.Unlock()
	e, err := f.begin()
	if err != nil {
		return err
	}
	alone, err := e.setAttr(a)
	e.unlock()
	if err != nil || !alone && !a.Renew {
		return err
	}
	return f.commitOne()
}

// setAttr changes the attributes in memory. alone means that nothing else is in
// no version, so that they are a commit of their own.
func (e editor) setAttr(a SetAttr) (alone bool, err error) {
	if err := e.mayOwn(a); err != nil {
		return false, err
	}
	alone = e.Copies.Stored.Committed() && !e.Nameless && !e.unsealed()
	if a.Atime != nil {
		if err := e.setAtime(*a.Atime); err != nil {
			return false, err
		}
	}
	if a.nothing() {
		return false, nil
	}
	mode, owner, mtime := e.Mode, Owner{e.UID, e.GID}, e.Mtime
	if a.Mode != nil {
		mode = *a.Mode & permBits
	}
	if a.UID != nil {
		owner.UID = *a.UID
	}
	if a.GID != nil {
		owner.GID = *a.GID
	}
	if a.Mtime != nil {
		mtime = *a.Mtime
	}
	if !alone {
		err = e.Append(&journal.Entry{Op: journal.OpAttr, Attrs: Attrs(mode, owner, mtime)})
	}
	if err == nil {
		e.Mode, e.UID, e.GID, e.Mtime = mode, owner.UID, owner.GID, mtime
		e.Changed()
	}
	return alone, err
}

// mayOwn refuses owners that this process cannot give to backing files.
func (e editor) mayOwn(a SetAttr) error {
	if e.Env.Owners || a.UID == nil && a.GID == nil {
		return nil
	}
	info, err := e.Copies.Current().File.Stat()
	if err != nil {
		return err
	}
	if a.UID != nil && *a.UID != info.UID || a.GID != nil && *a.GID != info.GID {
		return fs.ErrPermission
	}
	return nil
}

// setAtime goes to the backing files alone, and to as many as take it: the
// format does not keep it.
func (e editor) setAtime(t time.Time) error {
	err, taken := error(clouds.ErrNoCloud), false
	for _, c := range e.Copies.Targets() {
		e.Copies.Touched(c, 0, 0)
		why := c.File.Chtimes(cloud.Times{Atime: &t})
		if taken = taken || why == nil; why != nil {
			err = fmt.Errorf("utimens: cloud %s: %w", c.On.Name, why)
		}
	}
	if taken {
		return nil
	}
	return err
}
