package content

import (
	"fmt"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// editor is a file whose lock is held and that has begun: what changes its
// present state.
type editor struct{ *File }

// binder is a file before its first change: the log comes to name it, and its
// copies to be such as can be written.
type binder struct{ *File }

// begin prepares a file for changes: the log names it, every cloud that is up
// has its version, and what an earlier crash left beyond its length is gone.
// Where it does not fail, the caller unlocks the editor.
func (f *File) begin() (editor, error) {
	if err := f.Env.Clouds.Admit(); err != nil {
		return editor{}, err
	}
	for {
		f.lock()
		switch {
		case f.forsaken:
			f.unlock()
			return editor{}, ErrStale
		case f.ref != 0 || f.Nameless:
			return editor{f}, nil
		}
		f.unlock()
		if err := (binder{f}).bind(); err != nil {
			return editor{}, err
		}
	}
}

func (f binder) bind() error {
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	return f.bindLocked()
}

// bindLocked is bind for a caller that holds Mirror.names and File.mu.
func (f binder) bindLocked() error {
	if f.ref != 0 || f.Nameless {
		return nil
	}
	path, ok := f.o.Plain()
	if !ok {
		f.o.Search()
		if path, ok = f.o.Plain(); !ok {
			return ErrStale
		}
	}
	if err := f.requireCopies(); err != nil {
		return err
	}
	if err := f.trim(); err != nil {
		return err
	}
	id := f.Sealed.Head.FileID
	return f.Append(&journal.Entry{Op: journal.OpBind, Path: []byte(path), File: &id, Before: journal.Before{Had: f.Sealed.Head.Version}, Kind: f.o.Kind(), Salts: f.Copies.Salts()})
}

// prepare is requireCopies for a change that begin does not come before.
func (f binder) prepare() error {
	f.s.names.RLock()
	defer f.s.names.RUnlock()
	f.lock()
	defer f.unlock()
	if f.Nameless {
		return nil
	}
	return f.requireCopies()
}

// requireCopies makes sure that the file can be changed. Copies that are not
// as they should be go without the change; clouds that fail go out. The caller
// holds Mirror.names and File.mu.
func (f binder) requireCopies() error {
	var lapses []clouds.Lapse
	for _, cl := range f.Env.Clouds.Ups() {
		c := f.Copies.List[cl.Index]
		if c.Serves() && c.Unopened() {
			if path, ok := f.o.Path(cl.Index); ok {
				if err := c.OpenForWriting(path); err != nil {
					return fmt.Errorf("write: cloud %s: %w", cl.Name, err)
				}
				f.Copies.Touched(c, 0, 0)
			}
		}
		if c.Writes() {
			continue
		}
		reason := replica.ErrMissing
		switch {
		case c != nil && c.Err != nil:
			reason = c.Err
		case c != nil && c.Unwritable != nil:
			reason = c.Unwritable
		}
		switch fault := cl.Fault(reason); {
		case fault.OfCloud():
			lapses = append(lapses, clouds.Lapse{Cloud: cl, Why: reason})
		case fault != clouds.Strayed:
			return fmt.Errorf("write: cloud %s: %w", cl.Name, reason)
		case c != nil && c.Err == nil:
			c.Err = reason
		}
	}
	if err := copies.Writable(&f.Copies); err != nil {
		if len(lapses) > 0 {
			return fmt.Errorf("write: cloud %s: %w", lapses[0].Cloud.Name, lapses[0].Why)
		}
		return err
	}
	err := f.Env.Clouds.DropAll("write", lapses)
	f.Copies.Targets()
	return err
}

// trim cuts what is left over beyond the committed length, of copies that nobody
// else has written to. Direct writes are there only while they are recovered, and
// are none of that.
func (f binder) trim() error {
	if !f.Copies.Stored.Committed() || f.replacing() || len(f.Layers.Direct) > 0 {
		return nil
	}
	size, err := f.Env.Layout.CipherSize(f.Copies.Stored.Head.Length)
	if err != nil {
		return err
	}
	return f.Copies.Each("truncate", func(c *copies.Copy) error {
		info, err := c.File.Stat()
		if err == nil {
			err = c.Untouched(info)
		}
		if err != nil || info.Size <= size {
			return err
		}
		return copies.Truncate(&f.Copies, c, f.Copies.Floor(), size)
	})
}
