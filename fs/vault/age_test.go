package vault

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
)

// Stock age opens keys.age, and what comes out is what the format says.
func TestStockAgeOpensKeys(t *testing.T) {
	program, err := exec.LookPath("age")
	if err != nil {
		t.Fatal("age is not installed: apt-get install age")
	}
	v := testVault(t)
	plain, err := runOnTerminal(t, string(testPassphrase), program, "-d", filepath.Join(v.Dir, keysName))
	if err != nil {
		t.Fatalf("%v: %s", err, plain)
	}
	fromAge, err := keyfile.Parse(plain)
	check(t, err)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	if mine, err := k.Encode(); err != nil || !bytes.Equal(plain, mine) || !fromAge.StateKey.Equal(&k.StateKey) {
		t.Errorf("age and Unlock disagree: %v", err)
	}
	if out, err := runOnTerminal(t, "wrong", program, "-d", filepath.Join(v.Dir, keysName)); err == nil {
		t.Errorf("age opened it with a wrong passphrase: %s", out)
	}
}

// runOnTerminal runs a program that asks its controlling terminal for one line,
// and returns its standard output.
func runOnTerminal(t *testing.T, line, program string, args ...string) ([]byte, error) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	defer master.Close()
	check(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	check(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	defer slave.Close()

	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin, cmd.Stderr, cmd.Stdout = slave, slave, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	_, err = master.WriteString(line + "\n") // the terminal keeps it until it is read
	check(t, err)
	err = cmd.Run()
	return out.Bytes(), err
}
