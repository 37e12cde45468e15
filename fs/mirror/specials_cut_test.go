//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCutBesideSpecials takes the power at each operation of stories in which a file has the name of what is no file, or
// had it: FIFOs, devices and symbolic links. What is there then, was there.
func TestCutBesideSpecials(t *testing.T) {
	specials := map[string]step{
		"FIFO":   {op: opMknod, mode: unix.S_IFIFO | 0o644},
		"device": {op: opMknod, mode: unix.S_IFBLK | 0o600, n: 38317},
		"link":   {op: opSymlink, to: "some/where"},
	}
	for name, special := range specials {
		at := func(path string) step { s := special; s.path = path; return s }
		stories := map[string][]step{
			"taken by what replaced it": {
				{op: opCreate, path: "b", h: 1, mode: 0o600}, {op: opClose, h: 1}, {op: opSync},
				at("a"), {op: opRename, path: "a", to: "b"},
				{op: opCreate, path: "N", h: 2, mode: 0o755}, {op: opFsync, h: 2},
				{op: opWrite, h: 2, n: 978, seed: 36}, {op: opClose, h: 2},
				{op: opRename, path: "b", to: "a"}, at("b"), {op: opLink, path: "N", to: "c"}, {op: opRename, path: "c", to: "b"},
			},
			"renamed, made and removed": {
				at("L"), {op: opUtimens, path: "L", n: 1000823342}, {op: opSync},
				{op: opRename, path: "L", to: "N"},
				{op: opCreate, path: "L", h: 3, mode: 0o644}, {op: opWrite, h: 3, n: 500, seed: 7},
				{op: opUnlink, path: "N"}, at("N"), {op: opClose, h: 3}, {op: opRename, path: "L", to: "N"},
			},
			"exchanged": {
				at("x"), {op: opCreate, path: "y", h: 4, mode: 0o644}, {op: opWrite, h: 4, n: 9000, seed: 8}, {op: opFsync, h: 4}, {op: opSync},
				{op: opExchange, path: "x", to: "y"}, {op: opClose, h: 4}, {op: opUnlink, path: "y"},
				{op: opRename, path: "x", to: "y"}, at("x"),
			},
		}
		for what, steps := range stories {
			for n := 1; n <= 2; n++ {
				if n == 1 && name != "FIFO" {
					continue // one cloud has nobody to differ from
				}
				t.Run(fmt.Sprintf("%s, %s, %d clouds", name, what, n), func(t *testing.T) { cutAtEach(t, n, steps) })
			}
		}
	}
}

// cutAtEach is one such story.
func cutAtEach(t *testing.T, n int, steps []step) {
	tl := tale{seed: uint64(n), n: n, on: layout{reuse: n == 2}, steps: steps}
	ops, err := rehearse(tl.box(t), tl.steps)
	check(t, err)
	var at []int
	for op := 1; op <= ops[len(ops)-1]; op++ {
		at = append(at, op)
	}
	for _, c := range moments(t, tl, at) {
		for _, then := range []ending{powerCut, powerCutOfOne} {
			if err := then(c.fork()); err != nil {
				t.Fatalf("%v\n%s", err, script(tl.steps))
			}
		}
	}
}
