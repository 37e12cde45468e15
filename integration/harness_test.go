// Package integration runs the program as a user has it: real mounts over real directories, real programs in them, kills
// and lost clouds.
//
// A mount under test is a process of its own and has a deadline, after which it shows its stacks and ends; so has every
// program that is run in it. A mount that outlives its test fails the run. A test that leaves work to another process
// runs this test program again in a role (see roles).
package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

const (
	roleEnv = "OVERCAST_INTEGRATION_ROLE"

	// lifetime is how long a mount under test may be mounted, and patience how long a program may run.
	lifetime = 5 * time.Minute
	patience = 4 * time.Minute

	// answer is how long the program has for what should take an instant.
	answer = 30 * time.Second
)

// roles are what this program can be besides a test. The argument is JSON.
func roles() map[string]func(argument string) error {
	return map[string]func(string) error{
		"reaper": reap, "killWriter": writeUntilKilled, "exerciser": exercise,
		"bridge": serveBridge,
	}
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := roles()[role](os.Args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runAll runs the tests in a temporary directory of their own, which a reaper watches.
func runAll(m *testing.M) (code int, err error) {
	base, err := os.MkdirTemp("", "overcast-integration-")
	if err != nil {
		return 1, err
	}
	// Other users' mounts are tested, too.
	if err := errors.Join(os.Chmod(base, 0o755), os.Setenv("TMPDIR", base)); err != nil {
		return 1, err
	}
	reaper := roleCommand("reaper", base)
	alive, err := reaper.StdinPipe()
	if err != nil {
		return 1, err
	}
	if err := reaper.Start(); err != nil {
		return 1, err
	}
	code = m.Run()
	leaked := mountsUnder(base)
	err = errors.Join(alive.Close(), reaper.Wait())
	if len(leaked) > 0 {
		return 1, errors.Join(err, fmt.Errorf("tests leaked mounts: %v", leaked))
	}
	return code, errors.Join(err, os.RemoveAll(base))
}

// reap ends what the tests have left behind when they are gone, which a deadline of go test may cause at any moment.
func reap(base string) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, path := range commands {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		line, _ := os.ReadFile(path) // it may have ended
		if err == nil && pid != os.Getpid() && bytes.Contains(line, []byte(base)) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	for _, at := range mountsUnder(base) {
		_ = unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	return nil
}

// mountsUnder lists the mountpoints under a directory, the last mounted first.
func mountsUnder(base string) []string {
	table, err := mountinfo.GetMounts(mountinfo.PrefixFilter(base))
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, m := range slices.Backward(table) {
		found = append(found, m.Mountpoint)
	}
	return found
}

// roleCommand is this program in a role.
func roleCommand(role, argument string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", argument)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// roleArgument is a role's configuration on its way to the other process.
func roleArgument(t testing.TB, config any) string {
	t.Helper()
	text, err := json.Marshal(config)
	must(t, err)
	return string(text)
}

// program builds the program under test, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.TempDir(), "overcast")
	said, err := exec.Command("go", "build", "-o", path, "github.com/overcast-fs/overcast/cmd/overcast").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, said)
	}
	return path, nil
})

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A command is a way to run programs: where, how and how long. The zero value runs them here.
type command struct {
	dir   string
	env   []string // beside this process's own
	stdin string
	limit time.Duration // patience if zero
	as    *syscall.Credential
}

// result is what a program left.
type result struct {
	stdout, stderr string
	code           int // -1 when a signal ended it
}

// run runs a program that must succeed, and returns its standard output.
func (c command) run(t testing.TB, args ...string) string {
	t.Helper()
	r := c.try(t, args...)
	if r.code != 0 {
		t.Fatalf("%.200q: exit code %d\n%s%s", args, r.code, last(r.stdout), last(r.stderr))
	}
	return r.stdout
}

// try runs a program to its end. Past the deadline it is killed with all its children, and the test has failed.
func (c command) try(t testing.TB, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.stdin), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.as}
	cmd.WaitDelay = answer
	must(t, cmd.Start())
	limit := c.limit
	if limit == 0 {
		limit = patience
	}
	late := time.AfterFunc(limit, func() {
		t.Errorf("%.200q runs for more than %v", args, limit)
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	})
	defer late.Stop()
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("%.200q: %v", args, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// last is the end of something long.
func last(text string) string {
	const enough = 4 << 10
	if len(text) > enough {
		return "…" + text[len(text)-enough:]
	}
	return text
}

// need demands a program that the tests cannot do without.
func need(t testing.TB, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing: apt-get install %s, or: make test, which gets it", program, debianPackage)
	}
}

// wait waits for a role's process that should end within an instant. One that does not shows its stacks.
func wait(cmd *exec.Cmd) error {
	late := time.AfterFunc(answer, func() { _ = cmd.Process.Signal(unix.SIGQUIT) })
	defer late.Stop()
	later := time.AfterFunc(2*answer, func() { _ = cmd.Process.Kill() })
	defer later.Stop()
	return cmd.Wait()
}
