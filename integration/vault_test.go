package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// A vault is one under test, with its clouds and the place where it is mounted.
type vault struct {
	t      testing.TB
	dir    string
	pass   string   // the file with the passphrase
	root   string   // the mountpoint
	clouds []string // the directories
	logs   string   // what its mounts have said
	as     *syscall.Credential

	program string // that works on it

	// troubled is set by a test that causes errors, which the log may hold then.
	troubled bool
}

// newVault makes a vault whose clouds are called a, b, c and so on.
func newVault(t testing.TB, clouds int, flags ...string) *vault {
	t.Helper()
	return newVaultAs(t, nil, clouds, flags...)
}

func newVaultAs(t testing.TB, as *syscall.Credential, clouds int, flags ...string) *vault {
	t.Helper()
	path, err := program()
	must(t, err)
	return newVaultOf(t, path, as, clouds, flags...)
}

// newVaultOf makes one with another build of the program, which then works on it, too.
func newVaultOf(t testing.TB, program string, as *syscall.Credential, clouds int, flags ...string) *vault {
	t.Helper()
	base := t.TempDir()
	if as != nil {
		must(t, os.Chmod(filepath.Dir(base), 0o755))
		must(t, os.Chown(base, int(as.Uid), int(as.Gid)))
	}
	v := &vault{t: t, program: program, as: as, dir: base + "/vault", pass: base + "/passphrase", root: base + "/mnt", logs: base + "/log"}
	must(t, os.WriteFile(v.pass, []byte("a passphrase of the tests\n"), 0o600))
	must(t, os.Mkdir(v.root, 0o755))
	args := []string{"init", v.dir, "--passfile", v.pass, "--scrypt-work-factor", "10"}
	for i := range clouds {
		v.clouds = append(v.clouds, base+"/cloud-"+cloudName(i))
		args = append(args, "--cloud", cloudName(i)+"="+v.clouds[i])
	}
	if as != nil {
		must(t, os.Chown(v.root, int(as.Uid), int(as.Gid)))
		must(t, os.Chown(v.pass, int(as.Uid), int(as.Gid)))
	}
	v.overcast(append(args, flags...)...)
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile(v.logs)
			log, stacks, _ := strings.Cut(string(said), "\nSIGQUIT: ")
			t.Logf("the mounts of %s said:\n%s", v.dir, last(log))
			if stacks != "" {
				t.Logf("and when one was aborted:\n%s", stacks)
			}
		}
	})
	return v
}

func cloudName(i int) string { return string(rune('a' + i)) }

// overcast runs the program, which must succeed.
func (v *vault) overcast(args ...string) string {
	v.t.Helper()
	return command{as: v.as}.run(v.t, append([]string{v.program}, args...)...)
}

// refused runs the program, which must fail.
func (v *vault) refused(code int, args ...string) (stderr string) {
	v.t.Helper()
	r := command{as: v.as}.try(v.t, append([]string{v.program}, args...)...)
	if r.code != code {
		v.t.Errorf("overcast %q: exit code %d, want %d\n%s", args, r.code, code, r.stderr)
	}
	return r.stderr
}

// at is a path in the mount.
func (v *vault) at(path ...string) string { return filepath.Join(append([]string{v.root}, path...)...) }

// status is what overcast status tells of a vault.
type status struct {
	OK      bool
	Mounted bool
	Answers bool
	PID     int
	Lead    string
	Clouds  []struct {
		Name, State, Reason string
		Owes                bool
	}
}

func (v *vault) status() status {
	v.t.Helper()
	var s status
	must(v.t, json.Unmarshal([]byte(v.overcast("status", v.dir, "--json")), &s))
	return s
}

// demandStates checks what status tells of each cloud, such as "ok", "owes".
func (v *vault) demandStates(want ...string) {
	v.t.Helper()
	var got []string
	for _, c := range v.status().Clouds {
		got = append(got, c.State)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		v.t.Errorf("the clouds are %v, want %v", got, want)
	}
}

// A mounted vault. Its process is a child of this one.
type mounted struct {
	*vault
	process  *os.Process
	ended    chan struct{} // closed when the process has ended
	state    *os.ProcessState
	deadline *time.Timer
}

// mount mounts the vault and returns when it can be used.
func (v *vault) mount(flags ...string) *mounted {
	v.t.Helper()
	m, ready := v.start(flags...)
	select {
	case <-ready:
	case <-m.ended:
		v.t.Fatalf("mount %q: %v", flags, m.state)
	case <-time.After(answer):
		m.abort()
		v.t.Fatalf("mount %q: not mounted after %v", flags, answer)
	}
	return m
}

// start starts to mount. ready is closed when the program says that the mount can be used.
func (v *vault) start(flags ...string) (m *mounted, ready <-chan struct{}) {
	v.t.Helper()
	logs, err := os.OpenFile(v.logs, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(v.t, err)
	defer logs.Close()
	args := append([]string{"mount", "--foreground", "--passfile", v.pass}, flags...)
	cmd := exec.Command(v.program, append(args, v.dir, v.root)...)
	cmd.Stderr = logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: v.as}
	stdout, err := cmd.StdoutPipe()
	must(v.t, err)
	must(v.t, cmd.Start())
	m = &mounted{vault: v, process: cmd.Process, ended: make(chan struct{})}
	said := make(chan struct{})
	go func() {
		lines := bufio.NewReader(stdout)
		if _, err := lines.ReadString('\n'); err == nil {
			close(said)
		}
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait() // its state tells all
		m.state = cmd.ProcessState
		close(m.ended)
	}()
	m.deadline = time.AfterFunc(lifetime, func() {
		v.t.Errorf("a mount has been there for more than %v", lifetime)
		m.abort()
	})
	v.t.Cleanup(m.cleanUp)
	return m, said
}

// unmount unmounts as a user does, and demands that everything ends well.
func (m *mounted) unmount() {
	m.t.Helper()
	m.overcast("unmount", m.root)
	m.await()
	if !m.state.Success() {
		m.t.Errorf("the mount's process ended with %v", m.state)
	}
	said, err := os.ReadFile(m.logs)
	must(m.t, err)
	if !m.troubled && strings.Contains(string(said), "level=ERROR") {
		m.t.Errorf("the mount's log tells of errors:\n%s", last(string(said)))
	}
}

// kill kills the process and takes its dead mount away.
func (m *mounted) kill() {
	m.t.Helper()
	must(m.t, m.process.Kill())
	m.await()
	m.detach()
}

// await waits for the end of the process.
func (m *mounted) await() {
	m.t.Helper()
	select {
	case <-m.ended:
	case <-time.After(answer):
		m.abort()
		m.t.Fatal("the mount's process does not end")
	}
	m.deadline.Stop()
}

func (m *mounted) detach() {
	_ = unix.Unmount(m.root, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) // it may be gone
}

// cleanUp is for a test that has failed on its way.
func (m *mounted) cleanUp() {
	m.deadline.Stop()
	select {
	case <-m.ended:
	default:
		m.t.Errorf("the test left %s mounted", m.root)
		m.abort()
	}
}

// abort ends a mount that hangs, and all that hangs in it. The process shows its stacks in the log.
func (m *mounted) abort() {
	connections := m.connections()
	_ = m.process.Signal(unix.SIGQUIT)
	select {
	case <-m.ended:
	case <-time.After(answer):
		_ = m.process.Kill()
		for _, path := range connections {
			_ = os.WriteFile(path, []byte("1"), 0)
		}
	}
	m.detach()
}

// connections are the files in fusectl that cut this mount off. They need its device number, which the table of mounts
// tells without asking the mount.
func (m *mounted) connections() []string {
	table, _ := mountinfo.GetMounts(mountinfo.SingleEntryFilter(m.root))
	var found []string
	for _, at := range table {
		found = append(found, fmt.Sprintf("/sys/fs/fuse/connections/%d/abort", at.Minor))
	}
	return found
}

// alone mounts what one cloud holds and nothing else: the directories of all others are away.
func (v *vault) alone(i int, look func(root string)) {
	v.t.Helper()
	var back []func()
	for j, dir := range v.clouds {
		if j != i {
			must(v.t, os.Rename(dir, dir+".away"))
			back = append(back, func() { must(v.t, os.Rename(dir+".away", dir)) })
		}
	}
	m := v.mount("--read-only")
	look(v.root)
	m.unmount()
	for _, undo := range back {
		undo()
	}
}

// elsewhere is the same vault as a machine has it that was never used: without any state.
func (v *vault) elsewhere() *vault {
	v.t.Helper()
	other := *v
	other.dir = v.t.TempDir()
	for _, name := range []string{"vault.toml", "keys.age"} {
		content, err := os.ReadFile(filepath.Join(v.dir, name))
		must(v.t, err)
		must(v.t, os.WriteFile(filepath.Join(other.dir, name), content, 0o600))
	}
	return &other
}

// eachAlone looks at what each cloud holds, with this machine's state and without any.
func (v *vault) eachAlone(look func(root string)) {
	v.t.Helper()
	for i := range v.clouds {
		v.alone(i, look)
		v.elsewhere().alone(i, look)
	}
}
