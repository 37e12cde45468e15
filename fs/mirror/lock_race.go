//go:build race

package mirror

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// lockOrder is the order in which locks are taken. Of those that end with a
// plus a goroutine may hold several.
var lockOrder = []string{
	"Mirror.gate", "Mirror.rounds", "Node.opening", "file.applying+", "Mirror.names", "file.mu", "file.trust",
	"Mirror.tree", "committer.mu", "Mirror.revoking", "Mirror.dropping", "member.mu",
}

// A lockRank is a place in lockOrder.
type lockRank interface{ rank() int }

func (lockGate) rank() int      { return 0 }
func (lockRounds) rank() int    { return 1 }
func (lockOpening) rank() int   { return 2 }
func (lockApplying) rank() int  { return 3 }
func (lockNames) rank() int     { return 4 }
func (lockFile) rank() int      { return 5 }
func (lockTrust) rank() int     { return 6 }
func (lockTree) rank() int      { return 7 }
func (lockCommitter) rank() int { return 8 }
func (lockRevoking) rank() int  { return 9 }
func (lockDropping) rank() int  { return 10 }
func (lockMember) rank() int    { return 11 }

// heldLocks are the ranks that goroutines hold, by their numbers. It is of the
// process since goroutines are.
var heldLocks = struct {
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
func take[R lockRank](waits bool) {
	var lock R
	rank, self := lock.rank(), goroutine()
	heldLocks.Lock()
	defer heldLocks.Unlock()
	for _, other := range heldLocks.by[self] {
		if !waits {
			break
		}
		several := lockOrder[rank][len(lockOrder[rank])-1] == '+'
		if other > rank || other == rank && !several {
			panic(fmt.Sprintf("%s is taken by who holds %s", lockOrder[rank], lockOrder[other]))
		}
	}
	heldLocks.by[self] = append(heldLocks.by[self], rank)
}

// give notes that a lock was given back.
func give[R lockRank]() {
	var lock R
	self := goroutine()
	heldLocks.Lock()
	defer heldLocks.Unlock()
	held := heldLocks.by[self]
	i := slices.Index(held, lock.rank())
	if i < 0 {
		panic(lockOrder[lock.rank()] + " is given back by another goroutine")
	}
	if held = slices.Delete(held, i, i+1); len(held) == 0 {
		delete(heldLocks.by, self)
		return
	}
	heldLocks.by[self] = held
}

type mutex[R lockRank] struct{ mu sync.Mutex }

func (m *mutex[R]) Lock() {
	take[R](true)
	m.mu.Lock()
}

func (m *mutex[R]) TryLock() bool {
	locked := m.mu.TryLock()
	if locked {
		take[R](false)
	}
	return locked
}

func (m *mutex[R]) Unlock() {
	m.mu.Unlock()
	give[R]()
}

type rwMutex[R lockRank] struct{ mu sync.RWMutex }

func (m *rwMutex[R]) Lock() {
	take[R](true)
	m.mu.Lock()
}

func (m *rwMutex[R]) Unlock() {
	m.mu.Unlock()
	give[R]()
}

func (m *rwMutex[R]) RLock() {
	take[R](true)
	m.mu.RLock()
}

func (m *rwMutex[R]) TryRLock() bool {
	locked := m.mu.TryRLock()
	if locked {
		take[R](false)
	}
	return locked
}

func (m *rwMutex[R]) RUnlock() {
	m.mu.RUnlock()
	give[R]()
}
