//go:build race

package lock

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOrder takes locks in the order that the package's doc gives, and against it.
func TestOrder(t *testing.T) {
	source, err := os.ReadFile("lock.go")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile(`(?m)^//\t(\w+\.\w+) `).FindAllStringSubmatch(string(source), -1) {
		if !strings.HasSuffix(m[1], ".go") {
			documented = append(documented, m[1])
		}
	}
	var checked []string
	for _, l := range order {
		checked = append(checked, strings.TrimSuffix(l, "+"))
	}
	if !slices.Equal(documented, checked) {
		t.Errorf("the doc has\n%q, checked are\n%q", documented, checked)
	}
	ranks := []place{Gate{}, Rounds{}, Retiring{}, Opening{}, Commit{}, Names{}, File{}, Trust{}, Tree{}, Committer{}, Revoking{}, Changes{}, Dropping{}, Cloud{}, Queue{}, Notices{}}
	for i, p := range ranks {
		if p.rank() != i || len(ranks) != len(order) {
			t.Errorf("%T is at %d, want %d of %d", p, p.rank(), i, len(order))
		}
	}

	type locks struct {
		commit [2]Mutex[Commit]
		file   [2]RWMutex[File]
		names  RWMutex[Names]
		rounds Mutex[Rounds]
		tree   Mutex[Tree]
	}
	var l locks
	l.commit[0].Lock()
	l.commit[1].Lock()
	l.names.RLock()
	l.file[0].Lock()
	l.tree.Lock()
	l.commit[0].Unlock() // in any order
	l.tree.Unlock()
	l.file[0].Unlock()
	l.names.RUnlock()
	l.commit[1].Unlock()
	for what, wrong := range map[string]func(*locks){
		"an earlier lock":      func(l *locks) { l.tree.Lock(); l.file[0].RLock() },
		"a lock twice":         func(l *locks) { l.names.RLock(); l.names.RLock() },
		"two files":            func(l *locks) { l.file[0].RLock(); l.file[1].RLock() },
		"a lock after several": func(l *locks) { l.commit[0].Lock(); l.commit[1].Lock(); l.rounds.Lock() },
	} {
		panics := make(chan bool)
		go func() {
			defer func() { panics <- recover() != nil }()
			wrong(new(locks))
		}()
		if !<-panics {
			t.Errorf("%s: no panic", what)
		}
	}
}
