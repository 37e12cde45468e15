//go:build race

package lock

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// order is that in which locks are taken. Of those that end with a
// plus a goroutine may hold several.
var order = []string{
	"Mirror.gate", "Store.rounds", "Store.retiring", "Object.opening", "File.commit+", "Mirror.names", "File.mu", "Set.trust",
	"Table.tree", "Committer.mu", "Log.revoking", "Changes.mu", "Clouds.dropping", "standing.mu", "Queue.mu", "Board.mu",
}

// A place is a place in order.
type place interface{ rank() int }

func (Gate) rank() int      { return 0 }
func (Rounds) rank() int    { return 1 }
func (Retiring) rank() int  { return 2 }
func (Opening) rank() int   { return 3 }
func (Commit) rank() int    { return 4 }
func (Names) rank() int     { return 5 }
func (File) rank() int      { return 6 }
func (Trust) rank() int     { return 7 }
func (Tree) rank() int      { return 8 }
func (Committer) rank() int { return 9 }
func (Revoking) rank() int  { return 10 }
func (Changes) rank() int   { return 11 }
func (Dropping) rank() int  { return 12 }
func (Cloud) rank() int     { return 13 }
func (Queue) rank() int     { return 14 }
func (Notices) rank() int   { return 15 }

// holders are the ranks that goroutines hold, by their numbers. It is of the
// process since goroutines are.
var holders = struct {
	sync.Mutex
	by map[string][]int
}{by: map[string][]int{}}

// goroutine is the number of the one that calls.
func goroutine() string {
	var stack [64]byte
	_, rest, _ := bytes.Cut(stack[:runtime.Stack(stack[:], false)], []byte(" "))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	return string(number)
}

// take notes that a goroutine is about to take a lock, and panics where the
// order forbids it. One that does not wait cannot deadlock.
func take[R place](waits bool) {
	var lock R
	rank, self := lock.rank(), goroutine()
	holders.Lock()
	defer holders.Unlock()
	for _, other := range holders.by[self] {
		if !waits {
			break
		}
		several := order[rank][len(order[rank])-1] == '+'
		if other > rank || other == rank && !several {
			panic(fmt.Sprintf("%s is taken by who holds %s", order[rank], order[other]))
		}
	}
	holders.by[self] = append(holders.by[self], rank)
}

// give notes that a lock was given back.
func give[R place]() {
	var lock R
	self := goroutine()
	holders.Lock()
	defer holders.Unlock()
	held := holders.by[self]
	i := slices.Index(held, lock.rank())
	if i < 0 {
		panic(order[lock.rank()] + " is given back by another goroutine")
	}
	if held = slices.Delete(held, i, i+1); len(held) == 0 {
		delete(holders.by, self)
		return
	}
	holders.by[self] = held
}

// Mutex is sync.Mutex in its place in the order.
type Mutex[R place] struct{ mu sync.Mutex }

func (m *Mutex[R]) Lock() {
	take[R](true)
	m.mu.Lock()
}

func (m *Mutex[R]) TryLock() bool {
	locked := m.mu.TryLock()
	if locked {
		take[R](false)
	}
	return locked
}

func (m *Mutex[R]) Unlock() {
	m.mu.Unlock()
	give[R]()
}

// RWMutex is sync.RWMutex in its place in the order.
type RWMutex[R place] struct{ mu sync.RWMutex }

func (m *RWMutex[R]) Lock() {
	take[R](true)
	m.mu.Lock()
}

func (m *RWMutex[R]) Unlock() {
	m.mu.Unlock()
	give[R]()
}

func (m *RWMutex[R]) RLock() {
	take[R](true)
	m.mu.RLock()
}

func (m *RWMutex[R]) TryRLock() bool {
	locked := m.mu.TryRLock()
	if locked {
		take[R](false)
	}
	return locked
}

func (m *RWMutex[R]) RUnlock() {
	m.mu.RUnlock()
	give[R]()
}
