package cloud

import (
	"container/list"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxParents = 64 // descriptors that a directory keeps

	// trusted is how long a path leads to the descriptor that is kept for it: a sync client may move a directory away.
	trusted = time.Second
)

// parents keeps the directories open in which the last operations acted: most
// operations come in runs in one directory, and each would open it and close it
// again. What this process renames, exchanges or removes is let go at once; what
// somebody else does is noticed after a second, or when nothing is found.
type parents struct {
	mu     sync.Mutex
	by     map[string]*parent
	recent list.List // of *parent, the last one used first
	moves  uint64    // how many changes of paths have ended
	moving int       // and how many are under way
	closed bool
}

// parent is one directory that is kept open.
type parent struct {
	path  string
	fd    int
	since time.Time
	users int           // that have it now
	place *list.Element // nil once it is kept no more: its last user closes it
}

// take returns the directory at a path if it is kept. The caller gives it back.
func (p *parents) take(path string) *parent {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.by[path]
	if h == nil {
		return nil
	}
	if time.Since(h.since) > trusted {
		p.letGo(h)
		return nil
	}
	p.recent.MoveToFront(h.place)
	h.users++
	return h
}

// now is what keep wants to know of the time before a directory was opened.
func (p *parents) now() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moves
}

// keep keeps a directory that was opened, unless paths have changed meanwhile.
// The caller gives it back in any case.
func (p *parents) keep(path string, fd int, opened uint64) *parent {
	h := &parent{path: path, fd: fd, since: time.Now(), users: 1}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.moving > 0 || p.moves != opened {
		return h
	}
	if old := p.by[path]; old != nil {
		p.letGo(old)
	}
	if p.recent.Len() >= maxParents {
		p.letGo(p.recent.Back().Value.(*parent))
	}
	if p.by == nil {
		p.by = map[string]*parent{}
	}
	p.by[path], h.place = h, p.recent.PushFront(h)
	return h
}

func (p *parents) giveBack(h *parent) {
	p.mu.Lock()
	h.users--
	last := h.users == 0 && h.place == nil
	p.mu.Unlock()
	if last {
		unix.Close(h.fd)
	}
}

// letGo keeps a directory no more. The caller holds mu.
func (p *parents) letGo(h *parent) {
	delete(p.by, h.path)
	p.recent.Remove(h.place)
	if h.place = nil; h.users == 0 {
		unix.Close(h.fd)
	}
}

// move runs what may change where paths lead, and lets go what is at and below
// these afterwards.
func (p *parents) move(change func() error, paths ...string) error {
	p.mu.Lock()
	p.moving++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.moving--
		p.moves++
		for _, path := range paths {
			p.letGoBelow(path)
		}
	}()
	return change()
}

func (p *parents) letGoBelow(path string) {
	for at, h := range p.by {
		if rest, below := strings.CutPrefix(at, path); below && (rest == "" || rest[0] == '/') {
			p.letGo(h)
		}
	}
}

func (p *parents) forget(h *parent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.place != nil {
		p.letGo(h)
	}
}

func (p *parents) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, h := range p.by {
		p.letGo(h)
	}
}

// gone reports whether the directory was removed since it was opened.
func (h *parent) gone() bool {
	var st unix.Stat_t
	return unix.Fstat(h.fd, &st) != nil || st.Nlink == 0
}
