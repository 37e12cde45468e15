package mirror_test

import (
	"fmt"
	"maps"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/vault"
)

// memState is a vault's state, durable at once. Rules make what it stores fail,
// by the name of the method in lower case.
type memState struct {
	mu       sync.Mutex // guards the rest but rules
	writer   uint32
	counter  uint64
	owes     map[cipher.ID]vault.Owes
	marks    int // how often a cloud was said to owe
	boot     int // of the machine, by its number
	marked   int // the boot that was marked last
	clean    bool
	nameless bool        // the kernel does not tell the boot
	crashed  func() bool // the process is dead: nothing is recorded any more

	rules *cloudtest.Rules
}

func newMemState(writer uint32) *memState {
	return &memState{
		writer: writer, owes: map[cipher.ID]vault.Owes{}, boot: 1, marked: 1,
		rules: cloudtest.NewRules(),
	}
}

// clone is without what makes the state fail.
func (s *memState) clone() *memState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &memState{
		writer: s.writer, counter: s.counter, owes: maps.Clone(s.owes),
		boot: s.boot, marked: s.marked, clean: s.clean, rules: cloudtest.NewRules(),
	}
}

// store does what changes the state, unless that is to fail.
func (s *memState) store(op string, change func()) error {
	if err := s.rules.Fail(op); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed != nil && s.crashed() {
		return cloudtest.ErrCrashed
	}
	change()
	return nil
}

func (s *memState) Writer() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writer
}

func (s *memState) Reserve(n int, above uint64) (first uint64, err error) {
	err = s.store("reserve", func() {
		first = max(s.counter, above) + 1
		s.counter = first + uint64(n) - 1
	})
	return first, err
}

func (s *memState) RenewWriter() error {
	return s.store("renewwriter", func() { s.writer += 1000 })
}

func (s *memState) Observed(v cipher.Vector) error {
	s.mu.Lock()
	lost := v.Get(s.writer) > s.counter
	s.mu.Unlock()
	if lost {
		return s.RenewWriter()
	}
	return nil
}

func (s *memState) Owes() map[cipher.ID]vault.Owes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.owes)
}

func (s *memState) MarkOwes(id cipher.ID, o vault.Owes) error {
	return s.store("markowes", func() {
		if had, ok := s.owes[id]; ok {
			o.Entry, o.Reason, o.Whole, o.Lost = min(o.Entry, had.Entry), had.Reason, o.Whole || had.Whole, o.Lost || had.Lost
			o.Named = o.Named && had.Named
		}
		s.owes[id], s.marks = o, s.marks+1
	})
}

func (s *memState) ClearOwes(id cipher.ID) error {
	return s.store("clearowes", func() { delete(s.owes, id) })
}

func (s *memState) SameBoot() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marked == s.boot
}

// bootID names the boot of the machine, for the log.
func (s *memState) bootID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nameless {
		return ""
	}
	return fmt.Sprint(s.boot)
}

// powerCut has the machine started anew.
func (s *memState) powerCut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boot++
}

func (s *memState) Cut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marked != s.boot && !s.clean
}

func (s *memState) MarkBoot() error {
	return s.store("markboot", func() { s.marked, s.clean = s.boot, false })
}

func (s *memState) MarkClean() error { return s.store("markclean", func() { s.clean = true }) }
