package cloud_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/cloud/conformance"
)

const limit = 10 * time.Second

// remote is a directory that says that it may stop to answer, and counts what is
// open.
type remote struct {
	cloud.Dir
	open *atomic.Int64 // directories and files
}

type remoteFile struct {
	cloud.File
	open *atomic.Int64
	once sync.Once
}

func (r *remote) Statfs() (cloud.Statfs, error) {
	s, err := r.Dir.Statfs()
	s.Remote = true
	return s, err
}

func (r *remote) Close() error {
	err := r.Dir.Close()
	if err == nil {
		r.open.Add(-1)
	}
	return err
}

func (r *remote) file(f cloud.File, err error) (cloud.File, error) {
	if err != nil {
		return nil, err
	}
	r.open.Add(1)
	return &remoteFile{File: f, open: r.open}, nil
}

func (r *remote) Open(path string, write bool) (cloud.File, error) {
	return r.file(r.Dir.Open(path, write))
}

func (r *remote) Create(path string, perm uint32) (cloud.File, error) {
	return r.file(r.Dir.Create(path, perm))
}

func (f *remoteFile) Close() error {
	f.once.Do(func() { f.open.Add(-1) })
	return f.File.Close()
}

// A server is a directory in memory that stalls by rule, behind a bound.
type server struct {
	t      *testing.T
	mem    *cloudtest.Mem
	stall  *cloudtest.Stall
	opens  int
	open   atomic.Int64
	opened *cloudtest.Faulty // the last opening
	before func() error      // of each opening, or nil
	cloud.Dir
}

func newServer(t *testing.T) *server {
	s := &server{t: t, mem: cloudtest.NewMem()}
	var err error
	s.Dir, err = cloud.Bounded(s.reopen, limit)
	must(t, err)
	return s
}

func (s *server) reopen() (cloud.Dir, error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return nil, err
		}
	}
	s.opens++
	s.open.Add(1)
	s.opened = cloudtest.NewFaulty(s.mem.Disk().Dir("mem"))
	return &remote{s.opened, &s.open}, nil
}

// stop lets an operation hang, and all of its kind.
func (s *server) stop(op string) {
	s.t.Helper()
	_, err := s.Statfs() // it is open
	must(s.t, err)
	s.stall = cloudtest.NewStall()
	s.opened.Inject(cloudtest.Rule{Op: op, Stall: s.stall})
}

// resume lets everything that hangs return, and waits until it has.
func (s *server) resume() {
	s.stall.Release()
	synctest.Wait()
}

// after runs fn and says how long it took, and checks that there was no answer.
func (s *server) after(what string, want time.Duration, fn func() error) {
	s.t.Helper()
	start := time.Now()
	err := fn()
	if took := time.Since(start); took != want {
		s.t.Errorf("%s took %v, want %v", what, took, want)
	}
	refuse(s.t, what, cloud.ErrNoAnswer, err)
	refuse(s.t, what, syscall.ETIMEDOUT, err)
	var path *fs.PathError
	if !errors.As(err, &path) {
		s.t.Errorf("%s: %v names no path", what, err)
	}
}

// closed ends the test: nothing is left open.
func (s *server) closed() {
	s.t.Helper()
	must(s.t, s.Close())
	synctest.Wait()
	if n := s.open.Load(); n != 0 {
		s.t.Errorf("%d files and directories are left open", n)
	}
}

func TestBoundedConformance(t *testing.T) {
	bounded := func(t *testing.T, open func() (cloud.Dir, error)) cloud.Dir {
		t.Helper()
		d, err := cloud.Bounded(func() (cloud.Dir, error) {
			d, err := open()
			return &remote{d, new(atomic.Int64)}, err
		}, time.Minute)
		must(t, err)
		return d
	}
	t.Run("memory", func(t *testing.T) {
		conformance.Run(t, func(t *testing.T) cloud.Dir {
			mem := cloudtest.NewMem()
			return bounded(t, func() (cloud.Dir, error) { return mem, nil })
		})
	})
	t.Run("directory", func(t *testing.T) {
		conformance.Run(t, func(t *testing.T) cloud.Dir {
			path := t.TempDir()
			return bounded(t, func() (cloud.Dir, error) { return cloud.OpenDir(path) })
		})
	})
}

func TestBoundedLeavesLocalDirectoriesAlone(t *testing.T) {
	mem := cloudtest.NewMem()
	d, err := cloud.Bounded(func() (cloud.Dir, error) { return mem, nil }, limit)
	must(t, err)
	if d != cloud.Dir(mem) {
		t.Errorf("got %T", d)
	}
	_, err = cloud.Bounded(func() (cloud.Dir, error) { return cloud.OpenDir("/nonexistent") }, limit)
	refuse(t, "missing", cloud.ErrAbsent, err)
}

// operations are all of Dir and File, by the name that rules know.
func operations(d cloud.Dir, f cloud.File) map[string]func() error {
	now := time.Unix(1, 0)
	only := func(_ any, err error) error { return err }
	return map[string]func() error{
		"open":             func() error { return only(d.Open("f", true)) },
		"create":           func() error { return only(d.Create("new", 0o600)) },
		"mkdir":            func() error { return d.Mkdir("d", 0o700) },
		"remove":           func() error { return d.Remove("g") },
		"rmdir":            func() error { return d.Rmdir("e") },
		"rename":           func() error { return d.Rename("g", "h") },
		"exchange":         func() error { return d.Exchange("f", "g") },
		"link":             func() error { return d.Link("g", "l") },
		"stat":             func() error { return only(d.Stat("f")) },
		"handle":           func() error { return only(d.Handle("f")) },
		"readdir":          func() error { return only(d.ReadDir("")) },
		"chmod":            func() error { return d.Chmod("f", 0o600) },
		"chown":            func() error { return d.Chown("f", -1, -1) },
		"chtimes":          func() error { return d.Chtimes("f", cloud.Times{Mtime: &now}) },
		"listxattr":        func() error { return only(d.Listxattr("f")) },
		"getxattr":         func() error { return only(d.Getxattr("f", "user.x")) },
		"setxattr":         func() error { return d.Setxattr("f", "user.y", nil, 0) },
		"removexattr":      func() error { return d.Removexattr("f", "user.x") },
		"statfs":           func() error { return only(d.Statfs()) },
		"syncdir":          func() error { return d.SyncDir("") },
		"syncfs":           d.Syncfs,
		"check":            d.Check,
		"readat":           func() error { return only(f.ReadAt(make([]byte, 1), 0)) },
		"writeat":          func() error { return only(f.WriteAt([]byte("x"), 0)) },
		"truncate":         func() error { return f.Truncate(1) },
		"sync":             f.Sync,
		"stat file":        func() error { return only(f.Stat()) },
		"chmod file":       func() error { return f.Chmod(0o600) },
		"chown file":       func() error { return f.Chown(-1, -1) },
		"chtimes file":     func() error { return f.Chtimes(cloud.Times{Mtime: &now}) },
		"listxattr file":   func() error { return only(f.Listxattr()) },
		"getxattr file":    func() error { return only(f.Getxattr("user.x")) },
		"setxattr file":    func() error { return f.Setxattr("user.y", nil, 0) },
		"removexattr file": func() error { return f.Removexattr("user.x") },
		"punchhole":        func() error { return f.PunchHole(0, 1) },
		"seekdata":         func() error { return only(f.SeekData(0)) },
	}
}

// Whichever call hangs: it gets no answer after the limit, all others none at
// once, and when it has returned the directory is opened anew, and what was
// opened before is of no use.
func TestBoundedEachOperation(t *testing.T) {
	for name := range operations(&remote{}, &remoteFile{}) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				f, err := s.Create("f", 0o600)
				must(t, err)
				op, _, _ := strings.Cut(name, " ")
				s.stop(op)
				ops := operations(s, f)
				s.after(name, limit, ops[name])
				for other, fn := range ops {
					s.after(other+" meanwhile", 0, fn)
				}
				if s.opens != 1 {
					t.Errorf("opened %d times while a call hangs", s.opens)
				}
				s.resume()
				if n := s.open.Load(); n != 0 {
					t.Errorf("%d files and directories of the first opening are left", n)
				}
				_, err = s.Stat("f")
				must(t, err)
				if s.opens != 2 {
					t.Errorf("opened %d times", s.opens)
				}
				s.after("the old file", 0, func() error { _, err := f.Stat(); return err })
				s.after("its close", 0, f.Close)
				refuse(t, "its second close", os.ErrClosed, f.Close())
				again, err := s.Open("f", true)
				must(t, err)
				must(t, again.Truncate(3))
				must(t, again.Close())
				s.closed()
			})
		})
	}
}

// A buffer is its caller's again after the limit, whatever the call still does.
func TestBoundedBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		f, err := s.Create("f", 0o600)
		must(t, err)
		p := []byte("what is written")
		s.stop("writeat")
		s.after("write", limit, func() error { _, err := f.WriteAt(p, 0); return err })
		copy(p, "something else!")
		s.resume()

		f, err = s.Open("f", false)
		must(t, err)
		got := make([]byte, len(p))
		_, err = f.ReadAt(got, 0)
		must(t, err)
		if string(got) != "what is written" {
			t.Errorf("written was %q", got)
		}
		clear(got)
		s.stop("readat")
		s.after("read", limit, func() error { _, err := f.ReadAt(got, 0); return err })
		s.resume()
		if string(got) != string(make([]byte, len(got))) {
			t.Errorf("a read that came late left %q", got)
		}

		when := time.Unix(7, 0)
		s.stop("chtimes")
		s.after("times", limit, func() error { return s.Chtimes("f", cloud.Times{Mtime: &when}) })
		when = time.Unix(8, 0)
		s.resume()
		info, err := s.Stat("f")
		must(t, err)
		if !info.Mtime.Equal(time.Unix(7, 0)) {
			t.Errorf("mtime is %v", info.Mtime)
		}
		s.closed()
	})
}

// However many call, few goroutines hang, and nobody waits beyond the limit.
func TestBoundedManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.stop("stat")
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				s.after("stat", limit, func() error { _, err := s.Stat(""); return err })
			})
		}
		wg.Wait()
		if n := s.opened.Failed(); n != 64 {
			t.Errorf("%d calls hang, want 64", n)
		}
		s.resume()
		must(t, s.Mkdir("d", 0o700))
		s.closed()
	})
}

// A call that is under way when another one gets no answer is given up with it.
func TestBoundedOneForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.stop("")
		var wg sync.WaitGroup
		wg.Go(func() { s.after("the first", limit, func() error { return s.Mkdir("a", 0o700) }) })
		time.Sleep(3 * time.Second)
		wg.Go(func() { s.after("the second", limit-3*time.Second, func() error { return s.Mkdir("b", 0o700) }) })
		wg.Wait()
		s.resume()
		for _, name := range []string{"a", "b"} {
			if _, err := s.Stat(name); err != nil {
				t.Errorf("%s was not made: %v", name, err)
			}
		}
		s.closed()
	})
}

// One that answers slowly, but in time, loses nothing.
func TestBoundedSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.stop("mkdir")
		time.AfterFunc(limit-1, s.stall.Release)
		must(t, s.Mkdir("d", 0o700))
		if s.opens != 1 {
			t.Errorf("opened %d times", s.opens)
		}
		s.closed()
	})
}

func TestBoundedCloseWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		f, err := s.Create("f", 0o600)
		must(t, err)
		s.stop("create")
		s.after("create", limit, func() error { _, err := s.Create("late", 0o600); return err })
		start := time.Now()
		s.after("close of a file", 0, f.Close)
		must(t, s.Close())
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		refuse(t, "after", os.ErrClosed, s.Mkdir("d", 0o700))
		refuse(t, "again", os.ErrClosed, s.Close())
		s.resume()
		if n := s.open.Load(); n != 0 || s.opens != 1 {
			t.Errorf("%d are left open, opened %d times", n, s.opens)
		}
	})
}

// Opening is a call like any other.
func TestBoundedOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		s := &server{t: t, mem: cloudtest.NewMem(), before: func() error { <-stall; return nil }}
		start := time.Now()
		_, err := cloud.Bounded(s.reopen, limit)
		refuse(t, "the first opening", cloud.ErrNoAnswer, err)
		if took := time.Since(start); took != limit {
			t.Errorf("it took %v", took)
		}
		close(stall)
		synctest.Wait()
		if n := s.open.Load(); n != 0 || s.opens != 1 {
			t.Errorf("opened late %d times, %d are left open", s.opens, n)
		}

		s = newServer(t)
		s.stop("mkdir")
		s.after("mkdir", limit, func() error { return s.Mkdir("d", 0o700) })
		stall = make(chan struct{})
		s.before = func() error { <-stall; return nil }
		s.resume()
		s.after("the opening that hangs", limit, s.Check)
		s.after("meanwhile", 0, s.Check)
		close(stall)
		synctest.Wait()
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d are left of what came late", n)
		}
		s.before = func() error { return cloud.ErrAbsent }
		refuse(t, "the opening that fails", cloud.ErrAbsent, s.Check())
		s.before = nil
		_, err = s.Stat("d")
		must(t, err)
		if s.opens != 3 {
			t.Errorf("opened %d times", s.opens)
		}
		s.closed()
	})
}

func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse(t, "its error", os.ErrClosed, cloud.Answer(limit, func() error { return os.ErrClosed }))
		stall := make(chan struct{})
		refuse(t, "none", cloud.ErrNoAnswer, cloud.Answer(limit, func() error { <-stall; return nil }))
		close(stall)
	})
}

// BenchmarkBounded is what a bound costs, beside the same calls without it.
func BenchmarkBounded(b *testing.B) {
	plain, err := cloud.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	bounded, err := cloud.Bounded(func() (cloud.Dir, error) { return &remote{plain, new(atomic.Int64)}, nil }, limit)
	if err != nil {
		b.Fatal(err)
	}
	for name, d := range map[string]cloud.Dir{"plain": plain, "bounded": bounded} {
		f, err := d.Create(name, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("stat/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := f.Stat(); err != nil {
					b.Fatal(err)
				}
			}
		})
		buf := make([]byte, 128<<10)
		if _, err := f.WriteAt(buf, 0); err != nil {
			b.Fatal(err)
		}
		b.Run("read 128 KiB/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := f.ReadAt(buf, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
		f.Close()
	}
}
