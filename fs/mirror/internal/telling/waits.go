package telling

import (
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

const (
	retryEvery = time.Minute
	maxWaiting = 10_000 // files; of more nobody else is told
)

// Waits are the files that have lost a name, or have got one more, of which others are not told yet: the later version that
// comes before a record of it was not made. Nothing but this and the log knows of them, so that they are said again at the
// log's end whenever a transaction lets it go.
type Waits struct {
	mu       sync.Mutex
	list     map[index.File]Left
	tried    time.Time
	from, to uint64 // entries of the log, which say all of that and nothing else
}

// Leaves says that a file waits. The caller holds Mirror.names, or nobody else is there yet: the log still has what has led to it.
func (y *Keeper) Leaves(l Left) {
	w := &y.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	was, waits := w.list[l.File]
	switch {
	case waits:
		l.Linked = l.Linked && was.Linked
		if l.Before = l.Before.Max(was.Before); len(was.Before) == 0 {
			l.Before = nil
		}
	case len(w.list) >= maxWaiting:
		y.logger.Error("too many files wait for a version: others are not told that this one has another name than before")
		return
	case w.list == nil:
		w.list = map[index.File]Left{}
	}
	w.list[l.File] = l
}

// Told says that others are told of what a file has left at that version, or need not be.
func (y *Keeper) Told(l Left) {
	w := &y.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	if was, waits := w.list[l.File]; waits && (len(was.Before) == 0 || covered(was.Before, []cipher.Vector{l.Before})) {
		delete(w.list, l.File)
	}
}

// Again are the files that wait, where it is time to try again.
func (y *Keeper) Again(now time.Time) (list []Left) {
	w := &y.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) == 0 || now.Sub(w.tried) < retryEvery {
		return nil
	}
	w.tried = now
	for _, l := range w.list {
		list = append(list, l)
	}
	return list
}

// sayAgain says everything that waits at the end of the log.
func (y *Keeper) sayAgain() error {
	w := &y.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from = y.log.Next()
	for f, l := range w.list {
		e := &journal.Entry{Op: journal.OpLeft, File: &f.ID, Kind: replica.Kind(f.Type), Before: journal.Before{Had: l.Before}, Linked: l.Linked}
		if _, err := y.log.Append(e); err != nil {
			return err
		}
	}
	w.to = y.log.Next()
	return nil
}

// needed is the first entry that a transaction has to be made for, of a log that could be cut below one: what only says again
// what waits is no reason for another.
func (y *Keeper) needed(below uint64) uint64 {
	w := &y.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	if below == w.to {
		return w.from
	}
	return below
}
