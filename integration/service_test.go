package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A manager is a service manager, as far as a service can tell.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// newManager listens at a path, or at an abstract name that begins with @, which the environment tells to mounts.
func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return &manager{t, conn}
}

// demand waits for the next message, and looks for lines in it.
func (m *manager) demand(lines ...string) {
	m.t.Helper()
	must(m.t, m.conn.SetReadDeadline(time.Now().Add(answer)))
	text := make([]byte, 4<<10)
	n, err := m.conn.Read(text)
	must(m.t, err)
	for _, line := range lines {
		if !strings.Contains("\n"+string(text[:n])+"\n", "\n"+line) {
			m.t.Errorf("the service manager is told %q, want %q", text[:n], line)
		}
	}
}

// demandSilence looks for a message that is there already.
func (m *manager) demandSilence() {
	m.t.Helper()
	must(m.t, m.conn.SetReadDeadline(time.Now().Add(time.Millisecond)))
	text := make([]byte, 4<<10)
	if n, err := m.conn.Read(text); err == nil {
		m.t.Errorf("the service manager is told %q", text[:n])
	}
}

// TestServiceManager: a mount in the foreground tells who started it when it can be used, when it is about to end, and why it
// failed; SIGTERM ends it with everything committed.
func TestServiceManager(t *testing.T) {
	v := newVault(t, 2)
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@overcast-" + filepath.Base(v.dir) + v.t.Name()} {
		manager := newManager(t, name)
		m, _ := v.start()
		manager.demand("READY=1\n", "STATUS=mounted on "+v.root+"\n")
		must(t, os.WriteFile(m.at("file"), []byte(name), 0o600)) // it can be used
		must(t, m.process.Signal(unix.SIGTERM))
		manager.demand("STOPPING=1\n")
		m.await()
		if !m.state.Success() {
			t.Errorf("the process ended with %v", m.state)
		}
		if got := v.overcast("cat", v.dir, "file", "--passfile", v.pass); got != name {
			t.Errorf("%q was read, want %q", got, name)
		}
		m = v.mount()
		manager.demand("READY=1\n")
		m.unmount()
		manager.demand("STOPPING=1\n")

		m = v.mount("--idle", "200ms")
		manager.demand("READY=1\n")
		manager.demand("STOPPING=1\n")
		m.await()
		if !m.state.Success() {
			t.Errorf("an idle mount ended with %v", m.state)
		}

		v.refused(12, "mount", "--foreground", "--passcommand", "echo wrong", v.dir, v.root)
		manager.demand("STATUS=failed: " + v.dir + "/keys.age: wrong passphrase\n")
		manager.demandSilence()
		v.overcast("mount", "--passfile", v.pass, v.dir, v.root) // in the background nobody waits for word
		v.overcast("unmount", v.root)
		manager.demandSilence()
	}
}

// unit is what happens to a user's unit under the user's own service manager.
const unit = `
set -eu
awk '/ - fuse/ { print $5 }' /proc/self/mountinfo | xargs -r umount -l # other tests' mounts can end meanwhile
mount -t tmpfs -o mode=0755 tmpfs /mnt
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/systemd/system /run/user/0 /mnt/home/.config/overcast
export XDG_RUNTIME_DIR=/run/user/0 HOME=/mnt/home
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CONFIG_DIRS NOTIFY_SOCKET
cd "$SOURCE"
make -s install PREFIX="$HOME/.local" SBIN=
cd
PATH=$HOME/.local/bin:$PATH
systemd --user --log-target=console 2>/mnt/log &
for i in $(seq 300); do systemctl --user is-system-running 2>&1 | grep -q 'running\|degraded' && break; sleep 0.1; done
(umask 077 && echo 'a secret' >pw)
overcast init v --cloud alpha=a --cloud beta=b --passfile pw --scrypt-work-factor 10
mkdir Private
cat >.config/overcast/private.conf <<END
VAULT=$HOME/v
MOUNTPOINT=$HOME/Private
OPTIONS=--passcommand 'cat $HOME/pw' --idle=1h
END
show() { systemctl --user show -p ActiveState -p Result -p ExecMainStatus -p NRestarts -p StatusText overcast@private; }

systemctl --user enable overcast@private
test -L .config/systemd/user/default.target.wants/overcast@private.service
systemctl --user start overcast@private
show
echo hello >Private/file
systemctl --user stop overcast@private
show
overcast cat v file --passfile pw

echo 'not it' >pw
! systemctl --user start overcast@private
show
systemctl --user exit
`

// TestSystemdUnit starts and stops the unit that make install installs, in namespaces of its own, where systemd is.
func TestSystemdUnit(t *testing.T) {
	if _, err := exec.LookPath("systemctl"); err != nil || os.Geteuid() != 0 {
		t.Log("without systemd and root nothing can run the unit")
		return
	}
	out := command{env: []string{"SOURCE=" + installable(t)}}.run(t, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "sh", "-c", unit)
	rest := out
	for _, want := range []string{
		"StatusText=mounted on /mnt/home/Private\n", "ActiveState=active\n",
		"Result=success\n", "ExecMainStatus=0\n", "ActiveState=inactive\n",
		"hello\n",
		"StatusText=failed: /mnt/home/v/keys.age: wrong passphrase\n", "NRestarts=0\n", "ExecMainStatus=12\n", "ActiveState=failed\n",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("the service manager does not say %q in its place:\n%s", want, last(out))
		}
		rest = after
	}
}
