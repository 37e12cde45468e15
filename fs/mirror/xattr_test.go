package mirror_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestXattrsBesideAFault sets and reads extended attributes while the lead fails, is full,
// or lacks the file: a program is told of nothing that another cloud can do.
func TestXattrsBesideAFault(t *testing.T) {
	for _, c := range []struct {
		what  string
		spoil func(b *box)
		state string // of the lead, afterwards
	}{
		{"failing", func(b *box) { b.inject(0, cloudtest.Rule{Op: "setxattr", Err: syscall.EIO}) }, "suspended"},
		{"full", func(b *box) { b.inject(0, cloudtest.Rule{Op: "setxattr", Err: syscall.ENOSPC}) }, "full"},
		{"unreadable", func(b *box) { b.inject(0, cloudtest.Rule{Op: "getxattr", Err: syscall.EIO}) }, "ok"},
		{"lacking", func(b *box) { check(t, b.them(0).Do(cloudtest.Delete(b.entryAt(0, "f")))) }, "ok"},
	} {
		b := newBox(t, 2)
		m := b.mount()
		check(t, tryWrite(m, "f", []byte("content"), true))
		n, err := m.Walk("f")
		check(t, err)
		c.spoil(b)
		check(t, n.Setxattr("user.x", []byte("value"), 0))
		if got, err := n.Getxattr("user.x"); err != nil || string(got) != "value" {
			t.Errorf("%s: it is %q (%v)", c.what, got, err)
		}
		if _, err := n.Getxattr("user.none"); !errors.Is(err, mirror.ErrNoAttr) {
			t.Errorf("%s: one that is not there: %v", c.what, err)
		}
		wantStates(t, m, c.state, "ok")
		n.Forget()
		b.unmount(m)
	}
}

// TestXattrsAllFail: where no cloud can set one, the program is told, and no cloud is blamed.
func TestXattrsAllFail(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	check(t, makeDir(m, "d"))
	n, err := m.Walk("d")
	check(t, err)
	for k := range b.n {
		b.inject(k, cloudtest.Rule{Op: "setxattr", Err: syscall.EIO})
	}
	if err := n.Setxattr("user.x", []byte("value"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	wantStates(t, m, "ok", "ok")
	n.Forget()
	b.unmount(m)
}
