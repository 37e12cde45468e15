package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// A bridge is a FUSE filesystem that shows another directory. Its process is a child of this one, and can be stopped.
type bridge struct {
	t   testing.TB
	at  string
	cmd *exec.Cmd
}

// bridged is the argument of the role. One that is deaf ignores a change of one time alone, as filesystems on libfuse 2 do.
type bridged struct {
	Behind, At string
	Deaf       bool
}

// A deafNode ignores a change of one time alone.
type deafNode struct{ *fs.LoopbackNode }

func (n *deafNode) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	const times = fuse.FATTR_ATIME | fuse.FATTR_MTIME
	if in.Valid&times != times {
		in.Valid &^= times
	}
	return n.LoopbackNode.Setattr(ctx, f, in, out)
}

// WrapChild makes every node deaf.
func (n *deafNode) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &deafNode{ops.(*fs.LoopbackNode)}
}

// serveBridge is the role: it mounts, says so, and serves until it is unmounted. Nothing is cached.
func serveBridge(argument string) error {
	var b bridged
	if err := json.Unmarshal([]byte(argument), &b); err != nil {
		return err
	}
	root, err := fs.NewLoopbackRoot(b.Behind)
	if err != nil {
		return err
	}
	if b.Deaf {
		root = &deafNode{root.(*fs.LoopbackNode)}
	}
	server, err := fs.Mount(b.At, root, &fs.Options{
		NullPermissions: true,
		MountOptions:    fuse.MountOptions{DirectMountStrict: true, FsName: b.Behind, Name: "bridge"},
	})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	server.Wait()
	return nil
}

// newBridge puts a bridge in the place of a directory.
func newBridge(t testing.TB, dir string) *bridge {
	t.Helper()
	return startBridge(t, bridged{Behind: dir + ".behind", At: dir})
}

func newDeafBridge(t testing.TB, dir string) {
	t.Helper()
	startBridge(t, bridged{Behind: dir + ".behind", At: dir, Deaf: true})
}

func startBridge(t testing.TB, role bridged) *bridge {
	t.Helper()
	must(t, os.Rename(role.At, role.Behind))
	must(t, os.Mkdir(role.At, 0o755))
	b := &bridge{t: t, at: role.At, cmd: roleCommand("bridge", roleArgument(t, role))}
	said, err := b.cmd.StdoutPipe()
	must(t, err)
	must(t, b.cmd.Start())
	t.Cleanup(b.end)
	mounted := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(said).ReadString('\n')
		mounted <- err
		_, _ = io.Copy(io.Discard, said)
	}()
	select {
	case err := <-mounted:
		must(t, err)
	case <-time.After(answer):
		t.Fatalf("no bridge after %v", answer)
	}
	return b
}

// stop returns when every thread of the bridge has stopped.
func (b *bridge) stop() {
	b.t.Helper()
	stop(b.t, b.cmd.Process)
}

// stop stops a process, and returns when no thread of it goes on: the signal alone only asks.
func stop(t testing.TB, p *os.Process) {
	t.Helper()
	must(t, p.Signal(unix.SIGSTOP))
	inTime(t, time.Minute, "stopping", func() error {
		for {
			threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid))
			if err != nil || len(threads) == 0 {
				return fmt.Errorf("no process %d: %w", p.Pid, err)
			}
			if !slices.ContainsFunc(threads, goesOn) {
				return nil
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// goesOn tells whether a thread has not been stopped. One that waits for a stopped filesystem cannot be, and does nothing.
func goesOn(stat string) bool {
	said, err := os.ReadFile(stat)
	if err != nil {
		return false // it has ended
	}
	_, state, _ := strings.Cut(string(said), ") ")
	return strings.HasPrefix(state, "R") || strings.HasPrefix(state, "S")
}

func (b *bridge) resume() { b.signal(unix.SIGCONT) }

func (b *bridge) signal(s unix.Signal) {
	b.t.Helper()
	must(b.t, b.cmd.Process.Signal(s))
}

// end takes the bridge away, whatever hangs in it.
func (b *bridge) end() {
	table, _ := mountinfo.GetMounts(mountinfo.SingleEntryFilter(b.at))
	for _, m := range table {
		_ = os.WriteFile(fmt.Sprintf("/sys/fs/fuse/connections/%d/abort", m.Minor), []byte("1"), 0)
	}
	_ = unix.Unmount(b.at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
}

// inTime runs fn, which must end in time, in a goroutine that may be left behind.
func inTime(t testing.TB, limit time.Duration, what string, fn func() error) {
	t.Helper()
	done := make(chan error, 1)
	start := time.Now()
	go func() { done <- fn() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		t.Logf("%s took %v", what, time.Since(start).Round(time.Millisecond))
	case <-time.After(limit):
		t.Errorf("%s does not end in %v", what, limit)
	}
}

// statusTime is how long status may take, whatever hangs.
const statusTime = 3 * time.Second

// settling is how long what has changed is given to settle.
const settling = 30 * time.Second

// noAnswer is how long a stopped cloud may keep the one operation that finds it out, and atOnce how long it may keep any
// other: on a machine that is busy with other tests, and less than the bound, for which nobody else may wait.
const (
	noAnswer = 15 * time.Second
	atOnce   = 6 * time.Second
)

// A cloud on a FUSE filesystem that is stopped in the middle of work (finding C8): the first operation that needs it waits
// for the bound, everything after that goes on, status answers, and the mount ends as it should.
func TestStoppedCloud(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	v.troubled = true
	b := newBridge(t, v.clouds[1])
	m := v.mount()
	writeIn(t, v.root, "before", []byte("before"))
	v.overcast("status", v.dir)
	v.demandStates("ok", "ok")

	b.stop()
	inTime(t, noAnswer, "the first write", func() error { return writeAll(v.at("first"), "first") })
	for _, op := range []struct {
		what string
		do   func() error
	}{
		{"ls", func() error { _, err := os.ReadDir(v.root); return err }},
		{"cat", func() error { return readsAs(v.at("before"), "before") }},
		{"df", func() error { return unix.Statfs(v.root, new(unix.Statfs_t)) }},
		{"create", func() error { return writeAll(v.at("second"), "second") }},
		{"mkdir", func() error { return os.Mkdir(v.at("dir"), 0o755) }},
		{"rename", func() error { return os.Rename(v.at("second"), v.at("dir/second")) }},
		{"fsync", func() error { return syncFile(v.at("first")) }},
	} {
		inTime(t, atOnce, op.what, op.do)
	}
	inTime(t, statusTime, "status", func() error {
		s := v.status()
		if s.Clouds[0].State != "ok" || s.Clouds[1].State != "suspended" || !s.Clouds[1].Owes || !s.Answers {
			return fmt.Errorf("it says %+v", s)
		}
		return nil
	})
	inTime(t, statusTime, "status --check", func() error {
		r := command{}.try(t, v.program, "status", "--check", v.dir)
		if r.code != 26 || !strings.Contains(r.stdout, "  b is suspended: ") || !strings.Contains(r.stdout, "; owes since ") {
			return fmt.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
		}
		return nil
	})
	inTime(t, statusTime, "the summary", func() error { return v.summed("suspended") })
	stop(t, m.process) // the mount does not answer either
	inTime(t, statusTime, "status", func() error {
		s := v.status()
		if s.OK || s.Answers || !s.Mounted || s.Clouds[1].State != "suspended" || !s.Clouds[1].Owes {
			return fmt.Errorf("it says %+v", s)
		}
		return nil
	})
	must(t, m.process.Signal(unix.SIGCONT))
	must(t, m.process.Signal(unix.SIGTERM))
	inTime(t, noAnswer, "SIGTERM", func() error { <-m.ended; return nil })
	m.await()
	b.end()
	v.alone(0, func(root string) {
		for path, want := range map[string]string{"before": "before", "first": "first", "dir/second": "second"} {
			demandContent(t, filepath.Join(root, path), want)
		}
	})
}

// TestStoppedCloudElsewhere: while a cloud is stopped, whatever else programs and users do goes on, also through what was open
// before, and each of these may be the first that meets it.
func TestStoppedCloudElsewhere(t *testing.T) {
	t.Parallel()
	for i, first := range []string{"readdir", "df", "getxattr", "setxattr", "rename", "rmdir", "read", "write", "truncate", "chmod", "link", "verify", "heal"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			v := newVault(t, 2)
			v.troubled = true
			b := newBridge(t, v.clouds[i%2])
			m := v.mount()
			must(t, os.MkdirAll(v.at("dir/sub"), 0o755))
			for _, name := range []string{"a", "dir/b", "dir/c"} {
				writeIn(t, v.root, name, []byte(name))
			}
			must(t, os.Mkdir(v.at("empty"), 0o755))
			dir, err := os.Open(v.at("dir"))
			must(t, err)
			defer dir.Close()
			file, err := os.OpenFile(v.at("a"), os.O_RDWR, 0)
			must(t, err)
			defer file.Close()
			must(t, file.Sync())
			ops := map[string]func() error{
				"readdir":  func() error { _, err := dir.ReadDir(-1); return err },
				"df":       func() error { return unix.Statfs(v.root, new(unix.Statfs_t)) },
				"getxattr": func() error { _, err := unix.Llistxattr(v.at("dir/b"), nil); return err },
				"setxattr": func() error { return unix.Setxattr(v.at("dir/b"), "user.x", []byte("y"), 0) },
				"rename":   func() error { return os.Rename(v.at("dir/c"), v.at("c")) },
				"rmdir":    func() error { return os.Remove(v.at("empty")) },
				"read":     func() error { _, err := file.ReadAt(make([]byte, 1), 0); return err },
				"write":    func() error { _, err := file.WriteAt([]byte("A"), 0); return errors.Join(err, file.Sync()) },
				"truncate": func() error { return file.Truncate(100) },
				"chmod":    func() error { return os.Chmod(v.at("dir/b"), 0o640) },
				"link":     func() error { return os.Link(v.at("dir/b"), v.at("dir/l")) },
				"stat":     func() error { _, err := os.Lstat(v.at("dir/sub")); return err },
				"verify":   func() error { return v.exits(26, "verify", v.dir) },
				"heal":     func() error { return v.exits(40, "heal", v.dir) },
			}
			b.stop()
			limit := noAnswer
			if first == "verify" || first == "heal" {
				limit += 2 * settling // they look again at what has just changed
			}
			inTime(t, limit, first+" first", ops[first])
			for what, op := range ops {
				if what != first && what != "verify" && what != "heal" {
					inTime(t, noAnswer, what, op) // the first that needs the cloud finds it out
				}
			}
			inTime(t, atOnce, "ls", func() error { _, err := os.ReadDir(v.root); return err })
			inTime(t, statusTime, "status", func() error { v.status(); return nil })
			must(t, errors.Join(dir.Close(), file.Close()))
			inTime(t, noAnswer, "unmount", func() error { return v.exits(0, "unmount", v.root) })
			// The kernel lets no process go that has files open on the cloud, until that goes on. All else has ended.
			inTime(t, noAnswer, "the end", func() error { return v.logged("msg=ended") })
			b.resume()
			m.await()
		})
	}
}

// logged waits until the mounts have said something.
func (v *vault) logged(what string) error {
	for {
		said, err := os.ReadFile(v.logs)
		if err != nil || strings.Contains(string(said), what) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// exits wants a command to end with that code.
func (v *vault) exits(code int, args ...string) error {
	if r := (command{}).try(v.t, append([]string{v.program}, args...)...); r.code != code {
		return fmt.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	return nil
}

// summed waits until the mount has written something down.
func (v *vault) summed(what string) error {
	for {
		said, err := os.ReadFile(filepath.Join(v.dir, "state", "summary.json"))
		if err != nil || strings.Contains(string(said), what) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A vault is mounted beside a cloud that is stopped, and says so.
func TestStoppedCloudAtMount(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	b := newBridge(t, v.clouds[1])
	b.stop()
	v.troubled = true
	inTime(t, statusTime, "status", func() error {
		if s := v.status(); s.Clouds[1].State != "absent" || !strings.Contains(s.Clouds[1].Reason, "no answer") {
			return fmt.Errorf("it says %+v", s.Clouds[1])
		}
		return nil
	})
	m := v.mount()
	inTime(t, atOnce, "write", func() error { return writeAll(v.at("f"), "content") })
	inTime(t, atOnce, "cat", func() error { return readsAs(v.at("f"), "content") })
	must(t, m.process.Signal(unix.SIGTERM))
	inTime(t, noAnswer, "SIGTERM", func() error { <-m.ended; return nil })
	m.await()
}

// A directory on a filesystem that was stopped is of use again when that goes on.
func TestBoundedGoesOn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cloud")
	must(t, os.Mkdir(dir, 0o755))
	b := newBridge(t, dir)
	opens := 0
	d, err := cloud.Bounded(func() (cloud.Dir, error) { opens++; return cloud.OpenDir(dir) }, time.Second)
	must(t, err)
	f, err := d.Create("f", 0o644)
	must(t, err)
	b.stop()
	inTime(t, answer, "a write to the stopped cloud", func() error {
		if _, err := f.WriteAt([]byte("late"), 0); !errors.Is(err, cloud.ErrNoAnswer) {
			return fmt.Errorf("it gives %w", err)
		}
		return nil
	})
	if _, err := d.Stat("f"); !errors.Is(err, cloud.ErrNoAnswer) {
		t.Errorf("while it is stopped: %v", err)
	}
	b.resume()
	inTime(t, answer, "its return", func() error {
		for {
			info, err := d.Stat("f")
			if err == nil && info.Size == 4 { // what hung was done
				return nil
			}
			if err == nil || !errors.Is(err, cloud.ErrNoAnswer) {
				return fmt.Errorf("size %d, %w", info.Size, err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	if opens != 2 {
		t.Errorf("it was opened %d times", opens)
	}
	if _, err := f.Stat(); !errors.Is(err, cloud.ErrNoAnswer) {
		t.Errorf("the file of before: %v", err)
	}
	must(t, d.Close())
}

func writeAll(path, content string) error { return os.WriteFile(path, []byte(content), 0o644) }

func readsAs(path, want string) error {
	got, err := os.ReadFile(path)
	if err == nil && string(got) != want {
		return fmt.Errorf("it is %q", got)
	}
	return err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
