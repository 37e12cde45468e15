package vault

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"filippo.io/age"

	"github.com/overcast-fs/overcast/fs/durable/durabletest"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
)

var newPassphrase = []byte("battery staple")

// onDisk is the vault, changed through another disk.
func onDisk(t testing.TB, dir string, d disk) *Vault {
	t.Helper()
	v, err := load(testSystem(d), dir, configName)
	check(t, err)
	return v
}

func unlocked(t testing.TB, v *Vault) *Keys {
	t.Helper()
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	return k
}

func TestReseal(t *testing.T) {
	v := testVault(t)
	k := unlocked(t, v)
	check(t, v.Reseal(k, ResealOptions{Passphrase: newPassphrase, WorkFactor: 2}))
	v = onDisk(t, v.Dir, osDisk{})
	again, err := v.Unlock(newPassphrase)
	check(t, err)
	if !reflect.DeepEqual(k, again) {
		t.Error("other keys came out")
	}
	_, err = v.Unlock(testPassphrase)
	wantError(t, err, ErrWrongPassphrase, "wrong passphrase")
	data, err := os.ReadFile(filepath.Join(v.Dir, keysName))
	check(t, err)
	if got := keyfile.WorkFactor(data); got != 2 {
		t.Errorf("work factor %d", got)
	}
	if info, err := os.Stat(filepath.Join(v.Dir, keysName)); err != nil || info.Mode() != filePerm {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wantError(t, v.Reseal(k, ResealOptions{}), ErrInvalid, "empty")
}

func TestResealRecipients(t *testing.T) {
	v := testVault(t)
	k := unlocked(t, v)
	id, err := age.GenerateHybridIdentity()
	check(t, err)
	stranger, err := age.GenerateHybridIdentity()
	check(t, err)
	_, err = v.UnlockWith([]age.Identity{id})
	wantError(t, err, ErrNoRecipients, "only its passphrase")

	before := tree(t, v.Dir)
	wantError(t, v.Reseal(k, ResealOptions{Passphrase: testPassphrase, Recipients: []string{"mallory"}}), ErrInvalid, "recipient mallory")
	if after := tree(t, v.Dir); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
	check(t, v.Reseal(k, ResealOptions{Passphrase: testPassphrase, Recipients: []string{id.Recipient().String()}}))
	v = onDisk(t, v.Dir, osDisk{})
	for _, open := range []func() (*Keys, error){
		func() (*Keys, error) { return v.UnlockWith([]age.Identity{stranger, id}) },
		func() (*Keys, error) { return v.Unlock(testPassphrase) },
	} {
		if again, err := open(); err != nil || !reflect.DeepEqual(k, again) {
			t.Errorf("other keys came out: %v", err)
		}
	}
	_, err = v.UnlockWith([]age.Identity{stranger})
	wantError(t, err, ErrWrongIdentity, recipientsName)

	// A new passphrase leaves them, and an empty list ends them.
	check(t, v.Reseal(k, ResealOptions{Passphrase: newPassphrase}))
	v = onDisk(t, v.Dir, osDisk{})
	_, err = v.UnlockWith([]age.Identity{id})
	check(t, err)
	check(t, v.Reseal(k, ResealOptions{Passphrase: newPassphrase, Recipients: []string{}}))
	v = onDisk(t, v.Dir, osDisk{})
	_, err = v.UnlockWith([]age.Identity{id})
	wantError(t, err, ErrNoRecipients, "only its passphrase")
	if _, err := os.Lstat(filepath.Join(v.Dir, recipientsName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", recipientsName, err)
	}
}

// Every step of it fails, or the process dies there, or the power does: exactly
// one of the two passphrases opens the vault, a wrong one is a wrong one, and it
// can be repeated.
func TestResealCrashes(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	check(t, err)
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 11))
		opened := map[string]int{}
		runs := durabletest.EachFailure(t, seed > 0, func(t *testing.T, d *durabletest.Disk) error {
			v := testVault(t)
			o := ResealOptions{Passphrase: newPassphrase, Recipients: []string{id.Recipient().String()}}
			err := onDisk(t, v.Dir, d).Reseal(unlocked(t, v), o)
			if seed > 1 {
				d.PowerCut(t, rng)
			}
			now := onDisk(t, v.Dir, &durabletest.Disk{})
			k, with := oneOf(t, now)
			opened[with]++
			_, wrong := now.Unlock([]byte("neither"))
			wantError(t, wrong, ErrWrongPassphrase, "wrong")
			if with == string(newPassphrase) {
				_, unlocking := now.UnlockWith([]age.Identity{id})
				check(t, unlocking) // both changed, or none
			}
			if err != nil {
				check(t, now.Reseal(k, o))
				now = onDisk(t, v.Dir, osDisk{})
			}
			if _, with := oneOf(t, now); with != string(newPassphrase) {
				t.Errorf("%q opens it in the end", with)
			}
			for _, name := range keysFiles {
				if _, err := os.Lstat(filepath.Join(v.Dir, name+stagedSuffix)); err == nil {
					t.Errorf("%s is left", name+stagedSuffix)
				}
			}
			return err
		})
		if runs < 15 || opened[string(testPassphrase)] < 5 || opened[string(newPassphrase)] < 3 {
			t.Errorf("%d steps failed; afterwards there were %v", runs, opened)
		}
	}
}

// oneOf opens a vault with whichever of two passphrases does.
func oneOf(t *testing.T, v *Vault) (*Keys, string) {
	t.Helper()
	var keys *Keys
	with := ""
	for _, p := range [][]byte{testPassphrase, newPassphrase} {
		k, err := v.Unlock(p)
		switch {
		case err == nil && keys != nil:
			t.Fatal("both passphrases open it")
		case err == nil:
			keys, with = k, string(p)
		case !errors.Is(err, ErrWrongPassphrase):
			t.Fatal(err)
		}
	}
	if keys == nil {
		t.Fatal("neither passphrase opens it")
	}
	return keys, with
}

func TestChangesExclude(t *testing.T) {
	v := testVault(t)
	c, err := v.change()
	check(t, err)
	wantError(t, v.Reseal(unlocked(t, v), ResealOptions{Passphrase: newPassphrase}), ErrLocked, "another command")
	check(t, c.end())
	check(t, v.Reseal(unlocked(t, v), ResealOptions{Passphrase: newPassphrase}))
}

func TestCopyKeys(t *testing.T) {
	v := testVault(t)
	root := filepath.Dir(v.Dir)
	whole, err := os.ReadFile(filepath.Join(v.Dir, keysName))
	check(t, err)
	check(t, os.WriteFile(root+"/taken", []byte("mine"), 0o600))
	check(t, os.Symlink("clouds/a", root+"/link"))
	before := tree(t, root)
	for path, says := range map[string]string{
		root + "/clouds/a/keys":     "synced",
		root + "/clouds/a/sub/keys": "synced",
		root + "/link/keys":         "synced",
		v.Dir + "/copy":             "inside the directory of the vault",
		v.Dir + "/state/copy":       "inside the directory of the vault",
		root:                        "is a directory",
		root + "/taken":             "is there already",
		"":                          "empty",
	} {
		wantError(t, v.CopyKeys(path, testPassphrase), ErrUnusable, says)
	}
	wantError(t, v.CopyKeys(root+"/copy", newPassphrase), ErrWrongPassphrase, "")
	if err := v.CopyKeys(root+"/none/copy", testPassphrase); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a directory that is not there: %v", err)
	}
	check(t, ignore(os.Remove(v.statePath(changeName))))
	if after := tree(t, root); !reflect.DeepEqual(before, after) || onDisk(t, v.Dir, osDisk{}).KeysCopied {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
	for range 2 { // again is the same
		check(t, v.CopyKeys(root+"/copy", testPassphrase))
	}
	if copied, err := os.ReadFile(root + "/copy"); err != nil || string(copied) != string(whole) {
		t.Errorf("the copy is %q, %v", copied, err)
	}
	if !onDisk(t, v.Dir, osDisk{}).KeysCopied {
		t.Error("the vault does not know of it")
	}
}

// A vault that knows of a copy has one.
func TestCopyKeysCrashes(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 13))
		durabletest.EachFailure(t, seed > 0, func(t *testing.T, d *durabletest.Disk) error {
			v := testVault(t)
			path := filepath.Dir(v.Dir) + "/copy"
			err := onDisk(t, v.Dir, d).CopyKeys(path, testPassphrase)
			if seed > 1 {
				d.PowerCut(t, rng)
			}
			if data, reading := os.ReadFile(path); onDisk(t, v.Dir, osDisk{}).KeysCopied && (reading != nil || config.Checksum(data) != v.sums[keysName]) {
				t.Errorf("a copy that is none: %v", reading)
			}
			if err != nil {
				check(t, onDisk(t, v.Dir, &durabletest.Disk{}).CopyKeys(path, testPassphrase))
			}
			return err
		})
	}
}
