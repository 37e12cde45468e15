package cloudtest

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/conformance"
)

func TestFaultyWithoutRules(t *testing.T) {
	conformance.Run(t, func(*testing.T) cloud.Dir { return NewFaulty(NewMem()) })
}

// everything calls each method that takes part in rules, once, and gives the
// errors by the name that a rule uses.
func everything(d cloud.Dir, path string, file cloud.File) map[string]error {
	_, open := d.Open(path, true)
	_, create := d.Create(path, 0o644)
	_, stat := d.Stat(path)
	_, handle := d.Handle(path)
	_, readdir := d.ReadDir(path)
	_, list := d.Listxattr(path)
	_, get := d.Getxattr(path, "user.x")
	_, statfs := d.Statfs()
	_, readat := file.ReadAt(make([]byte, 1), 0)
	_, writeat := file.WriteAt([]byte("x"), 0)
	_, seek := file.SeekData(0)
	return map[string]error{
		"open": open, "create": create, "stat": stat, "handle": handle, "readdir": readdir, "listxattr": list, "getxattr": get,
		"statfs": statfs, "readat": readat, "writeat": writeat, "seekdata": seek,
		"mkdir": d.Mkdir(path, 0o755), "remove": d.Remove(path), "rmdir": d.Rmdir(path),
		"rename": d.Rename(path, path), "exchange": d.Exchange(path, path), "link": d.Link(path, path),
		"chmod": d.Chmod(path, 0o644), "chown": d.Chown(path, 0, 0), "chtimes": d.Chtimes(path, cloud.Times{}),
		"setxattr": d.Setxattr(path, "user.x", nil, 0), "removexattr": d.Removexattr(path, "user.x"),
		"syncdir": d.SyncDir(path), "syncfs": d.Syncfs(), "check": d.Check(),
		"truncate": file.Truncate(0), "sync": file.Sync(), "punchhole": file.PunchHole(0, 1),
	}
}

func TestFaultyFailsEverything(t *testing.T) {
	f := NewFaulty(NewMem())
	file := create(t, f, "f")
	for _, c := range []struct {
		op    string
		fails func(op string) bool
	}{
		{"", func(string) bool { return true }},
		{"change", changes},
		{"rename", func(op string) bool { return op == "rename" }},
		{"sync", func(op string) bool { return op == "sync" }},
	} {
		f.Clear()
		f.Inject(Rule{Op: c.op, Err: syscall.EDQUOT})
		ops := f.dir.(*Mem).Disk().Ops()
		for op, err := range everything(f, "f", file) {
			if got := errors.Is(err, syscall.EDQUOT); got != c.fails(op) {
				t.Errorf("rule %q, %s: %v", c.op, op, err)
			}
		}
		if c.op == "change" || c.op == "" {
			equal(t, "operations that got through", f.dir.(*Mem).Disk().Ops(), ops)
		}
	}
	f.Clear()
	must(t, file.Sync())
}

func TestFaultyFile(t *testing.T) {
	f := NewFaulty(NewMem())
	file := create(t, f, "f")
	f.Inject(Rule{Glob: "f", Err: syscall.EIO})
	_, stat := file.Stat()
	_, list := file.Listxattr()
	_, get := file.Getxattr("user.x")
	for i, err := range []error{
		stat, list, get, file.Chmod(0), file.Chown(0, 0), file.Chtimes(cloud.Times{}),
		file.Setxattr("user.x", nil, 0), file.Removexattr("user.x"),
	} {
		if errnos(err) != syscall.EIO.Error() {
			t.Errorf("%d: %v", i, err)
		}
	}
	equal(t, "failed", f.Failed(), 8)
	must(t, file.Close())
}

func TestFaultyCountsAndGlobs(t *testing.T) {
	f := NewFaulty(NewMem(),
		Rule{Op: "mkdir", From: 2, To: 3, Err: syscall.ENOSPC},
		Rule{Op: "create", Glob: "*.tmp", Err: syscall.EACCES},
		Rule{Op: "stat", Glob: "d/*", Err: syscall.EIO})
	must(t, f.Mkdir("d", 0o755))
	refuse(t, syscall.ENOSPC, f.Mkdir("2", 0o755))
	refuse(t, syscall.ENOSPC, f.Mkdir("3", 0o755))
	must(t, f.Mkdir("4", 0o755))
	_, err := f.Create("d/x.tmp", 0o644)
	refuse(t, syscall.EACCES, err)
	write(t, f, "d/x", "")
	_, err = f.Stat("d/x")
	refuse(t, syscall.EIO, err)
	equal(t, "directory", stat(t, f, "d").Dir, true)
	equal(t, "printed", f.String(), strings.Join([]string{
		"mkdir(*)[2:3] → no space left on device (matched 4, failed 2)",
		"create(*.tmp) → permission denied (matched 1, failed 1)",
		"stat(d/*) → input/output error (matched 1, failed 1)",
	}, "\n"))
}

func TestFaultyShort(t *testing.T) {
	f := NewFaulty(NewMem(), Rule{Op: "writeat", To: 1, Err: syscall.ENOSPC, Short: 3}, Rule{Op: "readat", Err: syscall.EIO, Short: 2})
	file := create(t, f, "f")
	n, err := file.WriteAt([]byte("hello"), 0)
	refuse(t, syscall.ENOSPC, err)
	equal(t, "bytes written", n, 3)
	put(t, file, "lo", 3)
	buf := make([]byte, 5)
	n, err = file.ReadAt(buf, 0)
	refuse(t, syscall.EIO, err)
	equal(t, "bytes read", string(buf[:n]), "he")
	equal(t, "printed", strings.Contains(f.String(), "after 3 bytes"), true)
}

func TestReadOnly(t *testing.T) {
	mem := NewMem()
	write(t, mem, "f", "content")
	ops := mem.Disk().Ops()
	d := ReadOnly(mem)
	equal(t, "content", read(t, d, "f"), "content")
	_, err := d.Open("missing", true)
	refuse(t, syscall.ENOENT, err)
	file, err := d.Open("f", false)
	must(t, err)
	defer file.Close()
	for op, err := range everything(d, "f", file) {
		switch {
		case op == "open":
			refuse(t, syscall.EROFS, err)
		case op == "writeat" || op == "punchhole":
			refuse(t, syscall.EBADF, err)
		case op == "truncate":
			refuse(t, syscall.EINVAL, err)
		case changes(op) && !strings.HasPrefix(op, "sync"):
			refuse(t, syscall.EROFS, err)
		}
	}
	for _, err := range []error{
		file.Chmod(0), file.Chown(0, 0), file.Chtimes(cloud.Times{}), file.Setxattr("user.x", nil, 0), file.Removexattr("user.x"),
	} {
		refuse(t, syscall.EROFS, err)
	}
	s, err := d.Statfs()
	must(t, err)
	equal(t, "read-only", s.ReadOnly, true)
	if got := mem.Disk().Ops() - ops; got > 2 {
		t.Errorf("%d operations got through:\n%s", got, mem.Disk().Trace())
	}
}

// What is late is done, and its error says nothing of that.
func TestFaultyLate(t *testing.T) {
	mem := NewMem()
	f := NewFaulty(mem, Rule{Op: "change", Err: cloud.ErrNoAnswer, Late: true})
	late := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, cloud.ErrNoAnswer) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := f.Create("f", 0o644)
	late("create", err)
	late("mkdir", f.Mkdir("d", 0o755))
	file := open(t, f, "f")
	n, err := file.WriteAt([]byte("content"), 0)
	late("write", err)
	equal(t, "bytes written, as far as is known", n, 0)
	equal(t, "what is there", names(t, mem, ""), "d f")
	equal(t, "what is in it", read(t, mem, "f"), "content")
	equal(t, "printed", strings.HasPrefix(f.String(), "change(*) when it is done → no answer"), true)
}

func TestFaultyStall(t *testing.T) {
	stall := NewStall()
	f := NewFaulty(NewMem(), Rule{Op: "mkdir", Glob: "slow", To: 1, Stall: stall})
	done := make(chan error, 1)
	go func() { done <- f.Mkdir("slow", 0o755) }()
	<-stall.Waiting()
	must(t, f.Mkdir("other", 0o755))
	equal(t, "while one waits", names(t, f, ""), "other")
	stall.Release()
	must(t, <-done)
	equal(t, "when it was released", names(t, f, ""), "other slow")

	stall = NewStall()
	f.Inject(Rule{Op: "stat", Stall: stall})
	go func() {
		_, err := f.Stat("slow")
		done <- err
	}()
	<-stall.Waiting()
	must(t, f.Close())
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("what waited at the close gave %v", err)
	}
	equal(t, "printed", strings.HasPrefix(f.String(), "mkdir(slow)[0:1] stalls (matched 1, failed 1)"), true)
}

// meddler is somebody who makes a directory.
type meddler struct{ *Mem }

func (m meddler) Act()           { _ = m.Mkdir("theirs", 0o755) }
func (m meddler) String() string { return "mkdir theirs" }

func TestFaultyAct(t *testing.T) {
	mem := NewMem()
	f := NewFaulty(mem, Rule{Op: "readdir", From: 2, To: 2, Act: meddler{mem.Disk().Dir("mem")}})
	equal(t, "before", names(t, f, ""), "")
	equal(t, "after", names(t, f, ""), "theirs")
	equal(t, "printed", f.String(), "readdir(*)[2:2] after mkdir theirs (matched 2, failed 1)")
}

func TestWithout(t *testing.T) {
	for _, feature := range Features() {
		f := NewFaulty(NewMem(), Without(feature)...)
		file := create(t, f, "f")
		put(t, file, "text", 0)
		failed := 0
		for _, err := range everything(f, "f", file) {
			if errors.Is(err, cloud.ErrUnsupported) {
				failed++
			}
		}
		if feature == Modes || feature == Times {
			if failed > 0 || f.Failed() == 0 {
				t.Errorf("without %s %d operations fail, and %d are ignored", feature, failed, f.Failed())
			}
			continue
		}
		if failed == 0 || failed != f.Failed() && feature != Links {
			t.Errorf("without %s %d operations fail, and %d are refused", feature, failed, f.Failed())
		}
	}
	if rules := Without(Features()...); len(rules) != 11 {
		t.Errorf("rules %v", rules)
	}
}

func TestFaultyInstead(t *testing.T) {
	mem, old := NewMem(), NewMem()
	write(t, mem, "f", "now")
	write(t, old, "f", "old")
	f := NewFaulty(mem, Rule{Op: "readat", From: 2, To: 2, Instead: old})
	file := open(t, f, "f")
	equal(t, "first", content(t, file), "now")
	equal(t, "second", content(t, file), "old")
	equal(t, "third", content(t, file), "now")
	equal(t, "printed", f.String(), "readat(*)[2:2] reads something else (matched 3, failed 1)")
}
