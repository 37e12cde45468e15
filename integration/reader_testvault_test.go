package integration

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
)

// vaultPassphrase opens every vault of these tests.
const vaultPassphrase = "correct horse battery staple"

// A testVault is a vault over two clouds that the delivered program made, in a directory of the test.
type testVault struct {
	t       *testing.T
	program string
	dir     string // holds everything that follows
	clouds  []string
}

// newTestVault makes a vault with a program that buildOvercast built. flags go to init.
func newTestVault(t *testing.T, program string, flags ...string) *testVault {
	t.Helper()
	v := &testVault{t: t, program: program, dir: t.TempDir()}
	args := []string{"init", v.path("vault"), "--scrypt-work-factor", "4"}
	for _, name := range []string{"alpha", "beta"} {
		v.clouds = append(v.clouds, v.path(name))
		args = append(args, "--cloud", name+"="+v.path(name))
		if err := os.Mkdir(v.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeIn(t, v.dir, "passphrase", []byte(vaultPassphrase+"\n"))
	v.run(append(args, flags...)...)
	return v
}

func (v *testVault) path(name string) string { return filepath.Join(v.dir, name) }

// run runs overcast with the passphrase and demands success. It returns standard output.
func (v *testVault) run(args ...string) string {
	v.t.Helper()
	return string(runIn(v.t, v.dir, v.program, append(args, "--passfile", v.path("passphrase"))...))
}

// mount mounts the vault until unmount is called, or the test ends.
func (v *testVault) mount() (mountpoint string, unmount func()) {
	v.t.Helper()
	mountpoint = v.path("mnt")
	if err := os.MkdirAll(mountpoint, 0o700); err != nil {
		v.t.Fatal(err)
	}
	v.run("mount", v.path("vault"), mountpoint)
	mounted := true
	unmount = func() {
		v.t.Helper()
		if mounted {
			mounted = false
			runIn(v.t, v.dir, v.program, "unmount", mountpoint)
		}
	}
	v.t.Cleanup(unmount)
	return mountpoint, unmount
}

// keys opens keys.age with the age library, as age -d does.
func (v *testVault) keys() []byte {
	v.t.Helper()
	keys, err := openKeys(v.path("vault/keys.age"), vaultPassphrase)
	if err != nil {
		v.t.Fatal(err)
	}
	return keys
}

func openKeys(path, passphrase string) ([]byte, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := age.Decrypt(f, identity)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (v *testVault) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}
