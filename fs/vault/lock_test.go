package vault

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/vault/internal/lockfile"
)

// lockHelper, when set, makes the test binary hold the lock of that vault until
// its standard input ends.
const lockHelper = "VAULT_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockHelper); dir != "" {
		holdLock(dir)
	}
	os.Exit(m.Run())
}

func holdLock(dir string) {
	v, err := Load(dir)
	if err == nil {
		_, err = v.Lock()
	}
	fmt.Println("locked:", err)
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

func TestLock(t *testing.T) {
	v := testVault(t)
	if pid, mounted, err := v.Mounted(); pid != 0 || mounted || err != nil {
		t.Errorf("before: process %d, mounted %v, %v", pid, mounted, err)
	}
	lock, err := v.Lock()
	check(t, err)
	_, err = v.Lock()
	wantError(t, err, ErrLocked, fmt.Sprintf("already mounted by process %d", os.Getpid()))
	if pid, mounted, err := v.Mounted(); pid != os.Getpid() || !mounted || err != nil {
		t.Errorf("locked: process %d, mounted %v, %v", pid, mounted, err)
	}
	check(t, lock.Release())
	if pid, mounted, err := v.Mounted(); pid != 0 || mounted || err != nil {
		t.Errorf("released: process %d, mounted %v, %v", pid, mounted, err)
	}
	lock, err = v.Lock()
	check(t, err)
	check(t, lock.Release())
}

func TestMountedNever(t *testing.T) {
	v := testVault(t)
	check(t, os.RemoveAll(v.statePath("")))
	if pid, mounted, err := v.Mounted(); pid != 0 || mounted || err != nil {
		t.Errorf("process %d, mounted %v, %v", pid, mounted, err)
	}
	lock, err := v.Lock()
	check(t, err)
	check(t, lock.Release())
}

// The kernel releases the lock of a process that is killed.
func TestLockOfKilledProcess(t *testing.T) {
	v := testVault(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lockHelper+"="+v.Dir)
	_, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	if line != "locked: <nil>\n" {
		t.Fatalf("the helper says %q", line)
	}
	_, err = v.Lock()
	wantError(t, err, ErrLocked, fmt.Sprintf("by process %d", cmd.Process.Pid))
	if pid, mounted, err := v.Mounted(); pid != cmd.Process.Pid || !mounted || err != nil {
		t.Errorf("process %d, mounted %v, %v", pid, mounted, err)
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // says that it was killed
	lock, err := v.Lock()
	check(t, err)
	check(t, lock.Release())
}

// A lock whose file is gone guards nothing; the next one is taken on a new file.
func TestLockFileRemoved(t *testing.T) {
	v := testVault(t)
	path := v.statePath(lockName)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer file.Close()
	check(t, os.Remove(path))
	if taken, err := lockfile.Take(file); taken || err != nil {
		t.Errorf("took a lock that nobody else sees: %v, %v", taken, err)
	}
	lock, err := v.Lock()
	check(t, err)
	check(t, lock.Release())
}

// However many ask who has it, the lock can be taken, and by one only.
func TestLockAmongProbers(t *testing.T) {
	v := testVault(t)
	var probers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		probers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if _, _, err := v.Mounted(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 50 {
		lock, err := v.Lock()
		check(t, err)
		if second, err := v.Lock(); !errors.Is(err, ErrLocked) {
			t.Errorf("a second lock: %v, %v", second, err)
		}
		check(t, lock.Release())
	}
	close(done)
	probers.Wait()
}

// Whatever a lock file says, only the kernel knows who has the lock.
func TestHeldBy(t *testing.T) {
	v := testVault(t)
	lock, err := v.Lock()
	check(t, err)
	other := os.Getppid()
	check(t, os.WriteFile(v.statePath(lockName), []byte(fmt.Sprintln(other)), 0o600))
	if pid, _, err := v.Mounted(); pid != other || err != nil {
		t.Errorf("the file tells of process %d, %v", pid, err)
	}
	for pid, want := range map[int]bool{os.Getpid(): true, other: false, 0: false} {
		if got, err := v.HeldBy(pid); got != want || err != nil {
			t.Errorf("held by process %d: %v, %v", pid, got, err)
		}
	}
	check(t, lock.Release())
	if got, err := v.HeldBy(os.Getpid()); got || err != nil {
		t.Errorf("released: %v, %v", got, err)
	}
}

func TestHolds(t *testing.T) {
	const table = `1: FLOCK  ADVISORY  WRITE 100 fe:01:77 0 EOF
1: -> FLOCK  ADVISORY  WRITE 101 fe:01:77 0 EOF
2: POSIX  ADVISORY  WRITE 102 fe:01:77 0 EOF
3: FLOCK  ADVISORY  READ 103 fe:01:77 0 EOF
4: FLOCK  ADVISORY  WRITE 104 fe:01:770 0 EOF
5: FLOCK  ADVISORY  WRITE 105 00:2f:77 0 EOF
`
	disk, volume := unix.Stat_t{Dev: unix.Mkdev(0xfe, 1), Ino: 77}, unix.Stat_t{Dev: unix.Mkdev(0, 0x31), Ino: 77}
	for pid := 99; pid < 107; pid++ {
		if got := lockfile.Holds(table, pid, &disk); got != (pid == 100) {
			t.Errorf("process %d: %v", pid, got)
		}
	}
	if !lockfile.Holds(table, 105, &volume) || lockfile.Holds(table, 104, &volume) {
		t.Error("on a volume of a filesystem of several")
	}
}
