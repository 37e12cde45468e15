//go:build race

package mirror

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLockOrder takes locks in the order that the package's doc gives, and against it.
func TestLockOrder(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(source), "# Locks")
	var documented []string
	for _, m := range regexp.MustCompile(`(?m)^//\t(\w+\.\w+)`).FindAllStringSubmatch(list, -1) {
		documented = append(documented, m[1])
	}
	var checked []string
	for _, lock := range lockOrder {
		checked = append(checked, strings.TrimSuffix(lock, "+"))
	}
	if !slices.Equal(documented, checked) {
		t.Errorf("doc.go has\n%q, checked are\n%q", documented, checked)
	}

	var m Mirror
	var a, b file
	inOrder := func() {
		a.applying.Lock()
		b.applying.Lock()
		m.names.RLock()
		a.mu.Lock()
		m.tree.Lock()
	}
	inOrder()
	a.applying.Unlock() // in any order
	m.tree.Unlock()
	a.mu.Unlock()
	m.names.RUnlock()
	b.applying.Unlock()
	for what, wrong := range map[string]func(){
		"an earlier lock":      func() { m.tree.Lock(); a.mu.RLock() },
		"a lock twice":         func() { m.names.RLock(); m.names.RLock() },
		"two files":            func() { a.mu.RLock(); b.mu.RLock() },
		"a lock after several": func() { a.applying.Lock(); b.applying.Lock(); m.rounds.Lock() },
	} {
		panics := make(chan bool)
		go func() {
			defer func() { panics <- recover() != nil }()
			wrong()
		}()
		if !<-panics {
			t.Errorf("%s: no panic", what)
		}
		m, a, b = Mirror{}, file{}, file{}
	}
}
