package vault

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable/durabletest"
)

// elsewhere is a vault whose directory is not here: its clouds below root, and a
// copy of its keys.age.
func elsewhere(t testing.TB) (root string, sealed []byte) {
	t.Helper()
	v := testVault(t)
	sealed, err := os.ReadFile(filepath.Join(v.Dir, keysName))
	check(t, err)
	check(t, os.RemoveAll(v.Dir))
	return filepath.Dir(v.Dir), sealed
}

func opened(t testing.TB, sealed []byte) *KeysFile {
	t.Helper()
	f, err := OpenKeys(sealed, testPassphrase)
	check(t, err)
	return f
}

// joinOptions join clouds a and b below root.
func joinOptions(t *testing.T, root string, sealed []byte) JoinOptions {
	t.Helper()
	return JoinOptions{Keys: opened(t, sealed), Dirs: []string{root + "/clouds/b", root + "/clouds/a"}, WorkFactor: MinWorkFactor}
}

func TestJoin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(root string, sealed []byte) error
	}{
		{"nothing there", func(string, []byte) error { return nil }},
		{"an empty directory", func(root string, _ []byte) error { return os.Mkdir(root+"/vault", 0o755) }},
		{"keys.age is left", func(root string, sealed []byte) error {
			return errors.Join(os.Mkdir(root+"/vault", 0o700), os.WriteFile(root+"/vault/keys.age", sealed, 0o600))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, sealed := elsewhere(t)
			check(t, tt.setup(root, sealed))
			clouds := tree(t, root+"/clouds")
			joined, err := Join(root+"/vault", joinOptions(t, root, sealed))
			check(t, err)
			if joined.Existed || joined.Warning != "" || joined.Clouds[0].Name != "a" || joined.Clouds[0].Dir != root+"/clouds/a" {
				t.Errorf("joined %+v", joined)
			}
			wantWhole(t, root+"/vault")
			if kept, err := os.ReadFile(root + "/vault/keys.age"); err != nil || string(kept) != string(sealed) {
				t.Errorf("keys.age is not the copy: %v", err)
			}
			if after := tree(t, root+"/clouds"); !reflect.DeepEqual(clouds, after) {
				t.Errorf("the clouds changed:\n%v\n%v", clouds, after)
			}
		})
	}
}

// A cloud whose directory is not given is absent, and never the working directory.
func TestJoinKnowsNotAll(t *testing.T) {
	root, sealed := elsewhere(t)
	o := joinOptions(t, root, sealed)
	o.Dirs = o.Dirs[:1]
	_, err := Join(root+"/vault", o)
	check(t, err)
	v, err := Load(root + "/vault")
	check(t, err)
	if v.Clouds[0].Dir != "" || v.Clouds[1].Dir != root+"/clouds/b" {
		t.Fatalf("clouds %+v", v.Clouds)
	}
	t.Chdir(root + "/clouds/a") // it has the very marker
	wantError(t, v.CheckMarker(v.Clouds[0].Dir, v.Clouds[0].ID, nil), ErrNoMarker, "does not know its directory")
	check(t, v.CheckMountpoint(mustMkdir(t, root+"/mnt")))

	// Told later, it is there; the passphrase that was changed meanwhile stays.
	keys := reseal(t, v, "changed")
	o.Dirs = []string{root + "/clouds/a"}
	joined, err := Join(v.Dir, o)
	check(t, err)
	if !joined.Existed || joined.Clouds[0].Dir != root+"/clouds/a" || joined.Clouds[1].Dir != root+"/clouds/b" {
		t.Errorf("joined %+v", joined)
	}
	if now, err := os.ReadFile(filepath.Join(v.Dir, keysName)); err != nil || string(now) != string(keys) {
		t.Error("the keys were replaced")
	}
}

// reseal writes keys.age anew, under another passphrase, and returns it.
func reseal(t *testing.T, v *Vault, passphrase string) []byte {
	t.Helper()
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	sealed, err := k.SealPassphrase([]byte(passphrase), MinWorkFactor)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(v.Dir, keysName), sealed, 0o600))
	return sealed
}

func mustMkdir(t *testing.T, path string) string {
	t.Helper()
	check(t, os.Mkdir(path, 0o755))
	return path
}

// older are the keys from before a cloud was added.
func older(t *testing.T, sealed []byte) []byte {
	t.Helper()
	k := opened(t, sealed)
	k.Clouds = k.Clouds[:1]
	old, err := k.SealPassphrase(testPassphrase, MinWorkFactor)
	check(t, err)
	return old
}

// A vault that was joined with old keys learns of a cloud by newer ones, and a
// vault that knows more than the keys refuses them.
func TestJoinOldKeys(t *testing.T) {
	root, sealed := elsewhere(t)
	o := joinOptions(t, root, older(t, sealed))
	_, err := Join(root+"/vault", o)
	wantError(t, err, ErrOldKeys, root+"/clouds/b: the keys are older")
	o.Dirs = []string{root + "/clouds/a"}
	_, err = Join(root+"/vault", o)
	check(t, err)

	_, err = Join(root+"/vault", joinOptions(t, root, sealed))
	check(t, err)
	wantJoined(t, root+"/vault")

	before := tree(t, root+"/vault")
	_, err = Join(root+"/vault", o)
	wantError(t, err, ErrOldKeys, `nothing of cloud "b"`)
	if after := tree(t, root+"/vault"); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
}

// wantJoined checks that a vault opens with both clouds at their places.
func wantJoined(t *testing.T, dir string) {
	t.Helper()
	v, err := Load(dir)
	check(t, err)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	if len(v.Clouds) != 2 {
		t.Fatalf("clouds %+v", v.Clouds)
	}
	for i, c := range v.Clouds {
		key, err := k.Cipher(i)
		check(t, err)
		check(t, v.CheckMarker(c.Dir, c.ID, key))
	}
}

func TestJoinRefuses(t *testing.T) {
	other := testVault(t)
	put := func(path string) error {
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("content"), 0o644))
	}
	for _, tt := range []struct {
		name  string
		setup func(root string, o *JoinOptions) error
		want  error
		says  string
	}{
		{"no marker", func(root string, _ *JoinOptions) error { return os.Remove(root + "/clouds/a/" + cipher.MarkerName) }, ErrNoMarker, "/clouds/a: no marker"},
		{"missing", func(root string, o *JoinOptions) error { o.Dirs[0] = root + "/none"; return nil }, ErrNoMarker, "/none: no marker"},
		{"another vault's", func(_ string, o *JoinOptions) error { o.Dirs[0] = other.Clouds[0].Dir; return nil }, ErrWrongCloud, "keys of "},
		{"damaged marker", func(root string, _ *JoinOptions) error { return put(root + "/clouds/a/" + cipher.MarkerName) }, ErrDamaged, cipher.MarkerName},
		{"forged marker", func(root string, o *JoinOptions) error { return forge(root + "/clouds/a") }, ErrDamaged, "does not authenticate"},
		{"twice", func(root string, o *JoinOptions) error { o.Dirs[1] = o.Dirs[0]; return nil }, ErrUnusable, "same cloud"},
		{"a cloud as the vault", func(root string, o *JoinOptions) error {
			o.Dirs[1] = root + "/vault"
			return os.Rename(root+"/clouds/a", root+"/vault")
		}, ErrIsCloud, "belongs to the vault"},
		{"vault not empty", func(root string, _ *JoinOptions) error { return put(root + "/vault/x") }, ErrUnusable, "not empty"},
		{"other keys", func(root string, _ *JoinOptions) error { return put(root + "/vault/keys.age") }, ErrUnusable, "another keys.age"},
		{"unfinished init", func(root string, _ *JoinOptions) error { return put(root + "/vault/" + pendingName) }, ErrUnusable, "init was interrupted"},
		{"damaged vault.toml", func(root string, _ *JoinOptions) error { return put(root + "/vault/" + configName) }, ErrDamaged, configName},
		{"a cloud in a cloud", func(root string, o *JoinOptions) error {
			o.Dirs[0] = root + "/clouds/a/b"
			return os.Rename(root+"/clouds/b", root+"/clouds/a/b")
		}, ErrUnusable, "inside"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, sealed := elsewhere(t)
			o := joinOptions(t, root, sealed)
			check(t, tt.setup(root, &o))
			before := tree(t, root)
			_, err := Join(root+"/vault", o)
			wantError(t, err, tt.want, tt.says)
			if after := tree(t, root); !reflect.DeepEqual(before, after) {
				t.Errorf("something changed:\n%v\n%v", before, after)
			}
		})
	}
	root, sealed := elsewhere(t)
	_, err := Join(other.Dir, joinOptions(t, root, sealed))
	wantError(t, err, ErrUnusable, "another vault")
	_, err = Join(root+"/clouds/a/vault", joinOptions(t, root, sealed))
	wantError(t, err, ErrUnusable, "keys would be synced")
}

// forge makes a marker with the right ids and without the key.
func forge(dir string) error {
	path := filepath.Join(dir, cipher.MarkerName)
	marker, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, mac, _ := strings.Cut(string(marker), `"mac": "`)
	forged := strings.Replace(string(marker), mac[:4], "0f0f", 1)
	return os.WriteFile(path, []byte(forged), 0o600)
}

// What is left of a vault leads to join.
func TestLeadsToJoin(t *testing.T) {
	root, sealed := elsewhere(t)
	o := options(root)
	wantError(t, Init(root+"/vault", o), ErrJoin, "belongs to a vault")
	check(t, os.Mkdir(root+"/vault", 0o700))
	for _, name := range []string{keysName, keysName + stagedSuffix} {
		path := filepath.Join(root, "vault", name)
		check(t, os.WriteFile(path, sealed, 0o600))
		_, err := Load(root + "/vault")
		wantError(t, err, ErrJoin, "no vault.toml")
		wantError(t, err, os.ErrNotExist, "")
		o.Clouds = []CloudSpec{{"new", root + "/new"}}
		wantError(t, Init(root+"/vault", o), ErrJoin, "no vault.toml")
		check(t, os.Remove(path))
	}
}

// Every step of join fails, or the process dies there, or the power does: there is
// no vault until vault.toml is there, a whole one then, and it can be repeated.
func TestJoinCrashes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begin func(t *testing.T, root string, sealed []byte) JoinOptions
	}{
		{"fresh", joinOptions},
		{"sealed anew", func(t *testing.T, root string, sealed []byte) JoinOptions {
			o := joinOptions(t, root, sealed)
			o.Keys.sealed, o.Passphrase = nil, testPassphrase
			return o
		}},
		{"newer keys", func(t *testing.T, root string, sealed []byte) JoinOptions {
			o := joinOptions(t, root, older(t, sealed))
			o.Dirs = []string{root + "/clouds/a"}
			_, err := joinVault(testSystem(&durabletest.Disk{}), root+"/vault", o)
			check(t, err)
			return joinOptions(t, root, sealed)
		}},
	} {
		for seed := range uint64(4) { // 0: a step fails; 1: the process dies; else the power fails
			rng := rand.New(rand.NewPCG(seed, 7))
			runs := durabletest.EachFailure(t, seed > 0, func(t *testing.T, d *durabletest.Disk) error {
				root, sealed := elsewhere(t)
				dir := root + "/vault"
				o := tt.begin(t, root, sealed)
				clouds := tree(t, root+"/clouds")
				_, err := joinVault(testSystem(d), dir, o)
				if seed > 1 {
					d.PowerCut(t, rng)
				}
				if v, loading := Load(dir); loading == nil {
					_, unlocking := v.Unlock(testPassphrase)
					check(t, unlocking) // half of it is never seen
				}
				if err != nil {
					o = joinOptions(t, root, sealed)
					if tt.name == "sealed anew" && seed > 0 {
						o.Keys.sealed, o.Passphrase = nil, testPassphrase
					}
					_, again := joinVault(testSystem(&durabletest.Disk{}), dir, o)
					check(t, again)
				}
				wantJoined(t, dir)
				for _, name := range keysFiles {
					if _, err := os.Lstat(filepath.Join(dir, name+stagedSuffix)); err == nil {
						t.Errorf("%s is left", name+stagedSuffix)
					}
				}
				if after := tree(t, root+"/clouds"); !reflect.DeepEqual(clouds, after) {
					t.Errorf("the clouds changed:\n%v\n%v", clouds, after)
				}
				return err
			})
			if runs < 8 {
				t.Errorf("%s: only %d steps failed", tt.name, runs)
			}
		}
	}
}

// A join that only fails leaves what there was.
func TestJoinFailures(t *testing.T) {
	root, sealed := elsewhere(t)
	before := tree(t, root)
	named := false
	durabletest.EachFailure(t, false, func(t *testing.T, d *durabletest.Disk) error {
		_, err := joinVault(testSystem(d), root+"/vault", joinOptions(t, root, sealed))
		if _, loading := Load(root + "/vault"); loading == nil {
			named = true // from vault.toml on it is one
			wantJoined(t, root+"/vault")
			check(t, os.RemoveAll(root+"/vault"))
			return err
		}
		if after := tree(t, root); !reflect.DeepEqual(before, after) {
			t.Errorf("something changed:\n%v\n%v", before, after)
		}
		return err
	})
	if !named {
		t.Error("no vault was ever made")
	}
}

// A machine that joins is a writer of its own, also over a state that another
// machine left in the directory.
func TestJoinDrawsWriter(t *testing.T) {
	root, sealed := elsewhere(t)
	writers := map[uint32]bool{}
	for _, machine := range []string{"one", "two"} {
		sys := testSystem(osDisk{})
		sys.machineID = machine
		joined, err := joinVault(sys, root+"/vault", joinOptions(t, root, sealed))
		check(t, err)
		k, err := joined.Unlock(testPassphrase)
		check(t, err)
		s, err := joined.OpenState(k)
		check(t, err)
		writers[s.Writer()] = true
		check(t, s.Close())
		check(t, os.Remove(filepath.Join(root, "vault", configName)))
	}
	if len(writers) != 2 {
		t.Errorf("two machines have the writers %v", writers)
	}
}
