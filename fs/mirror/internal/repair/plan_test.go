package repair_test

import (
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// do carries out a line of words on a story: what a program did.
func (s *story) do(t testing.TB, line string) {
	words := strings.Fields(line)
	at := func(i int) spot {
		dir, parts := s.root, strings.Split(words[i], "/")
		for _, p := range parts[:len(parts)-1] {
			dir = dir.children[p]
		}
		return spot{words[i], dir, parts[len(parts)-1]}
	}
	switch words[0] {
	case "mkdir":
		s.mkdir(at(1))
	case "open": // a file that stays open: it has no version yet
		s.open(at(1))
	case "create":
		s.open(at(1))
		s.append(at(1).node())
		s.commit(at(1).node())
	case "write": // over a committed file
		s.bind(at(1).node(), words[1])
		s.overwrite(at(1).node())
		s.commit(at(1).node())
	case "save": // the same, into fresh backing files
		s.bind(at(1).node(), words[1])
		s.fresh(at(1).node())
		s.append(at(1).node())
		s.commit(at(1).node())
	case "touch":
		s.utimens(at(1))
	case "symlink":
		s.symlink(at(1))
	case "rename":
		s.move(at(1), at(2))
	case "exchange":
		s.swap(at(1), at(2))
	case "link":
		s.linkTo(at(1), at(2))
	case "unlink":
		s.unlink(at(1))
	case "rmdir":
		s.rmdir(at(1))
	default:
		t.Fatalf("no such word: %s", line)
	}
}

// scripted is a scene of as many clouds as there are that lack something: what
// was there before, and what was done, which reached none of them yet.
func scripted(t testing.TB, l []lacks, before, script string) *scene {
	sc := &scene{box: newBox(t, len(l), true)}
	copy(sc.lacks, l)
	sc.story = newStory(1, sc.keys)
	sc.direct = false
	for line := range strings.Lines(before) {
		if strings.TrimSpace(line) != "" {
			sc.do(t, line)
		}
	}
	for _, ev := range sc.settle() {
		sc.carryAll(ev)
	}
	for k := range sc.keys {
		sc.must(sc.cloud(k).Dir.Syncfs())
	}
	for line := range strings.Lines(script) {
		if strings.TrimSpace(line) != "" {
			sc.do(t, line)
		}
	}
	sc.log = sc.events
	sc.learnHandles()
	return sc
}

// plain spells a plan's entries in plaintext; names of things that are parked
// stay as they are.
func (b *box) plain(steps []string) string {
	var lines []string
	for _, s := range steps {
		words := strings.Fields(s)
		for i, w := range words {
			parts := strings.Split(w, "/")
			for j, p := range parts {
				if d, err := b.keys[0].DecodeEntry(cipher.EntryName(p), nil); err == nil {
					parts[j] = string(d.Name)
				}
			}
			words[i] = strings.Join(parts, "/")
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

// plans are known answers: what one cloud had, how many entries of the log
// reached it (-1: all), and what a replay does to its names.
var plans = []struct {
	name, before, script string
	lacks                lacks
	reached, more        int
	litter               string
	want                 string
}{
	{name: "nothing is left to do", before: "create f", script: "rename f g", reached: -1},
	{name: "a file that was not moved", before: "create f", script: "rename f g", want: "move f → g"},
	{name: "a directory that was not moved", before: "mkdir a", script: "rename a b\ncreate b/f", want: `
		move a → b
		create b/f`},
	{name: "a directory that was not moved, without handles", before: "mkdir a", script: "rename a b\ncreate b/f", lacks: lacks{handles: true}, want: `
		move a → b
		create b/f`},
	{name: "two files that changed places", before: "create a\ncreate b", script: "exchange a b", want: `
		move b → .~0000000000010002.tmp
		move a → b
		move .~0000000000010002.tmp → a`},
	{name: "a circle of three", before: "create a\ncreate b\ncreate c", script: "rename a t\nrename c a\nrename b c\nrename t b", want: `
		move b → .~0000000000030001.tmp
		move a → b
		move c → a
		move .~0000000000030001.tmp → c`},
	{name: "two directories that changed places", before: "mkdir a\nmkdir b", script: "exchange a b", want: `
		move b → .~0000000000010002.tmp
		move a → b
		move .~0000000000010002.tmp → a`},
	{name: "a file in the way of a directory", before: "create a", script: "unlink a\nmkdir a", want: `
		remove a
		mkdir a`},
	{name: "a directory in the way of a file", before: "mkdir a", script: "rmdir a\ncreate a", lacks: lacks{handles: true}, want: `
		move a → .~0000000000010001.tmp
		create a
		rmdir .~0000000000010001.tmp`},
	{name: "a file that was replaced", before: "create f\ncreate g", script: "rename g f", want: "move g → f"},
	{name: "a file that is gone", before: "create f", script: "unlink f", want: "remove f"},
	{name: "a tree that is gone", before: "mkdir a\nmkdir a/b\ncreate a/b/f", script: "unlink a/b/f\nrmdir a/b\nrmdir a", want: `
		remove a/b/f
		rmdir a/b
		rmdir a`},
	{name: "a directory with litter", before: "mkdir a", script: "rmdir a", litter: "a", want: "rmdir a"},
	{name: "a second name", before: "create f", script: "link f g", want: "link f → g"},
	{name: "a name of two", before: "create f\nlink f g", script: "unlink f", want: "remove f"},
	{name: "a name of two that is replaced, in backing files that the log has made", before: "create f\ncreate c", script: "save f\nlink f g\nrename c f", reached: 4, want: `
		move f → .~0000000000010001.tmp
		move c → f
		remove .~0000000000010001.tmp`},
	{name: "a symlink in the place of a file", before: "create f", script: "unlink f\nsymlink f", want: `
		create f
		remove f`},
	{name: "a new file that has no header yet", script: "open f", more: 1, want: "create f"},
	{name: "one that is gone since", script: "open f\nunlink f", more: 1, want: "remove f"},
	{name: "one that has another name since", script: "open f\nrename f g", more: 1, want: `
		create g
		remove f`},
	{name: "mv build old; rm -r old; mkdir build; create build/a", before: "mkdir build\ncreate build/a", script: `
		rename build old
		unlink old/a
		rmdir old
		mkdir build
		create build/a`, reached: 1, want: `
		mkdir build
		create build/a
		remove old/a
		rmdir old`},
}

func TestPlans(t *testing.T) {
	for _, test := range plans {
		t.Run(test.name, func(t *testing.T) {
			sc := scripted(t, []lacks{test.lacks}, test.before, test.script)
			n := test.reached
			if n < 0 {
				n = len(sc.log)
			}
			sc.reachTo(0, n, test.more)
			if test.litter != "" {
				c := carrier{sc.cloud(0)}
				dir, _ := c.spell(test.litter, false)
				sc.must(writeFile(c.Dir, replica.Join(dir, string(cipher.NewTempName())), nil))
			}
			var steps []string
			sc.must(sc.finish(replay{events: sc.log, sameBoot: true, steps: &steps}))
			var want []string
			for line := range strings.Lines(test.want) {
				if line = strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			if got := sc.plain(steps); got != strings.Join(want, "\n") {
				t.Errorf("the plan is\n%s\nand should be\n%s\n%s", got, strings.Join(want, "\n"), sc.tell())
			}
			sc.must(sc.check(sc.box, wish{sameBoot: true}))
		})
	}
}

// TestBuildAgain is the log of findings' first: whatever part of it reached the
// cloud, with inodes used again, the new directory is not taken for the old one.
func TestBuildAgain(t *testing.T) {
	script := `
		rename build old
		unlink old/a
		unlink old/b
		rmdir old
		mkdir build
		create build/a
		create build/b`
	for _, l := range []lacks{{}, {handles: true}} {
		for n := range 13 {
			sc := scripted(t, []lacks{l}, "mkdir build\ncreate build/a\ncreate build/b", script)
			sc.reachTo(0, min(n, len(sc.log)), n%3)
			if err := sc.finish(replay{events: sc.log, sameBoot: n%2 == 0}); err != nil {
				t.Errorf("after %d entries, %+v: %v", n, l, err)
			}
			if err := sc.check(sc.box, wish{sameBoot: true}); err != nil {
				t.Errorf("after %d entries, %+v: %v", n, l, err)
			}
		}
	}
}
