package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable/durabletest"
)

var testPassphrase = []byte("correct horse")

// options name clouds a and b below root, cheaply locked.
func options(root string) InitOptions {
	return InitOptions{
		Clouds:     []CloudSpec{{"a", filepath.Join(root, "clouds/a")}, {"b", filepath.Join(root, "clouds/b")}},
		WorkFactor: MinWorkFactor,
		Passphrase: testPassphrase,
	}
}

// testVault makes a vault with two clouds in a fresh directory.
func testVault(t testing.TB) *Vault {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "vault")
	quickInit(t, dir, options(root))
	v, err := Load(dir)
	check(t, err)
	return v
}

// quickInit is Init without waiting for the real disk.
func quickInit(t testing.TB, dir string, o InitOptions) {
	t.Helper()
	check(t, initVault(testSystem(&durabletest.Disk{}), dir, o))
}

// tree lists everything below root with its mode and content.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(data)
		}
		found[path] = info.Mode().String() + " " + content
		return nil
	}))
	return found
}

// wantWhole checks that dir is a whole vault and holds nothing else.
func wantWhole(t *testing.T, dir string) {
	t.Helper()
	v, err := Load(dir)
	check(t, err)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	defer k.Wipe()
	for i, c := range v.Clouds {
		key, err := k.Cipher(i)
		check(t, err)
		check(t, v.CheckMarker(c.Dir, c.ID, key))
		if names, _ := listDir(c.Dir); len(names) != 1 {
			t.Errorf("cloud %s holds %v", c.Name, names)
		}
	}
	for path, want := range map[string]fs.FileMode{
		"": fs.ModeDir | dirPerm, configName: filePerm, keysName: filePerm,
		stateName: fs.ModeDir | dirPerm, stateName + "/" + lockName: filePerm,
	} {
		info, err := os.Lstat(filepath.Join(dir, path))
		check(t, err)
		if info.Mode() != want {
			t.Errorf("%q has mode %v, want %v", path, info.Mode(), want)
		}
	}
	if got := len(tree(t, dir)); got != 5 {
		t.Errorf("the vault holds %d things, want 5: %v", got, tree(t, dir))
	}
}

func TestInit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(root string, o *InitOptions) error
	}{
		{"nothing there", func(string, *InitOptions) error { return nil }},
		{"one cloud", func(_ string, o *InitOptions) error { o.Clouds = o.Clouds[:1]; return nil }},
		{"empty directories", func(root string, _ *InitOptions) error {
			return errors.Join(os.Mkdir(root+"/vault", 0o755), os.MkdirAll(root+"/clouds/a", 0o755))
		}},
		{"symlinked directories", func(root string, _ *InitOptions) error {
			return errors.Join(os.Mkdir(root+"/x", 0o755), os.MkdirAll(root+"/clouds/b", 0o755), os.Symlink("../x", root+"/clouds/a"))
		}},
		{"names side by side", func(root string, o *InitOptions) error {
			o.Clouds[1].Dir = o.Clouds[0].Dir + "b" // no directory contains the other
			return nil
		}},
		{"odd directories", func(root string, o *InitOptions) error {
			o.Clouds[0].Dir, o.Clouds[1].Dir = root+"/\"x\"\n=[]", root+"/ünïcode 雲"
			return nil
		}},
		{"interrupted before it began", func(root string, _ *InitOptions) error {
			return errors.Join(os.MkdirAll(root+"/vault/state", 0o700), os.WriteFile(root+"/vault/state/lock", nil, 0o600))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			o := options(root)
			check(t, tt.setup(root, &o))
			dir := filepath.Join(root, "vault")
			check(t, Init(dir, o))
			wantWhole(t, dir)
		})
	}
}

func TestInitOptionsKept(t *testing.T) {
	root := t.TempDir()
	o := options(root)
	o.Suite, o.ChunkLog2 = cipher.AES128, 16
	check(t, Init(root+"/vault", o))
	v, err := Load(root + "/vault")
	check(t, err)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	if v.ChunkLog2 != 16 || k.ChunkLog2 != 16 {
		t.Errorf("chunk sizes 2^%d and 2^%d, want 2^16", v.ChunkLog2, k.ChunkLog2)
	}
	for i, c := range k.Clouds {
		if c.Suite != cipher.AES128 || c.Name != o.Clouds[i].Name || c.Key.Equal(&k.StateKey) {
			t.Errorf("cloud %d is %+v", i, c)
		}
	}
	if k.Clouds[0].Key.Equal(&k.Clouds[1].Key) {
		t.Error("two clouds have one key")
	}
}

func TestInitRefuses(t *testing.T) {
	mkdir := func(path string) error { return os.MkdirAll(path, 0o755) }
	put := func(path string) error {
		return errors.Join(mkdir(filepath.Dir(path)), os.WriteFile(path, []byte("content"), 0o644))
	}
	for _, tt := range []struct {
		name  string
		setup func(root string, o *InitOptions) error
		want  error
		says  string
	}{
		{"no clouds", func(_ string, o *InitOptions) error { o.Clouds = nil; return nil }, ErrInvalid, "at least one cloud"},
		{"no passphrase", func(_ string, o *InitOptions) error { o.Passphrase = nil; return nil }, ErrInvalid, "passphrase is empty"},
		{"unknown suite", func(_ string, o *InitOptions) error { o.Suite = 3; return nil }, ErrInvalid, "suite 3"},
		{"small chunks", func(_ string, o *InitOptions) error { o.ChunkLog2 = 11; return nil }, ErrInvalid, "chunks of 2^11"},
		{"large chunks", func(_ string, o *InitOptions) error { o.ChunkLog2 = 21; return nil }, ErrInvalid, "chunks of 2^21"},
		{"too much work", func(_ string, o *InitOptions) error { o.WorkFactor = 21; return nil }, ErrInvalid, "work factor 21"},
		{"too little work", func(_ string, o *InitOptions) error { o.WorkFactor = -1; return nil }, ErrInvalid, "work factor -1"},
		{"names alike", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "a"; return nil }, ErrInvalid, "two clouds"},
		{"names alike but for case", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "A"; return nil }, ErrInvalid, "differ only in case"},
		{"no name", func(_ string, o *InitOptions) error { o.Clouds[1].Name = ""; return nil }, ErrInvalid, "1 to 32"},
		{"long name", func(_ string, o *InitOptions) error { o.Clouds[1].Name = strings.Repeat("n", 33); return nil }, ErrInvalid, "1 to 32"},
		{"name with a slash", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "x/y"; return nil }, ErrInvalid, "letters"},
		{"name with a line", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "x\ny"; return nil }, ErrInvalid, "letters"},
		{"name with a blank", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "x y"; return nil }, ErrInvalid, "letters"},
		{"name like a flag", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "-x"; return nil }, ErrInvalid, "letters"},
		{"hidden name", func(_ string, o *InitOptions) error { o.Clouds[1].Name = ".."; return nil }, ErrInvalid, "letters"},
		{"name beyond ASCII", func(_ string, o *InitOptions) error { o.Clouds[1].Name = "wölke"; return nil }, ErrInvalid, "letters"},
		{"no directory", func(_ string, o *InitOptions) error { o.Clouds[1].Dir = ""; return nil }, ErrInvalid, "no directory"},
		{"directory not UTF-8", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root + "/\xff"; return nil }, ErrUnusable, "UTF-8"},
		{"cloud not empty", func(root string, _ *InitOptions) error { return put(root + "/clouds/b/x") }, ErrUnusable, "not empty"},
		{"cloud not empty, hidden", func(root string, _ *InitOptions) error { return put(root + "/clouds/b/.x") }, ErrUnusable, "not empty"},
		{"temporary file of another", func(root string, _ *InitOptions) error { return put(root + "/clouds/b/.~0123456789abcdef.tmp") }, ErrUnusable, "not empty"},
		{"cloud is a file", func(root string, _ *InitOptions) error { return put(root + "/clouds/b") }, ErrUnusable, "not a directory"},
		{"cloud leads nowhere", func(root string, _ *InitOptions) error {
			return errors.Join(mkdir(root+"/clouds"), os.Symlink("nowhere", root+"/clouds/b"))
		}, ErrUnusable, "leads nowhere"},
		{"damaged marker", func(root string, _ *InitOptions) error { return put(root + "/clouds/b/" + cipher.MarkerName) }, ErrUnusable, "belongs to a vault"},
		{"vault is a file", func(root string, _ *InitOptions) error { return put(root + "/vault") }, ErrUnusable, "not a directory"},
		{"vault not empty", func(root string, _ *InitOptions) error { return put(root + "/vault/x") }, ErrUnusable, "not empty"},
		{"vault with a used state", func(root string, _ *InitOptions) error { return put(root + "/vault/state/writer") }, ErrUnusable, "not empty"},
		{"vault without vault.toml", func(root string, _ *InitOptions) error { return put(root + "/vault/keys.age") }, ErrUnusable, "no vault.toml"},
		{"one directory", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root + "/clouds/./a"; return nil }, ErrUnusable, "one directory"},
		{"one directory, by symlink", func(root string, o *InitOptions) error {
			o.Clouds[1].Dir = root + "/link/a"
			return errors.Join(mkdir(root+"/clouds"), os.Symlink("clouds", root+"/link"))
		}, ErrUnusable, "one directory"},
		{"cloud in a cloud", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root + "/clouds/a/b"; return nil }, ErrUnusable, `"b", `},
		{"cloud around a cloud", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root + "/clouds"; return nil }, ErrUnusable, `inside cloud "b"`},
		{"cloud in a cloud, by symlink", func(root string, o *InitOptions) error {
			o.Clouds[1].Dir = root + "/link/b"
			return errors.Join(mkdir(root+"/clouds/a"), os.Symlink("clouds/a", root+"/link"))
		}, ErrUnusable, `inside cloud "a"`},
		{"cloud is the vault", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root + "/vault"; return nil }, ErrUnusable, "keys would be synced"},
		{"vault in a cloud", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root; return nil }, ErrUnusable, "keys would be synced"},
		{"cloud in the vault", func(root string, o *InitOptions) error { o.Clouds[1].Dir = root + "/vault/b"; return nil }, ErrUnusable, "inside the vault"},
		{"vault in another's cloud", func(root string, _ *InitOptions) error { return put(root + "/" + cipher.MarkerName) }, ErrUnusable, "inside a cloud"},
		{"cloud in another's cloud", func(root string, _ *InitOptions) error { return put(root + "/clouds/" + cipher.MarkerName) }, ErrUnusable, "inside another cloud"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			o := options(root)
			check(t, tt.setup(root, &o))
			before := tree(t, root)
			wantError(t, Init(root+"/vault", o), tt.want, tt.says)
			if after := tree(t, root); !reflect.DeepEqual(before, after) {
				t.Errorf("something changed:\n%v\n%v", before, after)
			}
		})
	}
}

func TestInitRefusesVaults(t *testing.T) {
	v := testVault(t)
	root := filepath.Dir(v.Dir)
	before := tree(t, root)
	o := options(root)
	wantError(t, Init(v.Dir, o), ErrUnusable, "is a vault already")
	wantError(t, Init(root+"/other", o), ErrUnusable, "belongs to a vault "+v.ID.String())
	o.Clouds = []CloudSpec{{"new", root + "/new"}}
	wantError(t, Init(root+"/clouds/a/vault", o), ErrUnusable, "keys would be synced")
	if after := tree(t, root); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
}

func TestInitBesideAnother(t *testing.T) {
	root := t.TempDir()
	dir := root + "/vault"
	check(t, os.MkdirAll(dir+"/state", 0o700))
	lock, err := lockState(dir)
	check(t, err)
	defer lock.Release()
	before := tree(t, root)
	wantError(t, Init(dir, options(root)), ErrLocked, fmt.Sprint(os.Getpid()))
	if after := tree(t, root); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
}

func TestInitUnwritable(t *testing.T) {
	// A read-only mount is what root cannot write to; /proc is one of a kind.
	root := t.TempDir()
	o := options(root)
	o.Clouds[1].Dir = "/proc/self/net/overcast"
	before := tree(t, root)
	if err := Init(root+"/vault", o); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), `cloud "b"`) {
		t.Errorf("got %v, want one line about cloud b", err)
	}
	if after := tree(t, root); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
}

// testSystem is a machine with a given disk.
func testSystem(d disk) system {
	s := realSystem()
	s.disk, s.machineID, s.bootID = d, "machine", "boot"
	return s
}

// Every step fails once: what there was is there again, and nothing else.
func TestInitFailures(t *testing.T) {
	for _, existing := range []bool{false, true} {
		runs := durabletest.EachFailure(t, false, func(t *testing.T, d *durabletest.Disk) error {
			root := t.TempDir()
			if existing {
				check(t, os.MkdirAll(root+"/clouds/b", 0o755))
				check(t, os.Mkdir(root+"/vault", 0o750))
			}
			before := tree(t, root)
			err := initVault(testSystem(d), root+"/vault", options(root))
			if err == nil {
				wantWhole(t, root+"/vault")
				if left := d.Unsynced(); len(left) != 0 {
					t.Errorf("not durable: %v", left)
				}
			} else if after := tree(t, root); !reflect.DeepEqual(before, after) {
				t.Errorf("something changed:\n%v\n%v", before, after)
			}
			return err
		})
		if runs < 30 {
			t.Errorf("only %d steps failed", runs)
		}
	}
}

// The process dies, or the power fails, at every step: there is no vault until
// the last one, and running init again makes one as if nothing had been.
func TestInitCrashes(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 2))
		durabletest.EachFailure(t, true, func(t *testing.T, d *durabletest.Disk) error {
			root := t.TempDir()
			dir := root + "/vault"
			err := initVault(testSystem(d), dir, options(root))
			if seed > 0 { // 0: only the process dies
				d.PowerCut(t, rng)
			}
			if _, loading := Load(dir); loading == nil {
				// A vault that init could not confirm may be there, but then whole.
				wantWhole(t, dir)
				return err
			}
			if err == nil {
				t.Errorf("seed %d: init had returned", seed)
				return nil
			}
			quickInit(t, dir, options(root))
			wantWhole(t, dir)
			return err
		})
	}
}

// A step fails, and when all is taken back the power does: init can be run again.
func TestInitFailuresThenPowerCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	durabletest.EachFailure(t, false, func(t *testing.T, d *durabletest.Disk) error {
		root := t.TempDir()
		dir := root + "/vault"
		err := initVault(testSystem(d), dir, options(root))
		d.PowerCut(t, rng)
		if err != nil {
			quickInit(t, dir, options(root))
		}
		wantWhole(t, dir)
		return err
	})
}

// A crash while the remains of a crash are removed is no worse.
func TestInitCrashesTwice(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 3))
		durabletest.EachFailure(t, true, func(t *testing.T, d *durabletest.Disk) error {
			root := t.TempDir()
			dir := root + "/vault"
			first := &durabletest.Disk{FailAt: 36, Dies: true} // markers and keys are there
			if err := initVault(testSystem(first), dir, options(root)); err == nil {
				t.Fatal("the first init came through")
			}
			if names, _ := listDir(root + "/clouds/a"); len(names) != 1 {
				t.Fatalf("the first init got as far as %v", tree(t, root))
			}
			err := initVault(testSystem(d), dir, options(root))
			d.PowerCut(t, rng)
			if _, loading := Load(dir); loading != nil {
				quickInit(t, dir, options(root))
			}
			wantWhole(t, dir)
			return err
		})
	}
}

// What appears in a cloud's directory after an interrupted init is not ours.
func TestInitKeepsStrangers(t *testing.T) {
	root := t.TempDir()
	d := &durabletest.Disk{FailAt: 36, Dies: true}
	if err := initVault(testSystem(d), root+"/vault", options(root)); err == nil {
		t.Fatal("the first init came through")
	}
	check(t, os.WriteFile(root+"/clouds/a/photo.jpg", nil, 0o644))
	before := tree(t, root)
	wantError(t, Init(root+"/vault", options(root)), ErrUnusable, "not empty")
	if after := tree(t, root); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
}

func TestChunkLog2(t *testing.T) {
	for size, want := range map[int64]uint8{4096: 12, 65536: 16, 1 << 20: 20} {
		if got, err := ChunkLog2(size); err != nil || got != want {
			t.Errorf("%d bytes are 2^%d, %v; want 2^%d", size, got, err, want)
		}
	}
	for _, size := range []int64{-4096, 0, 1, 2048, 4097, 1 << 21, 1 << 62, -1 << 63} {
		if _, err := ChunkLog2(size); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: got %v, want a refusal", size, err)
		}
	}
}

func TestUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	wantWhole(t, testVault(t).Dir)
}
