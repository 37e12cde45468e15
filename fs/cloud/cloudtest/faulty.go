package cloudtest

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Rule tells which operations fail, and how. It prints itself, so that a
// failure under rules is its own reproduction.
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

	// Err is what they fail with, in an [io/fs.PathError]; nothing is done. nil
	// lets them happen.
	Err error

	// Stall is where they wait first, or nil.
	Stall *Stall

	// Act happens before them, or nil: what somebody else does to the cloud
	// just then. It may use other handles, but not the one that it acts for.
	Act Act

	// Instead is where a ReadAt reads, at the same path, or nil: what a server
	// says that answers now this, now that, and shows no change by it.
	Instead cloud.Dir

	// Late lets an operation that changes something be done before it fails: its
	// answer came too late.
	Late bool

	// Short is how many bytes a WriteAt that fails has written first, and how
	// many a ReadAt that fails has read.
	Short int
}

func (r Rule) String() string {
	s := fmt.Sprintf("%s(%s)", orStar(r.Op), orStar(r.Glob))
	if r.From > 0 || r.To > 0 {
		s += fmt.Sprintf("[%d:%d]", r.From, r.To)
	}
	if r.Stall != nil {
		s += " stalls"
	}
	if r.Act != nil {
		s += fmt.Sprintf(" after %v", r.Act)
	}
	if r.Instead != nil {
		s += " reads something else"
	}
	if r.Late {
		s += " when it is done"
	}
	if r.Err != nil {
		s += fmt.Sprintf(" → %v", r.Err)
	}
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

// ErrIgnored is the Err of a Rule by which an operation without a result is not done, and says that it is.
var ErrIgnored = errors.New("ignored")

// Act is something that is done and can say what.
type Act interface {
	Act()
	String() string
}

// Stall is a place where operations wait. Safe for concurrent use.
type Stall struct {
	once     sync.Once
	released chan struct{}
	waiting  chan struct{}
}

// NewStall makes a place that holds what comes until Release.
func NewStall() *Stall {
	return &Stall{released: make(chan struct{}), waiting: make(chan struct{}, 1)}
}

// Release lets everything that waits go on, and what comes later pass.
func (s *Stall) Release() { s.once.Do(func() { close(s.released) }) }

// Waiting receives once an operation has begun to wait.
func (s *Stall) Waiting() <-chan struct{} { return s.waiting }

// wait gives false if closed came first.
func (s *Stall) wait(closed <-chan struct{}) bool {
	select {
	case s.waiting <- struct{}{}:
	default:
	}
	select {
	case <-s.released:
		return true
	case <-closed:
		return false
	}
}

// Faulty is a directory in which operations fail, wait or are preceded by rule.
// Its Close lets what waits fail with [os.ErrClosed].
type Faulty struct {
	*Rules
	dir cloud.Dir
}

var _ cloud.Dir = (*Faulty)(nil)

// NewFaulty wraps dir, which keeps its own life: it can be used beside.
func NewFaulty(dir cloud.Dir, rules ...Rule) *Faulty { return &Faulty{NewRules(rules...), dir} }
