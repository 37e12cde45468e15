package rejoin

import (
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/pace"
)

// Changes are what clouds that are out, or owe single names, will have to be
// told: names that change while one is returning, and debts.
type Changes struct {
	mu       lock.Mutex[lock.Changes] // guards the rest
	watching bool
	names    map[string]bool // that changed since; true: with all that is below
	moves    []missed.Move   // in their order
	removals int             // that were ever noted
	debts    map[int]map[string]debt
	unseen   map[int]time.Time  // clouds in use that owe what is not in debts, and when to look
	paces    map[int]*pace.Pace // clouds for which something is being done
}

// debt is a name that one cloud in use lacks, or has wrongly.
type debt struct {
	due  time.Time
	deep bool // with all that is below
}

// watch notes every name that changes from now on, or ends that.
func (c *Changes) watch(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watching, c.names, c.moves = on, map[string]bool{}, nil
}

// touch notes that something changes at a name. The caller holds mu.
func (c *Changes) touch(path string, deep bool) {
	if c.watching {
		c.names[path] = c.names[path] || deep
	}
}

// Ends notes the names of an operation that has ended, whether it was made or
// not: whoever looked meanwhile has to look again. Of one that was made it notes
// what that has moved.
func (c *Changes) Ends(e *journal.Entry, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	moves := e.Op == journal.OpRename || e.Op == journal.OpExchange
	deep := moves && (isDir(e.Kind) || isDir(e.Over))
	c.touch(string(e.Path), deep)
	if len(e.To) > 0 {
		c.touch(string(e.To), deep)
	}
	if !made {
		return
	}
	if c.watching && moves {
		c.moves = append(c.moves, missed.Move{From: string(e.Path), To: string(e.To), Swap: e.Op == journal.OpExchange})
	}
	if e.Op == journal.OpUnlink || e.Op == journal.OpRename && len(e.To) > 0 && e.Over != 0 {
		c.removals++
	}
}

func isDir(kind uint32) bool { return kind == unix.S_IFDIR }

// take returns what changed since it was last asked.
func (c *Changes) take() (names map[string]bool, moves []missed.Move) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names, moves = c.names, c.moves
	c.names, c.moves = map[string]bool{}, nil
	return names, moves
}

// has reports whether a name changed, or moved with one above it.
func (c *Changes) has(path string) bool {
	is, _ := c.covers(path)
	return is
}

// covers is has; all reports whether it is brought over with all that is below it.
func (c *Changes) covers(path string) (is, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, is = c.names[path]
	for dir, _ := cloud.SplitPath(path); dir != "" && !all; dir, _ = cloud.SplitPath(dir) {
		all = c.names[dir]
	}
	return is || all, all
}

// Again has names brought over that have changed, or have to be once more.
func (c *Changes) Again(paths []string) { c.again(paths, nil) }

func (c *Changes) again(paths []string, deep map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, path := range paths {
		c.touch(path, deep[path])
	}
}

// Watches reports whether anybody wants to know what changes.
func (c *Changes) Watches() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watching
}

// count is how many names changed.
func (c *Changes) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.names)
}

// removed is how often something was removed.
func (c *Changes) removed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.removals
}

// owe notes names that a cloud lacks, or has wrongly.
func (c *Changes) owe(k int, due time.Time, deep bool, paths ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.debts[k] == nil {
		c.debts[k] = map[string]debt{}
	}
	for _, path := range paths {
		d, known := c.debts[k][path]
		if !known || due.Before(d.due) {
			d.due = due
		}
		d.deep = d.deep || deep
		c.debts[k][path] = d
	}
}

// Owes reports whether a cloud that is in use lacks a name, or has it wrongly.
func (c *Changes) Owes(k int, path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, owes := c.debts[k][path]; owes || len(c.debts[k]) == 0 {
		return owes
	}
	for dir, _ := cloud.SplitPath(path); dir != ""; dir, _ = cloud.SplitPath(dir) {
		if c.debts[k][dir].deep {
			return true
		}
	}
	return false
}

// due are the names of a cloud's debts that are due, those above others first.
func (c *Changes) due(k int, now time.Time) (paths []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, d := range c.debts[k] {
		if !now.Before(d.due) {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, strings.Compare)
	return paths
}

// owed lists at most n names that a cloud in use lacks, or has wrongly.
func (c *Changes) owed(k, n int) (paths []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path := range c.debts[k] {
		if len(paths) == n {
			break
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// hurry makes all debts due, and all that is to be looked over.
func (c *Changes) hurry(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, debts := range c.debts {
		for path, d := range debts {
			d.due = now
			debts[path] = d
		}
	}
	for k := range c.unseen {
		c.unseen[k] = now
	}
}

// paid takes a debt off the list.
func (c *Changes) paid(k int, path string) (d debt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d = c.debts[k][path]
	delete(c.debts[k], path)
	return d
}

// hasAll reports whether a cloud that is in use has all that it should.
func (c *Changes) hasAll(k int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, unseen := c.unseen[k]
	return len(c.debts[k]) == 0 && !unseen
}

// Unseen reports whether a cloud in use owes nobody knows what, until it is looked over.
func (c *Changes) Unseen(k int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, unseen := c.unseen[k]
	return unseen
}

// lookAt says when a cloud in use is to be looked over; zero: no more.
func (c *Changes) lookAt(k int, when time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if when.IsZero() {
		delete(c.unseen, k)
		return
	}
	c.unseen[k] = when
}

func (c *Changes) toLookAt(k int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	when, ok := c.unseen[k]
	return ok && !now.Before(when)
}

// forgive drops the debts of a cloud: all of it was looked over, or will be.
func (c *Changes) forgive(k int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.debts, k)
}

// sorted are names with those above others first.
func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }
