//go:build long

package integration

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	toolsMinutes = flag.Int("minutes", 60, "how long TestSyncToolsForLong edits")
	toolsFirst   = flag.Uint64("first", 1, "the seed of its first story")
)

// TestSyncToolsForLong has two machines edit what real sync tools carry between them, for an hour.
func TestSyncToolsForLong(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(time.Duration(*toolsMinutes) * time.Minute)
	for seed := *toolsFirst; time.Now().Before(end); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { toolsStory(t, seed, 10) })
	}
}

// toolsStory has two machines edit what a seed says, in turns and at once.
func toolsStory(t *testing.T, seed uint64, rounds int) {
	m := newMachines(t)
	e := &edits{Rand: rand.New(rand.NewPCG(seed, 8))}
	for round := range rounds {
		if round > 0 && e.IntN(3) == 0 {
			m.atOnce(e, round%2)
			continue
		}
		for range 1 + e.IntN(6) {
			m.edit(round%2, e.next(m.model))
		}
		m.demandExact(fmt.Sprint("round ", round))
	}
	m.finish()
}

// touches reports whether something at a path is changed.
func (e edit) touches(path string) bool { return path == e.of || strings.HasPrefix(path, e.of+"/") }

// atOnce has both machines edit while nothing is carried, and then demands that they agree, and that nothing is lost of what
// either has made.
func (m *machines) atOnce(e *edits, healer int) {
	m.t.Helper()
	m.stop()
	before := shown(m.model)
	var after [2]map[string]string
	var done [2][]edit
	for i, v := range m.of {
		for range 1 + e.IntN(3) {
			one := e.next(v.root)
			m.t.Logf("at once, machine %d: %s", i, one.what)
			must(m.t, one.do(v.root))
			done[i] = append(done[i], one)
		}
		after[i] = shown(v.root)
	}
	contested := func(name string) bool {
		touches := func(e edit) bool { return e.touches(name) }
		return slices.ContainsFunc(done[0], touches) && slices.ContainsFunc(done[1], touches)
	}
	m.demandAgreement(healer%2, func(files map[string]string) []string {
		uncontested := maps.Clone(before)
		maps.DeleteFunc(uncontested, func(name, _ string) bool { return contested(name) })
		return append(lost(files, before, after), strayed(files, uncontested, after)...)
	})
	must(m.t, os.RemoveAll(m.model))
	must(m.t, os.Mkdir(m.model, 0o755))
	command{}.run(m.t, "cp", "-a", m.of[0].root+"/.", m.model)
}

// body is what a line of shown says of a file beside its mode and time; "" of anything else.
func body(line string) string {
	if !strings.HasPrefix(line, "10") {
		return ""
	}
	_, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, " ")
	return rest
}

// lost tells what of two machines' edits is not there, and what is there that nobody made.
func lost(files, before map[string]string, after [2]map[string]string) (wrong []string) {
	has := map[string]bool{}
	for _, line := range files {
		has[body(line)] = true
	}
	for i, tree := range after {
		for name, line := range tree {
			if was, there := before[name]; body(line) != "" && (!there || body(was) != body(line)) && !has[body(line)] {
				wrong = append(wrong, fmt.Sprintf("what machine %d wrote into %q is lost: %.200s", i, name, line))
			}
		}
	}
	for name := range files {
		_, a := after[0][name]
		_, b := after[1][name]
		if !a && !b && !strings.Contains(name, "(conflict ") {
			wrong = append(wrong, fmt.Sprintf("%q, which nobody made, is there", name))
		}
	}
	return wrong
}

// strayed tells which files that at most one machine has touched are not as that one has left them.
func strayed(files, before map[string]string, after [2]map[string]string) (wrong []string) {
	for name, was := range before {
		want := after[0][name]
		if want == was {
			want = after[1][name]
		}
		if body(was) != "" && files[name] != want {
			wrong = append(wrong, fmt.Sprintf("%q is %.200s\nnot %.200s", name, files[name], want))
		}
	}
	return wrong
}
