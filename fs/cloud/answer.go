package cloud

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoAnswer: a directory on a FUSE or network filesystem gave no answer in
// time, or has not yet answered an earlier call that got none. It is the one
// error after which an operation may be done, or may yet be. ETIMEDOUT is
// wrapped in it.
var ErrNoAnswer = fmt.Errorf("no answer (%w)", unix.ETIMEDOUT)

const (
	// AnswerTime is how long a directory may take to answer one call.
	AnswerTime = 10 * time.Second

	// maxCalls is how many calls may be under way in one directory, and so how
	// many goroutines a filesystem that has stopped can hold. More wait.
	maxCalls = 64
)

// Answer runs fn and gives its error, or [ErrNoAnswer] when that takes too
// long. What fn does then is nobody's any more, until it returns.
func Answer(limit time.Duration, fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return ErrNoAnswer
	}
}

// A line is how calls reach a directory that may not answer: through one
// session after the other. See [Bounded].
type line struct {
	open  func() (Dir, error)
	limit time.Duration
	slots chan struct{} // one for each call under way

	mu      sync.Mutex // guards all below, and what sessions hold
	session *session   // nil: to be opened
	closed  bool
}

// A session is one opening of the directory. It lasts until a call through it
// gets no answer; then it is dead. When all its calls have returned it is
// closed, with its files, and another one may begin. All but opened and silent
// is guarded by line.mu; dir and err are fixed once opened is closed.
type session struct {
	opened chan struct{} // closed when dir or err is there
	silent chan struct{} // closed when the session is dead
	dir    Dir
	err    error
	ready  bool // opened is closed
	dead   bool
	calls  int // under way, whether somebody waits for them or not
	files  map[File]struct{}
}

// A wait is a call that somebody waits for, and how it ended. It is guarded by
// line.mu until done is closed.
type wait[T any] struct {
	done     chan struct{}
	value    T
	err      error
	returned bool
}

// enter gives the session for a call on the directory, opened.
func (l *line) enter(timer *time.Timer) (*session, error) {
	l.mu.Lock()
	s := l.session
	switch {
	case l.closed:
		l.mu.Unlock()
		return nil, os.ErrClosed
	case s == nil:
		s = l.begin()
	case s.dead:
		l.mu.Unlock()
		return nil, ErrNoAnswer
	}
	ready := s.ready
	l.mu.Unlock()
	if ready {
		return s, nil
	}
	select {
	case <-s.opened:
		return s, s.err
	case <-s.silent:
	case <-timer.C:
		l.kill(s)
	}
	return nil, ErrNoAnswer
}

// begin opens a session; the caller holds mu. That is a call, too.
func (l *line) begin() *session {
	s := &session{opened: make(chan struct{}), silent: make(chan struct{}), files: map[File]struct{}{}, calls: 1}
	l.session = s
	go func() {
		dir, err := l.open()
		l.mu.Lock()
		s.dir, s.err, s.ready = dir, err, err == nil
		if err != nil && !s.dead {
			l.session = nil // the next call tries again
		}
		l.mu.Unlock()
		close(s.opened)
		l.leave(s)
	}()
	return s
}

// kill ends a session, since somebody got no answer.
func (l *line) kill(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.die(s)
}

// die is kill for who holds mu. If no call is under way, it has answered after
// all.
func (l *line) die(s *session) {
	if !s.dead && s.calls > 0 {
		s.dead = true
		close(s.silent)
	}
}

// leave ends a call. The last one of a dead session closes what it leaves
// behind: only when that has returned, too, is the directory opened anew.
func (l *line) leave(s *session) {
	l.mu.Lock()
	s.calls--
	last := s.dead && s.calls == 0
	l.mu.Unlock()
	if !last {
		return
	}
	for f := range s.files { // nothing enters a dead session, so nobody changes them
		_ = f.Close()
	}
	if s.dir != nil {
		_ = s.dir.Close()
	}
	l.mu.Lock()
	l.session = nil
	l.mu.Unlock()
}

// through calls fn in a session and waits for it, as long as the timer runs and
// the session lives.
func through[T any](l *line, s *session, timer *time.Timer, fn func() (T, error)) (none T, err error) {
	select {
	case l.slots <- struct{}{}:
	case <-s.silent:
		return none, ErrNoAnswer
	case <-timer.C:
		l.kill(s)
		return none, ErrNoAnswer
	}
	l.mu.Lock()
	if s.dead {
		l.mu.Unlock()
		<-l.slots
		return none, ErrNoAnswer
	}
	s.calls++
	l.mu.Unlock()

	w := &wait[T]{done: make(chan struct{})}
	go func() {
		value, err := fn()
		l.mu.Lock()
		w.value, w.err, w.returned = value, err, true
		l.mu.Unlock()
		close(w.done)
		<-l.slots
		l.leave(s)
	}()
	select {
	case <-w.done:
		return w.value, w.err
	case <-s.silent:
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.returned {
		return w.value, w.err
	}
	l.die(s)
	return none, ErrNoAnswer
}
