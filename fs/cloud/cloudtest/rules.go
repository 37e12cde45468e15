package cloudtest

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

// Rules decide what becomes of operations. The first that matches and whose
// turn it is decides; every one that matches counts. Safe for concurrent use.
type Rules struct {
	mu     sync.Mutex // guards the rest
	rules  []*counted
	closed chan struct{} // by Close, which ends every stall
}

type counted struct {
	Rule
	matched, failed int
}

// NewRules makes a set of rules, for doubles of other things than clouds.
func NewRules(rules ...Rule) *Rules {
	f := &Rules{closed: make(chan struct{})}
	f.Inject(rules...)
	return f
}

// Inject adds rules. A Glob that is none panics.
func (f *Rules) Inject(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rules {
		if _, err := path.Match(r.Glob, ""); err != nil {
			panic(fmt.Sprintf("cloudtest: %v: %v", r, err))
		}
		f.rules = append(f.rules, &counted{Rule: r})
	}
}

// Clear takes all rules away. What waits in a stall goes on waiting.
func (f *Rules) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Failed counts the operations in which a rule has had its turn.
func (f *Rules) Failed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.rules {
		n += r.failed
	}
	return n
}

// String gives the rules, with how often each matched and failed.
func (f *Rules) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := make([]string, len(f.rules))
	for i, r := range f.rules {
		lines[i] = fmt.Sprintf("%v (matched %d, failed %d)", r.Rule, r.matched, r.failed)
	}
	return strings.Join(lines, "\n")
}

// turn gives the rule whose turn it is, or nil.
func (f *Rules) turn(op string, paths []string) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var now *counted
	for _, r := range f.rules {
		if !r.matches(op, paths) {
			continue
		}
		r.matched++
		if now == nil && r.matched >= r.From && (r.To == 0 || r.matched <= r.To) {
			now = r
		}
	}
	if now == nil {
		return nil
	}
	now.failed++
	return &now.Rule
}

// fault lets a rule have its turn before the operation, and gives it if the
// operation is to fail by it, or to read something else.
func (f *Rules) fault(op string, paths ...string) *Rule {
	r := f.turn(op, paths)
	if r == nil {
		return nil
	}
	if r.Stall != nil && !r.Stall.wait(f.closed) {
		return &Rule{Err: os.ErrClosed}
	}
	if r.Act != nil {
		r.Act.Act()
	}
	if r.Err == nil && (r.Instead == nil || op != "readat") {
		return nil
	}
	return r
}

// Fail gives the error that the rules have for an operation, or nil.
func (f *Rules) Fail(op string, paths ...string) error {
	_, err := f.verdict(op, paths)
	return err
}

// verdict is Fail, and says whether the operation is done all the same.
func (f *Rules) verdict(op string, paths []string) (late bool, err error) {
	if r := f.fault(op, paths...); r != nil {
		return r.Late, &fs.PathError{Op: op, Path: strings.Join(paths, " → "), Err: r.Err}
	}
	return false, nil
}

func (f *Rules) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
}
