package cloud

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Bounded opens a directory whose filesystem may stop to answer, and keeps that
// from whoever calls: each call runs in a goroutine of its own, with buffers of
// its own, and gives [ErrNoAnswer] after the limit. From the first such call on
// all fail at once, until every call that hangs has returned; then open is
// called again before anything else is. Files belong to the opening that gave
// them: they give ErrNoAnswer for good once it has ended, since nobody knows
// what a call that hung did to them, and are closed with it, as is what a call
// opened that came too late. A directory that can be relied on (see
// [Statfs.Remote]) is given back as open gave it.
//
// Close does not wait for calls that hang.
func Bounded(open func() (Dir, error), limit time.Duration) (Dir, error) {
	d := &bounded{&line{open: open, limit: limit, slots: make(chan struct{}, maxCalls)}}
	local, err := askIn(d, "open", "", func(s *session) (Dir, error) {
		if sf, err := s.dir.Statfs(); err != nil || sf.Remote {
			return nil, nil
		}
		return s.dir, nil
	})
	switch {
	case err != nil:
		return nil, errors.Join(err, d.Close())
	case local != nil:
		return local, nil
	}
	return d, nil
}

// bounded is a directory behind a line.
type bounded struct{ line *line }

// boundedFile is a file that was opened in one session of a line.
type boundedFile struct {
	line    *line
	session *session
	path    string
	file    File
	closed  atomic.Bool
}

// timeout is the timer of one call.
func (l *line) timeout() *time.Timer { return time.NewTimer(l.limit) }

// ask calls fn with the directory.
func ask[T any](d *bounded, op, path string, fn func(Dir) (T, error)) (T, error) {
	return askIn(d, op, path, func(s *session) (T, error) { return fn(s.dir) })
}

// askIn calls fn with the session of the day.
func askIn[T any](d *bounded, op, path string, fn func(*session) (T, error)) (value T, err error) {
	timer := d.line.timeout()
	defer timer.Stop()
	s, err := d.line.enter(timer)
	if err == nil {
		value, err = through(d.line, s, timer, func() (T, error) { return fn(s) })
	}
	return value, unanswered(op, path, err)
}

// unanswered says where there was no answer.
func unanswered(op, path string, err error) error {
	if err == ErrNoAnswer || err == os.ErrClosed {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return err
}

func (d *bounded) tell(op, path string, fn func(Dir) error) error {
	_, err := ask(d, op, path, func(dir Dir) (struct{}, error) { return struct{}{}, fn(dir) })
	return err
}

// file opens a file, which the session's end closes if nobody else does.
func (d *bounded) file(op, path string, open func(Dir) (File, error)) (File, error) {
	f, err := askIn(d, op, path, func(s *session) (*boundedFile, error) {
		file, err := open(s.dir)
		if err != nil {
			return nil, err
		}
		d.line.remember(s, file)
		return &boundedFile{line: d.line, session: s, path: path, file: file}, nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d *bounded) Open(path string, write bool) (File, error) {
	return d.file("open", path, func(dir Dir) (File, error) { return dir.Open(path, write) })
}

func (d *bounded) Create(path string, perm uint32) (File, error) {
	return d.file("create", path, func(dir Dir) (File, error) { return dir.Create(path, perm) })
}

func (d *bounded) Mkdir(path string, perm uint32) error {
	return d.tell("mkdir", path, func(dir Dir) error { return dir.Mkdir(path, perm) })
}

func (d *bounded) Remove(path string) error {
	return d.tell("remove", path, func(dir Dir) error { return dir.Remove(path) })
}

func (d *bounded) Rmdir(path string) error {
	return d.tell("rmdir", path, func(dir Dir) error { return dir.Rmdir(path) })
}

func (d *bounded) Rename(old, new string) error {
	return d.tell("rename", old, func(dir Dir) error { return dir.Rename(old, new) })
}

func (d *bounded) Exchange(a, b string) error {
	return d.tell("exchange", a, func(dir Dir) error { return dir.Exchange(a, b) })
}

func (d *bounded) Link(old, new string) error {
	return d.tell("link", old, func(dir Dir) error { return dir.Link(old, new) })
}

func (d *bounded) Stat(path string) (Info, error) {
	return ask(d, "stat", path, func(dir Dir) (Info, error) { return dir.Stat(path) })
}

func (d *bounded) Handle(path string) ([]byte, error) {
	return ask(d, "handle", path, func(dir Dir) ([]byte, error) { return dir.Handle(path) })
}

func (d *bounded) ReadDir(path string) ([]Entry, error) {
	return ask(d, "readdir", path, func(dir Dir) ([]Entry, error) { return dir.ReadDir(path) })
}

func (d *bounded) Chmod(path string, perm uint32) error {
	return d.tell("chmod", path, func(dir Dir) error { return dir.Chmod(path, perm) })
}

func (d *bounded) Chown(path string, uid, gid int) error {
	return d.tell("chown", path, func(dir Dir) error { return dir.Chown(path, uid, gid) })
}

func (d *bounded) Chtimes(path string, t Times) error {
	t = t.clone()
	return d.tell("chtimes", path, func(dir Dir) error { return dir.Chtimes(path, t) })
}

func (d *bounded) Listxattr(path string) ([]string, error) {
	return ask(d, "listxattr", path, func(dir Dir) ([]string, error) { return dir.Listxattr(path) })
}

func (d *bounded) Getxattr(path, name string) ([]byte, error) {
	return ask(d, "getxattr", path, func(dir Dir) ([]byte, error) { return dir.Getxattr(path, name) })
}

func (d *bounded) Setxattr(path, name string, value []byte, flags int) error {
	value = bytes.Clone(value)
	return d.tell("setxattr", path, func(dir Dir) error { return dir.Setxattr(path, name, value, flags) })
}

func (d *bounded) Removexattr(path, name string) error {
	return d.tell("removexattr", path, func(dir Dir) error { return dir.Removexattr(path, name) })
}

func (d *bounded) Statfs() (Statfs, error) { return ask(d, "statfs", "", Dir.Statfs) }

func (d *bounded) SyncDir(path string) error {
	return d.tell("syncdir", path, func(dir Dir) error { return dir.SyncDir(path) })
}

func (d *bounded) Syncfs() error { return d.tell("syncfs", "", Dir.Syncfs) }
func (d *bounded) Check() error  { return d.tell("check", "", Dir.Check) }

// Close leaves a session that is dead to the last of its calls. What that has
// to say, the call that killed it said.
func (d *bounded) Close() error {
	l := d.line
	l.mu.Lock()
	closed, s := l.closed, l.session
	l.closed = true
	live := s != nil && s.ready && !s.dead
	if s != nil && !s.ready {
		l.die(s) // it is being opened, for nobody
	}
	l.mu.Unlock()
	switch {
	case closed:
		return unanswered("close", "", os.ErrClosed)
	case !live:
		return nil
	}
	timer := l.timeout()
	defer timer.Stop()
	_, err := through(l, s, timer, func() (struct{}, error) { return struct{}{}, s.dir.Close() })
	return unanswered("close", "", err)
}

// askFile calls fn with the file.
func askFile[T any](f *boundedFile, op string, fn func(File) (T, error)) (value T, err error) {
	if f.closed.Load() {
		return value, unanswered(op, f.path, os.ErrClosed)
	}
	timer := f.line.timeout()
	defer timer.Stop()
	value, err = through(f.line, f.session, timer, func() (T, error) { return fn(f.file) })
	return value, unanswered(op, f.path, err)
}

func (f *boundedFile) tell(op string, fn func(File) error) error {
	_, err := askFile(f, op, func(file File) (struct{}, error) { return struct{}{}, fn(file) })
	return err
}

func (f *boundedFile) ReadAt(p []byte, off int64) (int, error) {
	// io.EOF comes with bytes, so that it is no error of the call.
	type read struct {
		n   int
		err error
	}
	own := buffer(len(p))
	r, err := askFile(f, "readat", func(file File) (read, error) {
		n, err := file.ReadAt(*own, off)
		return read{n, err}, nil
	})
	if err != nil {
		return 0, err // the buffer is left to the call, which may hang
	}
	copy(p, (*own)[:r.n])
	buffers.Put(own)
	return r.n, r.err
}

func (f *boundedFile) WriteAt(p []byte, off int64) (int, error) {
	own := buffer(len(p))
	copy(*own, p)
	n, err := askFile(f, "writeat", func(file File) (int, error) { return file.WriteAt(*own, off) })
	if !errors.Is(err, ErrNoAnswer) {
		buffers.Put(own)
	}
	return n, err
}

func (f *boundedFile) Truncate(size int64) error {
	return f.tell("truncate", func(file File) error { return file.Truncate(size) })
}

func (f *boundedFile) Sync() error         { return f.tell("sync", File.Sync) }
func (f *boundedFile) Stat() (Info, error) { return askFile(f, "stat", File.Stat) }

func (f *boundedFile) Chmod(perm uint32) error {
	return f.tell("chmod", func(file File) error { return file.Chmod(perm) })
}

func (f *boundedFile) Chown(uid, gid int) error {
	return f.tell("chown", func(file File) error { return file.Chown(uid, gid) })
}

func (f *boundedFile) Chtimes(t Times) error {
	t = t.clone()
	return f.tell("chtimes", func(file File) error { return file.Chtimes(t) })
}

func (f *boundedFile) Listxattr() ([]string, error) { return askFile(f, "listxattr", File.Listxattr) }

func (f *boundedFile) Getxattr(name string) ([]byte, error) {
	return askFile(f, "getxattr", func(file File) ([]byte, error) { return file.Getxattr(name) })
}

func (f *boundedFile) Setxattr(name string, value []byte, flags int) error {
	value = bytes.Clone(value)
	return f.tell("setxattr", func(file File) error { return file.Setxattr(name, value, flags) })
}

func (f *boundedFile) Removexattr(name string) error {
	return f.tell("removexattr", func(file File) error { return file.Removexattr(name) })
}

func (f *boundedFile) PunchHole(off, n int64) error {
	return f.tell("punchhole", func(file File) error { return file.PunchHole(off, n) })
}

func (f *boundedFile) SeekData(off int64) (int64, error) {
	return askFile(f, "seekdata", func(file File) (int64, error) { return file.SeekData(off) })
}

// Close hands the file back to its session, or leaves it to that one's end.
func (f *boundedFile) Close() error {
	if f.closed.Swap(true) {
		return unanswered("close", f.path, os.ErrClosed)
	}
	timer := f.line.timeout()
	defer timer.Stop()
	_, err := through(f.line, f.session, timer, func() (struct{}, error) {
		f.line.forget(f.session, f.file)
		return struct{}{}, f.file.Close()
	})
	return unanswered("close", f.path, err)
}

// remember puts a file on the list of what a session's end closes.
func (l *line) remember(s *session, f File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.files[f] = struct{}{}
}

// forget takes it off.
func (l *line) forget(s *session, f File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(s.files, f)
}

// buffers are those of calls that returned.
var buffers sync.Pool

func buffer(n int) *[]byte {
	if b, ok := buffers.Get().(*[]byte); ok && cap(*b) >= n {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n)
	return &b
}
