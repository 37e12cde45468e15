//go:build long

package integration

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// bare enters a new Debian tree as a container would, and does there what the README says to a reader who has Go, make and git.
const bare = `
set -eu
cd "$TREE"
mkdir -p usr/local/go home/go/pkg/mod
mount --bind -o ro "$GOROOT" usr/local/go
mount --bind -o ro "$GOMODCACHE" home/go/pkg/mod
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty fuse loop-control $(cd /dev && ls -d loop[0-9]*); do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
exec chroot . env -i HOME=/home TERM=dumb PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -euc 'cd ~/overcast && make demo && make demo-clean && make test'
`

// TestBareMachine follows the README in a minimal Debian with Go, make and git: its two commands get all else by themselves.
// It needs the network, as no other test does, and root.
func TestBareMachine(t *testing.T) {
	need(t, "debootstrap", "debootstrap")
	tree := filepath.Join(t.TempDir(), "tree")
	install := command{limit: 30 * time.Minute}
	install.run(t, "debootstrap", "--variant=minbase", "--include=make,git,ca-certificates", "stable", tree)
	source, err := filepath.Abs("..")
	must(t, err)
	command{}.run(t, "git", "-c", "safe.directory=*", "clone", "-q", source, filepath.Join(tree, "home/overcast"))
	if text, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		must(t, os.WriteFile(filepath.Join(tree, "etc/resolv.conf"), text, 0o644))
	}
	readme := command{
		env: []string{
			"TREE=" + tree, "GOROOT=" + runtime.GOROOT(),
			"GOMODCACHE=" + strings.TrimSpace(command{}.run(t, "go", "env", "GOMODCACHE")),
		},
		limit: 90 * time.Minute,
	}
	out := readme.run(t, "unshare", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c", bare)
	if !strings.Contains(out, "ok  \tgithub.com/overcast-fs/overcast/integration") {
		t.Errorf("the tests did not run to their end:\n%s", last(out))
	}
}
