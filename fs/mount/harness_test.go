package mount

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// A mount under test lives in a process of its own: this test program again,
// told by the environment what to serve. It unmounts when its standard input
// ends, so it cannot outlive the test, and it has a deadline besides.
const helperEnv = "OVERCAST_MOUNT_TEST"

const (
	helperDeadline = 3 * time.Minute
	answerDeadline = 30 * time.Second
	mountedLine    = "mounted"
)

// helperConfig is what the process is told.
type helperConfig struct {
	Vault      string // made by makeVault
	Mountpoint string
	AllowOther bool
	ReadOnly   bool
	Idle       time.Duration
	Busy       time.Duration // for so long the vault is used in another way
	Extra      []string
	Nodes      int  // if not 0, the limit instead of maxNodes
	OldKernel  bool // forget nodes in the way of old kernels
}

// helperReport is the process's last line.
type helperReport struct {
	Error      string
	Goroutines string   // the stacks of those that should not be there
	Open       []string // what descriptors that should not be there are open on
	Nodes      int      // that the kernel knew at the end
}

func TestMain(m *testing.M) {
	if config := os.Getenv(helperEnv); config != "" {
		help(config)
		os.Exit(0)
	}
	base, err := os.MkdirTemp("", "overcast-mount-")
	if err != nil {
		panic(err)
	}
	os.Chmod(base, 0o755) // other users are to reach the mounts in it
	os.Setenv("TMPDIR", base)
	code := m.Run()
	if left, err := mountinfo.GetMounts(mountinfo.PrefixFilter(base)); err != nil || len(left) > 0 {
		fmt.Fprintf(os.Stderr, "tests leaked mounts (%v): %v\n", err, left)
		code = 1
	} else {
		os.RemoveAll(base)
	}
	os.Exit(code)
}

func help(config string) {
	time.AfterFunc(helperDeadline, func() {
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "deadline\n%s", buf[:runtime.Stack(buf, true)])
		os.Exit(70)
	})
	var c helperConfig
	report := helperReport{}
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		report.Error = err.Error()
	} else if err := serveVault(c, &report); err != nil {
		report.Error = err.Error()
	}
	line, _ := json.Marshal(report)
	fmt.Println(string(line))
}

// serveVault mounts and serves until standard input ends or somebody else
// unmounts.
func serveVault(c helperConfig, report *helperReport) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	before := descriptors()
	m, done, err := openVault(c.Vault, c.ReadOnly, logger)
	if err != nil {
		return err
	}
	beside := strings.Count(stacks(), "\n\n")
	began := time.Now()
	s, err := Mount(m, Options{
		Mountpoint: c.Mountpoint, FsName: c.Vault, AllowOther: c.AllowOther, ReadOnly: c.ReadOnly,
		Idle: c.Idle, Busy: func() bool { return time.Since(began) < c.Busy }, Extra: c.Extra, Logger: logger,
	})
	if err != nil {
		return errors.Join(err, done())
	}
	s.fs.nodes.mu.Lock()
	if c.Nodes != 0 {
		s.fs.nodes.limit = c.Nodes
	}
	if c.OldKernel {
		s.fs.evict = s.fs.evictEntries
	}
	s.fs.nodes.mu.Unlock()
	fmt.Println(mountedLine)
	unmounted := make(chan error, 1)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		for range 1000 {
			if report.Nodes = s.fs.nodes.count(); c.Nodes == 0 || report.Nodes <= c.Nodes {
				break
			}
			time.Sleep(time.Millisecond)
		}
		unmounted <- s.Unmount()
	}()
	if err := s.Wait(); err != nil {
		return err
	}
	select {
	case err = <-unmounted:
	case <-time.After(time.Second): // unmounted by somebody else
	}
	report.Goroutines = leftOver(beside)
	if closed := done(); err == nil {
		err = closed
	}
	for fd, name := range descriptors() {
		if before[fd] == "" {
			report.Open = append(report.Open, name)
		}
	}
	return err
}

func (t *nodes) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID)
}

// leftOver returns the goroutines that outlived the mount, of which there may be
// as many as before and the one that reads standard input.
func leftOver(before int) string {
	var all string
	for range 100 {
		all = stacks()
		if strings.Count(all, "\n\n") <= before+1 {
			return ""
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	return all
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

func descriptors() map[string]string {
	open := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		// The runtime opens its own, once, when it first needs them.
		if err == nil && !strings.HasPrefix(target, "anon_inode:[event") && !strings.HasSuffix(target, "/fd") {
			open[e.Name()] = target
		}
	}
	return open
}

// mounted is a mount under test.
type mounted struct {
	t      *testing.T
	config helperConfig
	dir    string // the mountpoint
	cmd    *exec.Cmd
	stdin  io.Closer
	lines  chan string
	stderr *bytes.Buffer
	ended  chan error
}

// start mounts a vault, a new one unless the config names one.
func start(t *testing.T, c helperConfig) *mounted {
	t.Helper()
	if c.Vault == "" {
		c.Vault = makeVault(t)
	}
	if c.Mountpoint == "" {
		c.Mountpoint = t.TempDir()
	}
	check(t, os.Chmod(filepath.Dir(c.Mountpoint), 0o755))
	m := launch(t, c, nil)
	if line := m.line(); line != mountedLine {
		t.Fatalf("not mounted: %s", line)
	}
	return m
}

// launch starts the process, as another user where one is given.
func launch(t *testing.T, c helperConfig, as *syscall.Credential) *mounted {
	t.Helper()
	config, err := json.Marshal(c)
	check(t, err)
	m := &mounted{t: t, config: c, dir: c.Mountpoint, stderr: new(bytes.Buffer), lines: make(chan string, 16), ended: make(chan error, 1)}
	m.cmd = exec.Command("/proc/self/exe")
	m.cmd.Env = append(os.Environ(), helperEnv+"="+string(config))
	m.cmd.Stderr = m.stderr
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	m.stdin, err = m.cmd.StdinPipe()
	check(t, err)
	stdout, err := m.cmd.StdoutPipe()
	check(t, err)
	check(t, m.cmd.Start())
	go func() {
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			m.lines <- scan.Text()
		}
		close(m.lines)
		m.ended <- m.cmd.Wait()
	}()
	t.Cleanup(m.end)
	return m
}

// line is the next line that the process prints.
func (m *mounted) line() string {
	m.t.Helper()
	select {
	case line := <-m.lines:
		return line
	case <-time.After(answerDeadline):
		m.t.Fatalf("the mount's process does not answer; it said:\n%s", m.stderr)
		return ""
	}
}

// stop ends the process and checks that it left nothing behind.
func (m *mounted) stop() helperReport {
	m.t.Helper()
	m.stdin.Close()
	return m.leave()
}

// leave waits for the process, which somebody else has caused to end.
func (m *mounted) leave() helperReport {
	m.t.Helper()
	var report helperReport
	line := m.line()
	if err := json.Unmarshal([]byte(line), &report); err != nil {
		m.t.Fatalf("report %q: %v", line, err)
	}
	if report.Error != "" || report.Goroutines != "" || report.Open != nil {
		m.t.Errorf("the mount's process ended with error %q, open files %v, goroutines:\n%s", report.Error, report.Open, report.Goroutines)
	}
	if err := <-m.ended; err != nil {
		m.t.Errorf("the mount's process: %v", err)
	}
	m.ended <- nil
	return report
}

// end is the last resort.
func (m *mounted) end() {
	m.stdin.Close()
	select {
	case <-m.ended:
	case <-time.After(answerDeadline):
		m.t.Errorf("the mount's process hangs")
	}
	if unix.Unmount(m.dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil || exec.Command("fusermount3", "-u", "-z", m.dir).Run() == nil {
		m.t.Errorf("%s was still mounted", m.dir)
	}
	m.cmd.Process.Kill()
	if m.t.Failed() {
		m.t.Logf("the mount's process said:\n%s", m.stderr)
	}
}

// eventually polls until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(answerDeadline); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: never", what)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want checks an errno.
func want(t *testing.T, err error, no syscall.Errno, what string, args ...any) {
	t.Helper()
	if no == 0 && err == nil {
		return
	}
	if got, ok := err.(syscall.Errno); !ok || got != no {
		t.Errorf("%s: got %v, want %v", fmt.Sprintf(what, args...), err, no)
	}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	check(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	check(t, err)
	return string(data)
}

func lstat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	check(t, unix.Lstat(path, &st))
	return st
}

func open(t *testing.T, path string, flags int, perm uint32) int {
	t.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, perm)
	if err != nil {
		t.Fatalf("open %s: %v", filepath.Base(path), err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// as runs a function with the rights of another user, on a thread that ends
// with it.
func as(t *testing.T, uid, gid int, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		_, _, e1 := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		_, _, e2 := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
		_, _, e3 := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		if e1|e2|e3 != 0 {
			t.Errorf("become user %d: %v %v %v", uid, e1, e2, e3)
			return
		}
		run()
	}()
	<-done
}
