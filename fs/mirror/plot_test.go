package mirror_test

import "testing"

// plot has every kind of operation next to every kind of sync.
func plot() []step {
	var list []step
	handle := 0
	file := func(op, path string, sync bool, do ...step) {
		handle++
		list = append(list, step{op: op, path: path, h: handle, mode: 0o644})
		for _, s := range do {
			s.h = handle
			list = append(list, s)
		}
		if sync {
			list = append(list, step{op: opFsync, h: handle})
		}
		list = append(list, step{op: opClose, h: handle})
	}
	write := func(off, n int64) step { return step{op: opWrite, off: off, n: n, seed: 100 + len(list)} }
	list = append(list, step{op: opMkdir, path: "d", mode: 0o755})
	file(opCreate, "d/new", false, write(0, 5000))
	file(opCreate, "d/fsynced", true, write(0, 9000))
	file(opOpen, "d/fsynced", true, write(1000, 3000))
	file(opOpen, "d/fsynced", false, write(8950, 100))
	list = append(list, step{op: opSync})
	file(opOpen, "d/new", false, write(4096, 4096))
	file(opOpen, "d/new", true, step{op: opTruncate, n: 6000})
	file(opReplace, "d/fsynced", false, write(0, 7000))
	file(opCreate, "tmp", false, write(0, 4500))
	list = append(list, step{op: opRename, path: "tmp", to: "d/fsynced"},
		step{op: opSymlink, path: "link", to: "d/fsynced"},
		step{op: opLink, path: "d/new", to: "hard"})
	file(opOpen, "hard", true, write(10, 50))
	list = append(list, step{op: opUnlink, path: "d/new"},
		step{op: opMkdir, path: "e", mode: 0o755},
		step{op: opRename, path: "d", to: "e/d"})
	file(opCreate, "e/d/late", true, write(0, 20000))
	file(opOpen, "e/d/late", false, step{op: opTruncate})
	file(opOpen, "e/d/late", true, write(0, 300))
	file(opOpen, "e/d/late", false, step{op: opTruncate, n: 50000})
	list = append(list, step{op: opSync},
		step{op: opRename, path: "e/d/late", to: "late"},
		step{op: opUnlink, path: "link"})
	file(opOpen, "late", true, write(8192, 8192))
	list = append(list, step{op: opUnlink, path: "hard"},
		step{op: opRename, path: "late", to: "e/late"},
		step{op: opMkdir, path: "gone", mode: 0o755},
		step{op: opRmdir, path: "gone"})
	file(opOpen, "e/late", false, write(49999, 1))
	return list
}

// TestKill crashes the process at operations on clouds and log. What had
// reached the mirror is there after the next mount, in every cloud.
func TestKill(t *testing.T) { crashEverywhere(t, kill) }

// TestPowerCut is TestKill for the machine: what was synced, or a later
// version of it, is there; of the rest nothing is a mixture.
func TestPowerCut(t *testing.T) { crashEverywhere(t, powerCut) }

func crashEverywhere(t *testing.T, then ending) {
	for _, n := range []int{1, 2} {
		tl := tale{n: n, steps: plot()}
		ops, err := rehearse(tl.box(t), tl.steps)
		if err != nil {
			t.Fatalf("%d clouds: %v\n%s", n, err, script(tl.steps))
		}
		var at []int
		for op := 1; op <= ops[len(ops)-1]; op += everyNth {
			at = append(at, op)
		}
		for _, c := range moments(t, tl, at) {
			if err := then(c); err != nil {
				t.Fatalf("%v\n%s", err, script(tl.steps))
			}
		}
	}
}
