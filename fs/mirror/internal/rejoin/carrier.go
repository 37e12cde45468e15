package rejoin

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Carrier makes names of one cloud what the clouds in use have there.
type Carrier struct {
	Wanted
	To     *replica.Cloud
	Owners bool
	Clock  func() time.Time
	Links  func(path string) []string // other names of a file, as far as they are known
	Limit  int64                      // files with more bytes are not copied, but where they are prepared

	Left  []string // names that could not be made so
	Loose bool     // a file has more names than are known: they may be separate files

	made   map[inode]string // where files with several names are in To
	prep   map[string]*prepared
	inside map[string]bool // names that are being made room for
}

// An inode is a file of a cloud.
type inode struct {
	cloud int
	ino   uint64
}

// A thing is what one cloud has at a name.
type thing struct {
	is      kind
	cloud   *replica.Cloud
	dir     string // the backing directory
	name    cipher.Name
	path    string // the entry
	info    cloud.Info
	head    *cipher.Header // of a file that has one
	why     error          // why a file has none
	special bool
}

type kind int

const (
	nothing kind = iota
	directory
	file
)

func (t *thing) clean() bool { return t.head != nil && t.head.Flags&cipher.Dirty == 0 }

// rests has a Carrier rest while it reads and writes content.
func rests(c *Carrier, rest func()) {
	rested := func(cl *replica.Cloud) *replica.Cloud { is := *cl; is.Rest = rest; return &is }
	c.To = rested(c.To)
	for i, from := range c.From {
		c.From[i] = rested(from)
	}
}

// look is what a cloud has at a plain path: of two spellings of the name, what is under the one without the letter w.
func look(c *replica.Cloud, path string) (*thing, error) {
	if path == "" {
		info, err := c.Dir.Stat("")
		return &thing{cloud: c, is: directory, info: info}, err
	}
	t, err := lookAs(c, path, false)
	if err != nil || t.is != nothing {
		return t, err
	}
	return lookAs(c, path, true)
}

// lookAs is look under one spelling of the name.
func lookAs(c *replica.Cloud, path string, special bool) (*thing, error) {
	t := &thing{cloud: c}
	dir, last := cloud.SplitPath(path)
	for name := range strings.FieldsFuncSeq(dir, func(r rune) bool { return r == '/' }) {
		n, err := c.Keys.EncodeName(cipher.PlainName(name))
		if err != nil {
			return nil, err
		}
		t.dir = replica.Join(t.dir, string(n.Entry))
	}
	var err error
	if t.name, err = c.Keys.EncodeName(cipher.PlainName(last)); err != nil {
		return nil, err
	}
	at := replica.Join(t.dir, replica.Entry(t.name, special))
	info, err := c.Dir.Stat(at)
	if replica.Missing(err) || err == nil && !info.Regular && (special || !info.Dir) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	t.path, t.info, t.special = at, info, special
	if t.is = directory; info.Dir {
		return t, nil
	}
	t.is = file
	t.head, t.why = c.Header(at)
	if t.why != nil && !errors.Is(t.why, cipher.ErrDamaged) && !errors.Is(t.why, replica.ErrBlank) && !errors.Is(t.why, cipher.ErrNewer) {
		return nil, t.why
	}
	return t, nil
}

// beside is a file of a cloud under the spelling that what is to be at a name does not
// have, where there is something under the other one, too; else nil. A kill between
// the two steps that put the one in the place of the other leaves both.
func beside(c *replica.Cloud, path string, want *thing) (*thing, error) {
	if path == "" {
		return nil, nil
	}
	other, err := lookAs(c, path, !want.special)
	if err != nil || other.is != file {
		return nil, err
	}
	if is, err := lookAs(c, path, want.special); err != nil || is.is == nothing {
		return nil, err
	}
	return other, nil
}

// Bring makes one name what it should be; deep, with all that is below it. An
// error is the cloud's, or that of one in use.
func (c *Carrier) Bring(path string, deep bool) error {
	want, err := c.want(path)
	if err != nil {
		return err
	}
	instead := want
	if want.is == nothing {
		instead = nil
	}
	if other, err := beside(c.To, path, want); err != nil {
		return fmt.Errorf("cloud %s: %w", c.To.Name, err)
	} else if other != nil {
		if _, err := c.clear(path, other, instead); err != nil {
			return err
		}
	}
	if want.is == file {
		return c.bringFile(path, want)
	}
	have, err := c.have(path)
	if err != nil {
		return err
	}
	if instead == nil {
		_, err = c.clear(path, have, nil)
		return err
	}
	return c.bringDir(path, want, have, deep)
}

func (c *Carrier) have(path string) (*thing, error) {
	t, err := look(c.To, path)
	if err != nil {
		return nil, fmt.Errorf("cloud %s: %w", c.To.Name, err)
	}
	return t, nil
}

func (c *Carrier) leave(path string) { c.Left = append(c.Left, path) }

// bringDir makes a directory like that of the clouds in use.
func (c *Carrier) bringDir(path string, want, have *thing, deep bool) error {
	if have.is == directory && deep { // it may be the one that was here before
		if moved, err := c.moveAway(path, have); err != nil {
			return err
		} else if moved {
			have.is = nothing
		}
	}
	if have.is == file {
		if gone, err := c.clear(path, have, want); err != nil || !gone {
			return err
		}
	}
	if have.is != directory {
		if ok, err := c.above(path); err != nil || !ok {
			return err
		}
		moved, err := c.moveHere(path, have)
		if err != nil {
			return err
		}
		if err := c.To.PutSidecar(have.dir, have.name); err != nil {
			return err
		}
		if !moved {
			if err := c.To.Dir.Mkdir(replica.Join(have.dir, string(have.name.Entry)), want.info.Mode|0o700); err != nil {
				return err
			}
		}
	}
	at := replica.Join(have.dir, string(have.name.Entry))
	if path == "" {
		at = ""
	}
	if deep {
		if err := c.bringAll(path, want, at); err != nil {
			return err
		}
	}
	return c.show(at, want.info)
}

// show gives a directory the owner, mode and mtime that it has elsewhere.
func (c *Carrier) show(at string, want cloud.Info) error {
	have, err := c.To.Dir.Stat(at)
	if err != nil {
		return err
	}
	if c.Owners && (have.UID != want.UID || have.GID != want.GID) {
		if err := c.To.Dir.Chown(at, int(want.UID), int(want.GID)); err != nil {
			return err
		}
	}
	if have.Mode != want.Mode {
		if err := c.To.Dir.Chmod(at, want.Mode); err != nil {
			return err
		}
	}
	if have.Mtime.Equal(want.Mtime) {
		return nil
	}
	return c.To.Dir.Chtimes(at, cloud.Times{Mtime: &want.Mtime})
}

// bringAll brings every name that any of the clouds has in a directory.
func (c *Carrier) bringAll(path string, want *thing, at string) error {
	all := map[cipher.PlainName]bool{}
	list, err := names(c.To, at)
	if err != nil {
		return err
	}
	for _, n := range list {
		all[n.name] = true
	}
	for _, from := range c.From {
		t, err := look(from, path)
		if err != nil || t.is != directory {
			continue
		}
		list, err := names(from, t.path)
		if err != nil && !replica.Missing(err) {
			return err
		}
		for _, n := range list {
			all[n.name] = true
		}
	}
	for n := range all {
		if err := c.Bring(replica.Join(path, string(n)), true); err != nil {
			return err
		}
	}
	return nil
}

// moveHere renames a directory that was moved to where it belongs, if the cloud
// has it at its old place still.
func (c *Carrier) moveHere(path string, have *thing) (bool, error) {
	old := missed.Before(c.Moves, path)
	if old == path || missed.After(c.Moves, old) != path {
		return false, nil
	}
	was, err := c.have(old)
	if err != nil || was.is != directory {
		return false, err
	}
	if err := c.To.PutSidecar(have.dir, have.name); err != nil {
		return false, err
	}
	if err := c.To.Dir.Rename(was.path, replica.Join(have.dir, string(have.name.Entry))); err != nil {
		return false, err
	}
	return true, c.To.DropSidecar(was.dir, was.name)
}

// above makes the directories above a name. It reports whether they are there.
func (c *Carrier) above(path string) (bool, error) {
	dir, _ := cloud.SplitPath(path)
	if dir == "" {
		return true, nil
	}
	have, err := c.have(dir)
	if err != nil || have.is == directory {
		return err == nil, err
	}
	if err := c.Bring(dir, false); err != nil {
		return false, err
	}
	if have, err = c.have(dir); err != nil || have.is == directory {
		return err == nil, err
	}
	c.leave(path)
	return false, nil
}

// moveAway moves what is known to be elsewhere by now to that place, where the
// cloud has nothing there yet.
func (c *Carrier) moveAway(path string, have *thing) (bool, error) {
	to := missed.After(c.Moves, path)
	if to == path || c.inside[to] {
		return false, nil
	}
	want, err := c.want(to)
	if err != nil || want.is != have.is || want.is == file && (!have.clean() || !want.clean() || !equal(have.head, want.head)) {
		return false, err
	}
	return c.Move(path, to)
}

// Move moves what the cloud has at a name, where nothing is at the new one.
func (c *Carrier) Move(path, to string) (bool, error) {
	have, err := c.have(path)
	if err != nil || have.is == nothing {
		return false, err
	}
	there, err := c.have(to)
	if err != nil || there.is != nothing {
		return false, err
	}
	if c.inside == nil {
		c.inside = map[string]bool{}
	}
	c.inside[to] = true
	defer delete(c.inside, to)
	if ok, err := c.above(to); err != nil || !ok {
		return false, err
	}
	if there, err = c.have(to); err != nil || there.is != nothing { // it came with what is above it
		return false, err
	}
	if err := c.To.PutSidecar(there.dir, there.name); err != nil {
		return false, err
	}
	err = c.To.Dir.Rename(have.path, replica.Join(there.dir, replica.Entry(there.name, have.special)))
	if replica.Missing(err) {
		return false, nil // it went with what is above it
	}
	if err != nil {
		return false, err
	}
	return true, c.To.DropSidecar(have.dir, have.name)
}
