package cloudtest

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Rule tells which operations fail, and how.
type Rule struct {
	// Op is the name of the method in lower case ("open", "writeat",
	// "syncdir"); those of files and of directories that have the same name
	// are not told apart. "" is every operation but Close, and "change" is
	// every one that changes something or syncs.
	Op string

	// Glob matches the path (the path at open for a file; either path of
	// Rename, Exchange and Link) as in [path.Match], or its last name if Glob
	// has no '/'. "" matches every path.
	Glob string

	// From and To count the matching operations from 1, and bound those that
	// fail. 0 in From is from the first, 0 in To is without end.
	From, To int

	// Err is what they fail with, in an [io/fs.PathError]; nothing is done.
	Err error

	// Short is how many bytes a WriteAt that fails has written first, and how
	// many a ReadAt that fails has read.
	Short int
}

func (r Rule) String() string {
	s := fmt.Sprintf("%s(%s)", orStar(r.Op), orStar(r.Glob))
	if r.From > 0 || r.To > 0 {
		s += fmt.Sprintf("[%d:%d]", r.From, r.To)
	}
	s += fmt.Sprintf(" → %v", r.Err)
	if r.Short > 0 {
		s += fmt.Sprintf(" after %d bytes", r.Short)
	}
	return s
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

func (r Rule) matches(op string, paths []string) bool {
	if r.Op != "" && r.Op != op && (r.Op != "change" || !changes(op)) {
		return false
	}
	if r.Glob == "" {
		return true
	}
	for _, p := range paths {
		if !strings.Contains(r.Glob, "/") {
			_, p = cloud.SplitPath(p)
		}
		if ok, err := path.Match(r.Glob, p); ok && err == nil {
			return true
		}
	}
	return false
}

func changes(op string) bool {
	switch op {
	case "create", "mkdir", "remove", "rmdir", "rename", "exchange", "link",
		"chmod", "chown", "chtimes", "setxattr", "removexattr",
		"syncdir", "syncfs", "sync", "writeat", "truncate", "punchhole":
		return true
	}
	return false
}

// Faulty is a directory in which operations fail by rule. The first rule that
// matches and whose turn it is decides; every rule that matches counts. Safe
// for concurrent use.
type Faulty struct {
	dir   cloud.Dir
	mu    sync.Mutex // guards the rest
	rules []*counted
}

type counted struct {
	Rule
	matched, failed int
}

var _ cloud.Dir = (*Faulty)(nil)

// NewFaulty wraps dir, which keeps its own life: it can be used beside.
func NewFaulty(dir cloud.Dir, rules ...Rule) *Faulty {
	f := &Faulty{dir: dir}
	f.Inject(rules...)
	return f
}

// Inject adds rules. A Glob that is none panics.
func (f *Faulty) Inject(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rules {
		if _, err := path.Match(r.Glob, ""); err != nil {
			panic(fmt.Sprintf("cloudtest: %v: %v", r, err))
		}
		f.rules = append(f.rules, &counted{Rule: r})
	}
}

// Clear takes all rules away.
func (f *Faulty) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Failed counts the operations that a rule has made fail.
func (f *Faulty) Failed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.rules {
		n += r.failed
	}
	return n
}

// String gives the rules, with how often each matched and failed.
func (f *Faulty) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := make([]string, len(f.rules))
	for i, r := range f.rules {
		lines[i] = fmt.Sprintf("%v (matched %d, failed %d)", r.Rule, r.matched, r.failed)
	}
	return strings.Join(lines, "\n")
}

// fault gives the rule by which the operation is to fail, or nil.
func (f *Faulty) fault(op string, paths ...string) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var fault *counted
	for _, r := range f.rules {
		if !r.matches(op, paths) {
			continue
		}
		r.matched++
		if fault == nil && r.matched >= r.From && (r.To == 0 || r.matched <= r.To) {
			fault = r
		}
	}
	if fault == nil {
		return nil
	}
	fault.failed++
	return &fault.Rule
}

func (f *Faulty) fail(op string, paths ...string) error {
	if r := f.fault(op, paths...); r != nil {
		return &fs.PathError{Op: op, Path: strings.Join(paths, " → "), Err: r.Err}
	}
	return nil
}
