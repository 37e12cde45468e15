package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// report is what verify and heal print as JSON.
type report struct {
	OK     bool
	Clouds []struct {
		Name, State, Reason                     string
		Files, Damaged, Missing, Stale, Foreign int64
	}
	Findings []struct {
		Path, Cloud, Kind, Detail string
		Chunk                     *int64
	}
}

// check runs verify or heal, which must end with a code.
func (v *vault) check(code int, args ...string) (r report) {
	v.t.Helper()
	said := command{as: v.as}.try(v.t, append([]string{v.program}, append(args, v.dir, "--json")...)...)
	if said.code != code {
		v.t.Errorf("overcast %q: exit code %d, want %d\n%s%s", args, said.code, code, last(said.stdout), last(said.stderr))
	}
	if said.stdout != "" {
		must(v.t, json.Unmarshal([]byte(said.stdout), &r))
	}
	return r
}

// kinds are the findings of a report, each as "kind path cloud".
func (r report) kinds() (list []string) {
	for _, f := range r.Findings {
		list = append(list, strings.TrimSpace(f.Kind+" "+f.Path+" "+f.Cloud))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// backing lists the backing files of a cloud, the largest first.
func (v *vault) backing(i int) (paths []string) {
	v.t.Helper()
	sizes := map[string]int64{}
	must(v.t, filepath.WalkDir(v.clouds[i], func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !strings.ContainsAny(e.Name()[:1], "0123456789abcdefghijklmnopqrstuvx") {
			return err
		}
		info, err := e.Info()
		if err == nil {
			paths, sizes[path] = append(paths, path), info.Size()
		}
		return err
	}))
	slices.SortStableFunc(paths, func(a, b string) int { return int(sizes[b] - sizes[a]) })
	return paths
}

// spoil puts bytes into a backing file, as a disk does that fails.
func spoil(t testing.TB, path string, at int64, with string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(with), at)
	must(t, errors.Join(err, f.Close()))
}

// stats tells everything that stat tells of files and directories.
func stats(t testing.TB, paths []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, path := range paths {
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		all[path] = fmt.Sprintf("%d %o %d %v %v %v", st.Ino, st.Mode, st.Size, st.Atim, st.Mtim, st.Ctim)
	}
	return all
}

// everything lists what is below a directory, and that itself.
func everything(t testing.TB, dir string) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}))
	return paths
}

// TestVerifyServed verifies while programs write: nothing is wrong, and nothing is found. When they have ended it changes
// nothing at all, not even when a file was read last.
func TestVerifyServed(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	stop := make(chan struct{})
	ended := make(chan error, 2)
	go func() { ended <- keepChanging(v.root, stop) }()
	go func() { ended <- keepChurning(v.at("churn"), stop) }()
	for range 6 {
		if r := v.check(0, "verify"); !r.OK || len(r.Findings) > 0 {
			t.Errorf("under load: %v", r.kinds())
		}
	}
	close(stop)
	must(t, errors.Join(<-ended, <-ended))
	v.overcast("unmount", v.root)
	m.await()

	m = v.mount()
	paths := append(everything(t, v.clouds[0]), everything(t, v.clouds[1])...)
	for _, path := range paths { // an access time that is older than the last change is moved by any other reader
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		must(t, os.Chtimes(path, time.Unix(1e9, 0), time.Unix(st.Mtim.Unix())))
	}
	before := stats(t, paths)
	r := v.check(0, "verify")
	after := stats(t, paths)
	if r.Clouds[0].Files < 20 || r.Clouds[0].Files != r.Clouds[1].Files {
		t.Errorf("it saw %+v", r.Clouds)
	}
	for path, was := range before {
		if is := after[path]; was != is {
			t.Errorf("%s: was %s, is %s", path, was, is)
		}
	}
	if now := len(everything(t, v.clouds[0])) + len(everything(t, v.clouds[1])); now != len(paths) {
		t.Errorf("the clouds have %d entries, had %d", now, len(paths))
	}
	m.unmount()
}

// keepChurning writes into a few files for long, one of them new, links and long names.
func keepChurning(dir string, stop <-chan struct{}) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	long := filepath.Join(dir, strings.Repeat("long", 50))
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		at := filepath.Join(dir, fmt.Sprint("grows", n/50))
		f, err := os.OpenFile(at, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		data := bytes.Repeat([]byte{byte(n)}, r.IntN(50_000))
		_, err = f.WriteAt(data, r.Int64N(200_000))
		if n%7 == 0 {
			err = errors.Join(err, f.Sync())
		}
		err = errors.Join(err, f.Close())
		switch n % 4 {
		case 0:
			err = errors.Join(err, os.WriteFile(long, data, 0o600), os.Rename(long, long+"er"))
		case 1:
			err = errors.Join(err, os.Link(at, fmt.Sprint(at, "-", n)))
		case 2:
			err = errors.Join(err, os.WriteFile(at+".new", data, 0o600), os.Rename(at+".new", at))
		case 3:
			err = errors.Join(err, os.Remove(long+"er"), os.Chmod(at, 0o600))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// TestHealServed damages one cloud while programs write, and heals it while they go on.
func TestHealServed(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	v.troubled = true
	m := v.mount()
	big := bytes.Repeat([]byte("what stays as it is\n"), 50_000)
	must(t, os.Mkdir(v.at("still"), 0o755))
	writeIn(t, v.root, "still/big", big)
	for i := range 40 {
		writeIn(t, v.root, fmt.Sprint("still/file", i), big[:i*1000])
	}
	held, err := os.OpenFile(v.at("still/held"), os.O_RDWR|os.O_CREATE, 0o600) // open all the time
	must(t, err)
	_, err = held.Write(big)
	must(t, errors.Join(err, held.Sync()))
	v.overcast("verify", v.dir)
	want := contents(t, v.at("still"))
	stop := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- keepChurning(v.at("churn"), stop) }()

	files := v.backing(1)
	for n, path := range files {
		switch n % 4 {
		case 0:
			spoil(t, path, 600, "damage")
		case 1:
			spoil(t, path, 100, "damage")
		case 2:
			_ = os.Remove(path) // programs may have been faster
		}
	}
	for late := time.Now().Add(3 * time.Minute); ; {
		said := command{}.try(t, v.program, "heal", v.dir)
		if said.code == 0 {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("heal ends with %d\n%s", said.code, last(said.stdout))
		}
	}
	close(stop)
	must(t, <-ended)
	demandUnchanged(t, v.at("still"), want)
	_, err = held.WriteAt([]byte("written after"), 5)
	must(t, errors.Join(err, held.Close()))
	v.awaitAllWell() // what the programs met on the way is a debt
	if r := v.check(0, "verify"); !r.OK || len(r.Findings) > 0 {
		t.Errorf("after healing: %v", r.kinds())
	}
	v.demandAlike(m)
}

// An emptied vault is one of which a mounted cloud has lost everything.
type emptied struct {
	*vault
	m    *mounted
	want map[string]string
}

func newEmptied(t *testing.T) *emptied {
	v := &emptied{vault: newVault(t, 2)}
	v.troubled = true
	v.m = v.mount()
	for i := range 13 {
		must(t, os.Mkdir(v.at(fmt.Sprint("dir", i)), 0o755))
	}
	for i := range 1500 {
		writeIn(t, v.root, fmt.Sprintf("dir%d/file%d", i%13, i), []byte(fmt.Sprint("content ", i)))
	}
	v.overcast("verify", v.dir)
	v.want = contents(t, v.root)
	for _, path := range v.backing(1) {
		must(t, os.Remove(path))
	}
	return v
}

// begin begins to heal, and returns when something was healed.
func (v *emptied) begin() *exec.Cmd {
	v.t.Helper()
	heal := exec.Command(v.program, "heal", v.dir)
	must(v.t, heal.Start())
	for late := time.Now().Add(answer); len(v.backing(1)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			v.t.Fatal("nothing is healed")
		}
	}
	return heal
}

// finish heals the rest, and demands that all is as it was.
func (v *emptied) finish() {
	v.t.Helper()
	v.check(0, "heal")
	v.check(0, "verify")
	demandUnchanged(v.t, v.root, v.want)
	v.awaitAllWell()
	v.demandAlike(v.m)
}

// TestHealKilled kills who asked for a healing: it ends, and the mount goes on.
func TestHealKilled(t *testing.T) {
	t.Parallel()
	v := newEmptied(t)
	heal := v.begin()
	must(t, heal.Process.Kill())
	_ = heal.Wait() // it was killed
	demandUnchanged(t, v.root, v.want)
	for late := time.Now().Add(answer); ; {
		before := len(v.backing(1))
		if time.Sleep(300 * time.Millisecond); len(v.backing(1)) == before {
			break
		}
		if time.Now().After(late) {
			t.Fatal("the healing goes on without who asked for it")
		}
	}
	v.finish()
}

// TestHealedMountEnds ends a mount that heals, by a kill and as a user does. The next one goes on.
func TestHealedMountEnds(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(*mounted){"kill": (*mounted).kill, "unmount": (*mounted).unmount} {
		t.Run(what, func(t *testing.T) {
			v := newEmptied(t)
			heal := v.begin()
			end(v.m)
			if err := heal.Wait(); err == nil {
				t.Error("heal says that all is well, and the mount has ended")
			}
			if _, err := os.Lstat(filepath.Join(v.dir, "state", "control")); (err == nil) != (what == "kill") {
				t.Errorf("the socket: %v", err)
			}
			v.m = v.mount()
			v.finish()
		})
	}
}

// TestControlIsOwners: nobody but the owner is heard, whatever the socket's mode; and no name reaches the log.
func TestControlIsOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs to be root, to be somebody else")
	}
	v := newVault(t, 2)
	m := v.mount()
	writeIn(t, v.root, "a-secret-name", []byte("text"))
	for _, dir := range []string{filepath.Dir(v.dir), v.dir, v.dir + "/state"} {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, os.Chmod(v.dir+"/state/control", 0o666))
	must(t, os.Chmod(v.dir+"/state/lock", 0o644))
	must(t, os.Chmod(v.dir+"/state/summary.json", 0o644))
	must(t, os.Chmod(v.dir+"/vault.toml", 0o644))
	must(t, os.Chmod(filepath.Dir(filepath.Dir(v.dir)), 0o755))
	nobody := command{as: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if said := nobody.try(t, v.program, "verify", v.dir); said.code == 0 || strings.Contains(said.stdout+said.stderr, "secret") || said.stdout != "" {
		t.Errorf("somebody else is told: exit code %d\n%s%s", said.code, said.stdout, said.stderr)
	}
	spoil(t, v.backing(1)[0], 520, "damage")
	if r := v.check(26, "verify"); len(r.kinds()) != 1 || r.kinds()[0] != "damaged a-secret-name b" {
		t.Errorf("it finds %v", r.kinds())
	}
	v.check(0, "heal")
	log, err := os.ReadFile(v.logs)
	must(t, err)
	if strings.Contains(string(log), "secret") {
		t.Errorf("the log tells names:\n%s", log)
	}
	m.unmount()
}
