package mirror_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestFailedIsNeverDone lets each operation fail in every cloud, and kills the process or the power. No mount does it then.
// (What an operation had begun and cleared away a power cut can bring back in part, as it can anything that was removed.)
func TestFailedIsNeverDone(t *testing.T) {
	for _, o := range operations {
		for _, cut := range []bool{false, true} {
			if cut && strings.Contains(o.name, "its") {
				continue
			}
			for _, synced := range []bool{false, true} {
				b, clouds, m := furnished(t)
				before := b.shows(0)
				for _, c := range clouds {
					c.Inject(cloudtest.Rule{Op: o.op, Err: syscall.EIO, From: 1, To: 1})
				}
				if err := o.do(m); !errors.Is(err, syscall.EIO) {
					t.Errorf("%s: the program sees %v", o.name, err)
				}
				if synced {
					check(t, m.Root().Sync())
				}
				if b.disk.Kill(); cut {
					b.disk.PowerCut(rand.New(rand.NewPCG(1, 2)))
					b.state.powerCut()
				}
				b.wrap = nil
				b.unmount(b.mount())
				for k := range b.n {
					if got := b.shows(k); got != before {
						t.Errorf("%s, power cut %v, synced %v: cloud %d shows\n%s\nand before\n%s", o.name, cut, synced, k, got, before)
					}
				}
			}
		}
	}
}

// TestRevocationMustBeWritten fills the disk of the log when an operation has failed. Nothing is changed until the log says
// that it has.
func TestRevocationMustBeWritten(t *testing.T) {
	b := newBox(t, 1)
	m := b.mount()
	write(t, m, "f", []byte("of f"))
	b.unmount(m)
	spies := b.spied()
	isFull := false
	m = b.mountWith(func(c *mirror.Config) {
		c.Log = b.logOn(faultyStore{store{b.disk.Store("log")}, func() bool { return isFull }})
	})
	spies[0].watch(func(e event) error {
		if e.op == "mkdir" {
			isFull = true
			return syscall.EIO
		}
		return nil
	})
	if err := forget(m.Root().Mkdir("d", 0o755, mirror.Owner{})); !errors.Is(err, syscall.EIO) {
		t.Errorf("mkdir: %v", err)
	}
	spies[0].watch(nil)
	for what, do := range map[string]func() error{
		"mkdir":  func() error { return forget(m.Root().Mkdir("e", 0o755, mirror.Owner{})) },
		"write":  func() error { return tryWrite(m, "f", []byte("more"), false) },
		"unlink": func() error { return m.Root().Unlink("f") },
	} {
		if err := do(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s on a full disk: %v", what, err)
		}
	}
	if got := read(t, m, "f"); string(got) != "of f" {
		t.Errorf("f holds %q", got)
	}
	isFull = false
	check(t, forget(m.Root().Mkdir("e", 0o755, mirror.Owner{})))
	b.disk.Kill()
	b.wrap = nil
	m = b.mount()
	if got := look(m); len(got) != 2 || got["e"].kind != 'd' || got["f"].data != "of f" {
		t.Errorf("after the kill there is %v", got)
	}
	b.unmount(m)
}
