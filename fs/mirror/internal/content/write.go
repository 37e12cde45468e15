package content

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
)

// ReadAt reads plaintext; io.EOF at the end.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.Draft.ReadAt(p, off)
}

// SeekData finds the next data or hole at or after off; the end of the file is a
// hole.
func (f *File) SeekData(off int64, data bool) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.Draft.SeekData(off, data)
}

// Content is all of a file that is not large: what a symlink or a device says.
func (f Holder) Content() ([]byte, error) {
	content := make([]byte, f.Sealed.Head.Length)
	if len(content) == 0 {
		return content, nil
	}
	if _, err := f.ReadAt(content, 0); err != nil {
		return nil, err
	}
	return content, nil
}

// WriteAt changes plaintext; with moves it moves mtime.
func (f Holder) WriteAt(p []byte, off int64, moves bool) error {
	if off < 0 {
		return ErrInvalid
	}
	if off > f.Env.Layout.MaxLength()-int64(len(p)) {
		return ErrTooLarge
	}
	return f.edit(func(e editor) (bool, error) { return e.draft(p, off, moves) })
}

// Truncate sets the length.
func (f Holder) Truncate(size int64) error {
	if size < 0 {
		return ErrInvalid
	}
	if size > f.Env.Layout.MaxLength() {
		return ErrTooLarge
	}
	if size == 0 {
		return refiller(f).empty()
	}
	return f.edit(func(e editor) (bool, error) { return false, e.Resize(size) })
}

// Allocate is fallocate with the mode bits of fallocate(2): more length, a hole,
// or zeros. Space cannot be promised.
func (f Holder) Allocate(mode uint32, off, n int64) (err error) {
	switch mode {
	case 0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
		unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE:
	default:
		return ErrUnsupported
	}
	if off < 0 || n <= 0 {
		return ErrInvalid
	}
	if off > f.Env.Layout.MaxLength()-n {
		return ErrTooLarge
	}
	for end := off + n; err == nil && off < end; {
		err = f.edit(func(e editor) (bool, error) {
			off, err = e.Allocate(mode, off, end)
			return draft.Full(&f.Draft), err
		})
	}
	return err
}

// edit changes the draft of a file that has begun, and makes a version of it when it is full.
func (f Holder) edit(change func(editor) (full bool, err error)) error {
	e, err := f.begin()
	if err != nil {
		return err
	}
	full, err := change(e)
	if full {
		err = errors.Join(err, sealer(f).sealAndLog(false))
	}
	e.unlock()
	if full {
		f.s.commits.Enqueue(f.File)
	}
	if err == nil {
		err = f.s.relieve()
	}
	return err
}
