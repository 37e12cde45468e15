package integration

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"
)

// TestReaderVault extracts what the program itself wrote: the mount, and put without a mount.
func TestReaderVault(t *testing.T) {
	t.Parallel()
	for _, suite := range []string{"aes-128", "aes-256"} {
		for _, chunk := range []int{4096, 65536} {
			flags := []string{"--suite", suite, "--chunk-size", fmt.Sprint(chunk)}
			t.Run(fmt.Sprintf("%s/%d/mount", suite, chunk), func(t *testing.T) {
				v := newVault(t, 2, flags...)
				m := v.mount()
				plantTree(t, v.root, chunk)
				m.unmount()
				m = v.mount()
				changeTree(t, v.root, chunk)
				want := treeOf(t, v.root)
				m.unmount()
				v.demandClouds(maps.Clone(want))
				m = v.mount()
				demandSameTree(t, withoutLinks(treeOf(t, v.root)), withoutLinks(want))
				m.unmount()
			})
			t.Run(fmt.Sprintf("%s/%d/put", suite, chunk), func(t *testing.T) {
				v, tree := newVault(t, 2, flags...), t.TempDir()
				plantTree(t, tree, chunk)
				v.overcast("put", "-r", v.dir, tree+"/.", "/", "--passfile", v.pass)
				v.demandClouds(treeOf(t, tree))
			})
		}
	}
}

// keys opens keys.age with the age library, as age -d does.
func (v *vault) keys() []byte {
	v.t.Helper()
	passphrase, err := os.ReadFile(v.pass)
	must(v.t, err)
	identity, err := age.NewScryptIdentity(strings.TrimSuffix(string(passphrase), "\n"))
	must(v.t, err)
	f, err := os.Open(filepath.Join(v.dir, "keys.age"))
	must(v.t, err)
	defer f.Close()
	r, err := age.Decrypt(f, identity)
	must(v.t, err)
	keys, err := io.ReadAll(r)
	must(v.t, err)
	return keys
}

// demandClouds extracts every cloud and compares.
func (v *vault) demandClouds(want map[string]string) {
	v.t.Helper()
	want = withoutLinks(want)
	for _, dir := range v.clouds {
		out, complaints := runReader(v.t, dir, v.keys())
		if complaints != "" {
			v.t.Error(complaints)
		}
		demandSameTree(v.t, withoutLinks(treeOf(v.t, out)), want)
	}
}

// planter makes files and directories under one root, and fails the test where it cannot.
type planter struct {
	t    testing.TB
	root string
}

func (p planter) at(name string) string { return filepath.Join(p.root, name) }

func (p planter) file(name string, content []byte, mode os.FileMode) {
	p.t.Helper()
	must(p.t, os.WriteFile(p.at(name), content, 0o600))
	must(p.t, os.Chmod(p.at(name), mode))
}

// plantTree makes a tree of everything that a vault can hold and that does not need root.
func plantTree(t *testing.T, root string, chunk int) {
	t.Helper()
	p := planter{t, root}
	for _, n := range []int{0, 1, 15, 16, 17, 4095, 4096, 4097, chunk - 1, chunk + 1, 3*chunk + 100, 1 << 20} {
		p.file(fmt.Sprintf("%d bytes", n), pycryptoNoise(n), 0o644)
	}
	long := strings.Repeat("long ", 51)
	must(p.t, os.MkdirAll(p.at("nested/"+long+"/"+long), 0o755))
	must(p.t, os.Mkdir(p.at("nested/empty"), 0o711))
	for _, n := range []int{111, 112, 113, 255} {
		p.file("nested/"+long+"/"+long+"/"+strings.Repeat("n", n), []byte("name"), 0o600)
	}
	p.file("nested/"+strings.Repeat("ü", 127), []byte("name"), 0o640)
	p.file(" ~weird\n\xff name.", []byte("name"), 0o600)
	p.file("no access", []byte("secret"), 0o000)
	p.file("setuid", []byte("mode"), 0o755|os.ModeSetuid|os.ModeSticky)

	sparse, err := os.Create(p.at("sparse"))
	must(p.t, err)
	for _, off := range []int64{int64(5 * chunk), 3<<20 + 7} {
		_, err := sparse.WriteAt([]byte("an island"), off)
		must(p.t, err)
	}
	must(p.t, sparse.Truncate(9<<20+3))
	must(p.t, sparse.Close())

	must(p.t, os.Symlink("nested/empty", p.at("link")))
	must(p.t, os.Symlink(strings.Repeat("x/", 2000), p.at("nested/dangling")))
	must(p.t, os.Link(p.at("17 bytes"), p.at("nested/hard link")))
	must(p.t, unix.Mkfifo(p.at("fifo"), 0o620))
	must(p.t, unix.Mknod(p.at("socket"), unix.S_IFSOCK|0o600, 0))
	old := time.Date(1969, 7, 20, 20, 17, 40, 987654321, time.UTC)
	must(p.t, os.Chtimes(p.at("16 bytes"), old, old))
	settleDirectories(t, root)
}

// changeTree rewrites, grows, cuts and moves, so that records of several commits lie in one file.
func changeTree(t *testing.T, root string, chunk int) {
	t.Helper()
	p := planter{t, root}
	change := func(name string, f func(*os.File) error) {
		t.Helper()
		file, err := os.OpenFile(p.at(name), os.O_RDWR, 0)
		must(p.t, err)
		must(p.t, f(file))
		must(p.t, file.Close())
	}
	change(fmt.Sprintf("%d bytes", 3*chunk+100), func(f *os.File) error {
		_, err := f.WriteAt(bytes.Repeat([]byte("changed"), 100), int64(chunk)-300)
		return err
	})
	change(fmt.Sprintf("%d bytes", chunk+1), func(f *os.File) error { return f.Truncate(int64(chunk) - 5) })
	change("sparse", func(f *os.File) error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 3<<20, 100)
	})
	change("1 bytes", func(f *os.File) error { return f.Truncate(int64(2*chunk) + 9) })
	change("15 bytes", func(f *os.File) error {
		_, err := f.WriteAt([]byte("beyond"), int64(4*chunk))
		return err
	})
	must(p.t, os.Rename(p.at("17 bytes"), p.at("nested/seventeen bytes")))
	must(p.t, os.Rename(p.at("4095 bytes"), p.at("4096 bytes")))
	must(p.t, os.Remove(p.at("nested/dangling")))
	must(p.t, os.Chmod(p.at("no access"), 0o400))
	settleDirectories(t, root)
}
