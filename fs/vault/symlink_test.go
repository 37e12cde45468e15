package vault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What somebody puts in the place of a file of the state is never followed: root
// may open a user's vault.
func TestStateFollowsNoSymlink(t *testing.T) {
	for name, open := range map[string]func(v *Vault) error{
		lockName: func(v *Vault) error {
			lock, err := v.Lock()
			if err == nil {
				err = errors.Join(errors.New("locked"), lock.Release())
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := stateVault(t, osDisk{})
			check(t, os.MkdirAll(v.statePath(""), 0o700))
			check(t, ignore(os.Remove(v.statePath(name))))
			target := filepath.Join(t.TempDir(), "target")
			for _, content := range []string{"precious", ""} {
				check(t, os.WriteFile(target, []byte(content), 0o600))
				check(t, ignore(os.Remove(v.statePath(name))))
				check(t, os.Symlink(target, v.statePath(name)))
				if err := open(v); !errors.Is(err, syscall.ELOOP) {
					t.Errorf("a symlink in its place: %v", err)
				}
				if got, err := os.ReadFile(target); err != nil || string(got) != content {
					t.Errorf("where the symlink leads is now %.40q, %v", got, err)
				}
			}
		})
	}
}

func ignore(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// A FIFO as lock file is not waited for.
func TestLockIsNoFIFO(t *testing.T) {
	v := stateVault(t, osDisk{})
	check(t, os.MkdirAll(v.statePath(""), 0o700))
	check(t, ignore(os.Remove(v.statePath(lockName))))
	check(t, syscall.Mkfifo(v.statePath(lockName), 0o600))
	done := make(chan error, 2)
	go func() {
		_, _, err := v.Mounted()
		done <- err
		_, err = v.Lock()
		done <- err
	}()
	for range 2 {
		select {
		case err := <-done:
			wantError(t, err, ErrDamaged, "not a regular file")
		case <-time.After(10 * time.Second):
			t.Fatal("waits for the FIFO")
		}
	}
}

// A state directory that is another user's symlink is not followed; one's own is.
func TestStateOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can make what another user owns
	}
	for _, name := range []string{"", redoName} {
		v := stateVault(t, osDisk{})
		elsewhere := t.TempDir()
		link := strings.TrimSuffix(v.statePath(name), "/")
		check(t, os.MkdirAll(filepath.Dir(link), 0o700))
		check(t, os.RemoveAll(link))
		check(t, os.Symlink(elsewhere, link))
		s, err := v.OpenState(testKeys(v))
		check(t, err)
		check(t, s.Close())
		check(t, os.Lchown(link, 12345, 12345))
		_, err = v.OpenState(testKeys(v))
		wantError(t, err, ErrUnusable, "symbolic link of another user")
	}
}
