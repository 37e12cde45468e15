package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// operation is one on names.
type operation struct {
	name  string
	op    string // that a cloud fails, as cloudtest calls it
	do    func(m *mirror.Mirror) error
	final bool // what one cloud has done nobody can take back
}

// operations are over a vault that has the files f and g, the symlinks s and t and the directories d and e.
var operations = []operation{
	{"create", "create", create, false},
	{"create, its header", "writeat", create, false},
	{"mkdir", "mkdir", func(m *mirror.Mirror) error { return forget(m.Root().Mkdir("new", 0o755, mirror.Owner{})) }, false},
	{"mkdir, its owner", "chown", func(m *mirror.Mirror) error { return forget(m.Root().Mkdir("new", 0o755, mirror.Owner{})) }, false},
	{"symlink", "create", func(m *mirror.Mirror) error { return forget(m.Root().Symlink("new", "f", mirror.Owner{})) }, false},
	{"symlink, its owner", "chown", func(m *mirror.Mirror) error { return forget(m.Root().Symlink("new", "f", mirror.Owner{})) }, false},
	{"link", "link", func(m *mirror.Mirror) error {
		n, err := m.Walk("f")
		if err != nil {
			return err
		}
		defer n.Forget()
		return m.Root().Link("new", n)
	}, false},
	{"rename", "rename", func(m *mirror.Mirror) error { return m.Root().Rename("f", m.Root(), "new", mirror.RenameFlags{}) }, false},
	{"rename a directory", "rename", func(m *mirror.Mirror) error { return m.Root().Rename("d", m.Root(), "new", mirror.RenameFlags{}) }, false},
	{"rename over", "rename", func(m *mirror.Mirror) error { return m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{}) }, true},
	{"exchange", "exchange", func(m *mirror.Mirror) error {
		return m.Root().Rename("f", m.Root(), "g", mirror.RenameFlags{Exchange: true})
	}, false},
	{"exchange a file and a symlink", "rename", func(m *mirror.Mirror) error {
		return m.Root().Rename("f", m.Root(), "s", mirror.RenameFlags{Exchange: true})
	}, false},
	{"unlink", "remove", func(m *mirror.Mirror) error { return m.Root().Unlink("f") }, true},
	{"rmdir", "rmdir", func(m *mirror.Mirror) error { return m.Root().Rmdir("d") }, true},
	{"chmod of a directory", "chmod", func(m *mirror.Mirror) error {
		n, err := m.Walk("d")
		if err != nil {
			return err
		}
		defer n.Forget()
		mode := uint32(0o700)
		_, err = n.SetAttr(mirror.SetAttr{Mode: &mode})
		return err
	}, false},
}

func create(m *mirror.Mirror) error {
	n, h, err := m.Root().Create("new", 0o644, mirror.Owner{})
	if err != nil {
		return err
	}
	defer n.Forget()
	return h.Close()
}

func forget(n mirror.Node, err error) error {
	if err == nil {
		n.Forget()
	}
	return err
}

// furnished is a box with what the operations work on, mounted over clouds that fail by rule.
func furnished(t *testing.T) (*box, []*cloudtest.Faulty, *mirror.Mirror) {
	t.Helper()
	b := newBox(t, 2)
	m := b.mount()
	write(t, m, "f", []byte("of f"))
	write(t, m, "g", []byte("of g"))
	for _, name := range []string{"s", "t"} {
		check(t, forget(m.Root().Symlink(name, "f", mirror.Owner{})))
	}
	for _, name := range []string{"d", "e"} {
		check(t, forget(m.Root().Mkdir(name, 0o755, mirror.Owner{})))
	}
	b.unmount(m)
	list := b.faulty()
	return b, list, b.mount()
}

// shows is what a mount of one cloud alone shows, but for times.
func (b *box) shows(k int) string {
	b.t.Helper()
	alone := b.clone()
	alone.wrap = nil
	delete(alone.state.owes, b.ids[k])
	m := alone.mount(without(b.n, k)...)
	defer alone.unmount(m)
	var lines []string
	for path, s := range look(m) {
		lines = append(lines, fmt.Sprintf("%s: %c %o %s %v", path, s.kind, s.mode, s.data, s.err))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestBlame lets operations fail in one cloud, and in both, with errors of every kind. Only a cloud that failed or is full
// while the other one is well is put behind; what is anybody else's error changes nothing.
func TestBlame(t *testing.T) {
	for _, o := range operations {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EMFILE} {
			for _, where := range [][]int{{0}, {1}, {0, 1}} {
				t.Run(fmt.Sprintf("%s/%v/%v", o.name, errno, where), func(t *testing.T) { blame(t, o, errno, where) })
			}
		}
	}
}

func blame(t *testing.T, o operation, errno syscall.Errno, where []int) {
	b, clouds, m := furnished(t)
	before := b.shows(0)
	for _, k := range where {
		clouds[k].Inject(cloudtest.Rule{Op: o.op, Err: errno, From: 1, To: 1})
	}
	err := o.do(m)
	own := errno == syscall.EIO || errno == syscall.ENOSPC
	alone := len(where) == 1
	made := own && alone || o.final && alone && where[0] == 1
	if made != (err == nil) || err != nil && !errors.Is(err, errno) {
		t.Errorf("the program sees %v", err)
	}
	states := []string{"ok", "ok"}
	if made {
		states[where[0]] = map[syscall.Errno]string{syscall.EIO: "suspended", syscall.ENOSPC: "full"}[errno]
		if states[where[0]] == "" {
			states[where[0]] = "suspended"
		}
	}
	wantStates(t, m, states...)
	check(t, m.Sync())
	for k := range b.n {
		if made && k == where[0] {
			continue
		}
		if got := b.shows(k); made == (got == before) {
			t.Errorf("cloud %d shows\n%s\nand before\n%s", k, got, before)
		}
	}
	b.unmount(m)
}

// TestStrayCopies changes names and files of which one cloud lacks its copy. It goes without the change and serves on.
func TestStrayCopies(t *testing.T) {
	owed := false
	for _, o := range operations {
		for k := range 2 {
			b, _, m := furnished(t)
			dir := b.disk.Dir(cloudName(k))
			check(t, dir.Remove(b.entry(k, "f")))
			check(t, dir.Rmdir(b.entry(k, "d")))
			check(t, tryWrite(m, "other", []byte("x"), true))
			check(t, o.do(m))
			check(t, m.Sync())
			states := []string{"ok", "ok"}
			states[k] = m.Status().Clouds[k].State // it owes where it lacks what was changed
			owed = owed || states[k] == "owes"
			check(t, m.Tend())
			wantStates(t, m, states...) // a sync client may be at it
			for range 3 {               // the second time it is looked over for what is left
				b.clock.pass(time.Minute)
				check(t, m.Tend())
			}
			wantStates(t, m, "ok", "ok")
			if err := b.goesWithout(k); err != nil {
				t.Errorf("%s without the copies in cloud %d: %v", o.name, k, err)
			}
			b.unmount(m)
		}
	}
	if !owed {
		t.Error("no cloud ever owed what it lacked")
	}
	for k := range 2 {
		b, _, m := furnished(t)
		check(t, b.disk.Dir(cloudName(k)).Remove(b.entry(k, "f")))
		check(t, withFile(m, "f", false, func(h *mirror.Handle) error {
			_, err := h.WriteAt([]byte(" and more"), 4)
			return errors.Join(err, h.Sync())
		}))
		check(t, m.Sync())
		if got := read(t, m, "f"); string(got) != "of f and more" {
			t.Errorf("without the copy in cloud %d it holds %q", k, got)
		}
		b.clock.pass(time.Minute)
		check(t, m.Tend())
		wantStates(t, m, "ok", "ok")
		if one, other := b.shows(0), b.shows(1); one != other {
			t.Errorf("the clouds show\n%s\nand\n%s", one, other)
		}
		b.unmount(m)
	}
}

// goesWithout holds what cloud k of two shows alone against what the other one shows: the same, but that of files that it does
// not have it says so, and that directories that it does not have are not there.
func (b *box) goesWithout(k int) error {
	tree, err := b.audit(k)
	if err != nil {
		return err
	}
	path := func(line string) string { return line[:strings.Index(line, ": ")] }
	alone := map[string]string{}
	for line := range strings.SplitSeq(b.shows(k), "\n") {
		alone[path(line)] = line
	}
	missing := regexp.MustCompile(fmt.Sprintf(`[(; ]cloud%d: missing[;)]`, k))
	other := b.shows(1 - k)
	for line := range strings.SplitSeq(other, "\n") {
		is, there := alone[path(line)]
		_, has := tree.Nodes[path(line)]
		switch {
		case has && is != line,
			!has && !strings.Contains(line, ": d ") && !missing.MatchString(is),
			!has && strings.Contains(line, ": d ") && there:
			return fmt.Errorf("at %q it shows %q, the other one %q", path(line), is, line)
		}
		delete(alone, path(line))
	}
	if len(alone) > 0 {
		return fmt.Errorf("it shows %q, the other one\n%s", alone, other)
	}
	return nil
}

// TestVanishedCloud removes all of one cloud's directory: that is not a copy that is missing.
func TestVanishedCloud(t *testing.T) {
	b, _, m := furnished(t)
	dir := b.disk.Dir(cloudName(1))
	for _, name := range []string{"f", "g", "d", "e"} {
		if err := dir.Remove(b.entry(1, name)); err != nil {
			check(t, dir.Rmdir(b.entry(1, name)))
		}
	}
	dir.SetAbsent(true)
	check(t, m.Root().Rename("f", m.Root(), "new", mirror.RenameFlags{}))
	wantStates(t, m, "ok", "suspended")
	b.unmount(m)
}

// TestBlameForCommits lets the commit of a change to committed bytes fail in one cloud and in both.
func TestBlameForCommits(t *testing.T) {
	for _, test := range []struct {
		op     string
		errno  syscall.Errno
		where  []int
		states []string // after the first try, and then
		fails  bool     // the first try
	}{
		{"writeat", syscall.EIO, []int{0}, []string{"suspended", "ok"}, false},
		{"writeat", syscall.EIO, []int{1}, []string{"ok", "suspended"}, false},
		{"writeat", syscall.EIO, []int{0, 1}, []string{"ok", "ok"}, true},
		{"sync", syscall.ENOSPC, []int{0, 1}, []string{"ok", "ok"}, true},
		{"sync", syscall.ENOSPC, []int{1}, []string{"ok", "full"}, false},
		{"stat", syscall.EMFILE, []int{0}, []string{"ok", "ok"}, true},
		{"stat", syscall.EMFILE, []int{1}, []string{"ok", "ok"}, true},
		{"chtimes", syscall.ENOMEM, []int{0}, []string{"ok", "ok"}, true},
		{"chtimes", syscall.EPERM, []int{0, 1}, []string{"ok", "ok"}, true},
		{"chtimes", syscall.EPERM, []int{1}, []string{"ok", "suspended"}, false},
	} {
		for _, replace := range []bool{false, true} {
			b, clouds, m := furnished(t)
			want := []byte("new!")
			check(t, withFile(m, "f", replace, func(h *mirror.Handle) error {
				_, err := h.WriteAt(want, 0)
				return errors.Join(err, h.Sync())
			}))
			for _, k := range test.where {
				clouds[k].Inject(cloudtest.Rule{Op: test.op, Err: test.errno, From: 1, To: 1})
			}
			what := fmt.Sprintf("%s fails with %v in %v, in fresh files: %v", test.op, test.errno, test.where, replace)
			if err := m.Commit(); (err != nil) != test.fails || err != nil && !errors.Is(err, test.errno) {
				t.Errorf("%s: %v", what, err)
			}
			wantStates(t, m, test.states...)
			if got := read(t, m, "f"); !bytes.Equal(got, want) {
				t.Errorf("%s: it holds %q", what, got)
			}
			for _, c := range clouds {
				c.Clear()
			}
			check(t, m.Sync())
			wantStates(t, m, test.states...)
			for k, state := range test.states {
				if got := b.shows(k); state == "ok" && !strings.Contains(got, string(want)) {
					t.Errorf("%s: cloud %d shows\n%s", what, k, got)
				}
			}
			b.unmount(m)
		}
	}
}

// TestStarvedOpen opens a file when the process has no descriptors left for a copy of it.
func TestStarvedOpen(t *testing.T) {
	for k := range 2 {
		b, clouds, m := furnished(t)
		clouds[k].Inject(cloudtest.Rule{Op: "open", Err: syscall.EMFILE})
		if _, err := tryRead(m, "f"); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("cloud %d: %v", k, err)
		}
		clouds[k].Clear()
		if got := read(t, m, "f"); string(got) != "of f" {
			t.Errorf("cloud %d: it holds %q", k, got)
		}
		wantStates(t, m, "ok", "ok")
		b.unmount(m)
	}
}

// TestMinCopies asks for two copies when one cloud fails: what is under way then stands, and what comes after is refused
// before anything is done.
func TestMinCopies(t *testing.T) {
	b := newBox(t, 2)
	clouds := b.faulty()
	m := b.mountWith(func(c *mirror.Config) { c.MinCopies = 2 })
	write(t, m, "f", []byte("f"))
	clouds[1].Inject(cloudtest.Rule{Op: "mkdir", Err: syscall.EIO})
	check(t, forget(m.Root().Mkdir("d", 0o755, mirror.Owner{})))
	wantStates(t, m, "ok", "suspended")
	before := b.log.Next()
	if err := m.Root().Unlink("f"); !errors.Is(err, mirror.ErrNoCloud) {
		t.Errorf("unlink: %v", err)
	}
	if got := b.exists("f"); !slices.Equal(got, []bool{true, true}) || b.log.Next() != before {
		t.Errorf("f exists in %v, the log went from %d to %d", got, before, b.log.Next())
	}
	if err := tryWrite(m, "f", []byte("g"), false); !errors.Is(err, mirror.ErrNoCloud) {
		t.Errorf("write: %v", err)
	}
	b.unmount(m)
	clear(b.state.owes) // as after a repair
	b.wrap = nil
	m = b.mountWith(func(c *mirror.Config) { c.MinCopies = 2 })
	check(t, m.Root().Unlink("f"))
	b.unmount(m)
}

// TestStateFull lets a cloud fail when that cannot be written down. Nothing is acknowledged until it can, and a mount after a
// kill finds all clouds alike, or knows better.
func TestStateFull(t *testing.T) {
	for _, recovers := range []bool{true, false} {
		b, clouds, m := furnished(t)
		b.state.crashed = func() bool { return true }
		clouds[1].Inject(cloudtest.Rule{Op: "mkdir", Err: syscall.EIO})
		if err := forget(m.Root().Mkdir("new", 0o755, mirror.Owner{})); err == nil {
			t.Error("mkdir is acknowledged")
		}
		wantStates(t, m, "ok", "suspended")
		if reason := m.Status().Clouds[1].Reason; !strings.Contains(reason, "cannot be written down") {
			t.Errorf("status gives the reason %q", reason)
		}
		h, err := must(m.Walk("f")).Open(mirror.OpenOptions{Write: true})
		check(t, err)
		for what, do := range map[string]func() error{
			"unlink": func() error { return m.Root().Unlink("g") },
			"write":  func() error { _, err := h.WriteAt([]byte("more"), 0); return err },
			"fsync":  h.Sync,
			"retire": m.Retire,
		} {
			if err := do(); err == nil {
				t.Errorf("%s is acknowledged", what)
			}
		}
		if got := read(t, m, "g"); string(got) != "of g" {
			t.Errorf("g holds %q", got)
		}
		if recovers {
			b.state.crashed = nil
			_, err := h.WriteAt([]byte("more"), 0)
			check(t, err)
			check(t, h.Close())
			wantStates(t, m, "ok", "suspended")
			if len(b.state.owes) != 1 {
				t.Errorf("behind, durably, are %v", b.state.owes)
			}
			b.unmount(m)
			continue
		}
		b.disk.Kill()
		b.state.crashed, b.wrap = nil, nil
		b.unmount(b.mount())
		if one, other := b.shows(0), b.shows(1); len(b.state.owes) == 0 && one != other {
			t.Errorf("the clouds show\n%s\nand\n%s", one, other)
		}
	}
}
