package content

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// Making is a file that is being made, in cloud after cloud.
type Making struct{ *File }

// New is a new file's open file, held once, without any version. Nobody else
// may see the object before Made, and no commit of the file begins before Begun.
func (o *Object) New(s *Store, at Place, mode uint32, owner Owner) Making {
	o.s, o.Place = s, at
	f := s.newFile(o)
	now := s.Clock()
	f.Mode, f.UID, f.GID, f.Mtime = mode, owner.UID, owner.GID, now
	f.Ctime, f.Attrs, f.Since = now, true, now
	f.Sealed.Head = cipher.Header{Type: cipher.TypeFile, FileID: Random16()}
	for _, cl := range s.Clouds.Ups() {
		f.Copies.List[cl.Index] = copies.New(cl, Random16())
	}
	f.commit.TryLock() // out of order, but nobody else can hold it yet
	return Making{f}
}

// NoteCreate tells the log of the new file, and returns the entry.
func (f Making) NoteCreate(path string) (*journal.Entry, error) {
	f.lock()
	defer f.unlock()
	e := &journal.Entry{
		Op: journal.OpCreate, Path: []byte(path), File: &f.Sealed.Head.FileID,
		Attrs: Attrs(f.Mode, Owner{f.UID, f.GID}, f.Mtime), Salts: f.Copies.Salts(),
	}
	return e, f.Append(e)
}

// Create makes the new file's backing file in one cloud.
func (f Making) Create(cl *clouds.Cloud, path string) error {
	c := f.Copies.List[cl.Index]
	if err := c.Make(path, cipher.BackingMode(f.Mode, false), f.Sealed.Head.FileID); err != nil {
		return err
	}
	info, err := c.File.Stat()
	if err == nil && f.Env.Owners && (info.UID != f.UID || info.GID != f.GID) {
		err = c.File.Chown(int(f.UID), int(f.GID))
		info.UID, info.GID = f.UID, f.GID
	}
	if err != nil {
		return errors.Join(err, c.Unmake(path))
	}
	c.Made, c.Shown = &info, info
	return nil
}

// Uncreate takes Create back.
func (f Making) Uncreate(cl *clouds.Cloud, path string) error {
	return f.Copies.List[cl.Index].Unmake(path)
}

// Lack has a cloud go without the new file.
func (f Making) Lack(cl *clouds.Cloud) { f.Copies.List[cl.Index] = nil }

// Made lets the new file be seen. It returns its inode in each cloud, and which
// one is read.
func (f Making) Made() (backing []uint64, source int) {
	backing = make([]uint64, len(f.Copies.List))
	source = -1
	for k, c := range f.Copies.List {
		if c == nil || c.File == nil || c.Made == nil {
			continue
		}
		if backing[k] = c.Made.Ino; source < 0 {
			source = k
		}
	}
	f.Copies.Source = max(source, 0)
	f.o.open.Store(f.File)
	return backing, f.Copies.Source
}

// Begun lets commits of the new file begin.
func (f Making) Begun() { f.commit.Unlock() }

// Drop forgets a file that was made in no cloud.
func (f Making) Drop() {
	f.s.commits.Untrack(f.File)
	f.lock()
	defer f.unlock()
	f.Nameless, f.ref = true, 0
	f.Copies.Close()
}
