package rounds_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rounds"
	"github.com/overcast-fs/overcast/fs/redo"
)

// file counts who holds it.
type file struct {
	held   int
	closed bool
	due    bool
}

func (f *file) Hold() bool {
	if !f.closed {
		f.held++
	}
	return !f.closed
}

func (f *file) Release() { f.held-- }

func newCommitter(t *testing.T) *rounds.Committer[*file] {
	t.Helper()
	log, err := redo.Open(redo.DirStore(t.TempDir()), &[32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return rounds.New(rounds.Config[*file]{
		Log: entries.New(log), Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Due: func(f *file) bool { return f.due },
	})
}

func track(t *testing.T, c *rounds.Committer[*file], f *file) uint64 {
	t.Helper()
	seq, err := c.Track(f, &journal.Entry{Op: journal.OpSize, Ref: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// TestQueue: a file that is handed over, however often, is held once until its round, which gets it whether or not it is due.
func TestQueue(t *testing.T) {
	c, f := newCommitter(t), &file{}
	track(t, c, f)
	c.Enqueue(f)
	c.Enqueue(f)
	if f.held != 1 {
		t.Errorf("the queue holds the file %d times", f.held)
	}
	if got := c.DueFiles(); !slices.Equal(got, []*file{f}) || f.held != 1 {
		t.Errorf("the round gets %d files, held %d times", len(got), f.held)
	}
	f.Release()
	if got := c.DueFiles(); len(got) != 0 || f.held != 0 {
		t.Errorf("the next round gets %d files", len(got))
	}
	c.Enqueue(&file{closed: true})
	if got := c.DueFiles(); len(got) != 0 {
		t.Error("a file that was closed waits for a round")
	}
}

// TestDue: of the files that the log is kept for, a round gets those whose time has come, each held once.
func TestDue(t *testing.T) {
	c, due, early, gone := newCommitter(t), &file{due: true}, &file{}, &file{due: true, closed: true}
	for _, f := range []*file{due, early, gone} {
		track(t, c, f)
	}
	if got := c.DueFiles(); !slices.Equal(got, []*file{due}) || due.held != 1 || early.held != 0 {
		t.Errorf("the round gets %d files", len(got))
	}
	c.Untrack(due)
	if got := c.DueFiles(); len(got) != 0 {
		t.Error("a file that has nothing on its way is due")
	}
}

// TestKept: the log is kept from the first entry of each file on, until nothing of it is on its way, and for what is pinned.
func TestKept(t *testing.T) {
	c, one, two := newCommitter(t), &file{}, &file{}
	first := track(t, c, one)
	second := track(t, c, two)
	end := track(t, c, one) + 1
	for _, step := range []struct {
		do   func()
		want uint64
	}{
		{func() {}, first},
		{func() { c.Untrack(one) }, second},
		{func() { c.Untrack(two) }, end},
		{func() { c.Keep(two, first) }, first},
	} {
		step.do()
		if got := c.Low(); got != step.want {
			t.Errorf("the log is kept from %d on, want %d", got, step.want)
		}
	}
	if got := c.Kept(end); got != end {
		t.Errorf("nothing is pinned, and %d stays", got)
	}
	c.Pin(second)
	if got := c.Kept(end); got != second {
		t.Errorf("pinned at %d, and %d stays", second, got)
	}
	if got := c.Kept(first); got != first {
		t.Errorf("a file needs %d, and %d stays", first, got)
	}
}
