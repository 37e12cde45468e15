package content

import (
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
	e, err := f.begin()
	if err != nil {
		return err
	}
	full, err := e.draft(p, off, moves)
	if full {
		err = sealer(f).sealAndLog(false)
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
	return f.edit(func(d *draft.Draft) error { return d.Resize(size) })
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
		err = f.edit(func(d *draft.Draft) (err error) {
			off, err = d.Allocate(mode, off, end)
			return err
		})
	}
	return err
}

// edit changes the draft of a file that has begun.
func (f Holder) edit(change func(*draft.Draft) error) error {
	e, err := f.begin()
	if err != nil {
		return err
	}
	err = change(&f.Draft)
	full := draft.Full(&f.Draft)
	if full && err == nil {
		err = sealer(f).sealAndLog(false)
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
