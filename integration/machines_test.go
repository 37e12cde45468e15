//go:build long

package integration

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machines are two machines that have a vault of two clouds. Real sync tools join their directories: the first cloud's are
// joined by rclone bisync, and the second's by Syncthing.
type machines struct {
	t       testing.TB
	of      [2]*vault
	mounted [2]*mounted
	tools   []syncTool
	model   string // a plain directory with what should be there
}

func newMachines(t testing.TB) *machines {
	t.Helper()
	m := &machines{t: t, model: t.TempDir()}
	one := newVault(t, 2)
	base := t.TempDir()
	two := &vault{t: t, program: one.program, dir: base + "/vault", pass: one.pass, root: base + "/mnt", logs: base + "/log"}
	for i := range one.clouds {
		two.clouds = append(two.clouds, base+"/cloud-"+cloudName(i))
		must(t, os.Mkdir(two.clouds[i], 0o755))
	}
	must(t, os.Mkdir(two.root, 0o755))
	m.of = [2]*vault{one, two}
	m.tools = []syncTool{newBisync(t, [2]string{one.clouds[0], two.clouds[0]}), newSyncthing(t, [2]string{one.clouds[1], two.clouds[1]})}
	m.pass()
	two.overcast("join", two.dir, "--keys", one.dir+"/keys.age", two.clouds[0], two.clouds[1], "--passfile", two.pass)
	for i, v := range m.of {
		v.troubled = true
		m.mounted[i] = v.mount()
		m.mounted[i].deadline.Reset(lifetimeOfMachines)
	}
	t.Cleanup(func() {
		for _, mounted := range m.mounted { // what a test that failed has left
			select {
			case <-mounted.ended:
			default:
				_ = command{}.try(t, mounted.program, "unmount", mounted.root)
				mounted.await()
			}
		}
		if said, _ := os.ReadFile(two.logs); t.Failed() {
			t.Logf("the mounts of the second machine said:\n%s", last(string(said)))
		}
	})
	return m
}

func (m *machines) pass() {
	m.t.Helper()
	for _, tool := range m.tools {
		tool.pass()
	}
}

func (m *machines) stop() {
	m.t.Helper()
	for _, tool := range m.tools {
		tool.stop()
	}
}

// at is a path on one of the machines.
func (m *machines) at(i int, path ...string) string { return m.of[i].at(path...) }

// shown is what a machine shows: everything but the times of directories, and what of it cannot be read.
func shown(root string) map[string]string {
	tree := map[string]string{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		line := fmt.Sprintf("%o", st.Mode)
		if err == nil && d.Type().IsRegular() {
			var content []byte
			content, err = os.ReadFile(path)
			line += fmt.Sprintf(" %s %d bytes %.60q %x", time.Unix(st.Mtim.Unix()).UTC().Format(time.RFC3339Nano), len(content), content, sha256.Sum256(content))
		}
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			var target string
			target, err = os.Readlink(path)
			line += " -> " + target
		}
		if err != nil {
			line += " " + err.Error()
		}
		tree[name] = line
		return nil
	})
	delete(tree, ".")
	return tree
}

// differ tells how two trees differ, in a few lines.
func differ(got, want map[string]string) (lines []string) {
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if got[name] != want[name] {
			lines = append(lines, fmt.Sprintf("%q\n is %.250s\nnot %.250s", name, got[name], want[name]))
		}
	}
	return lines
}

// withoutLeftOver forgets empty directories that are not wanted: rclone bisync carries files only, so that a directory that was
// removed or renamed on one machine stays in the other one's cloud, and nobody can tell it from one that was made there.
func withoutLeftOver(got, want map[string]string) map[string]string {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(got))) {
		_, wanted := want[name]
		filled := slices.ContainsFunc(slices.Collect(maps.Keys(got)), func(other string) bool { return strings.HasPrefix(other, name+"/") })
		if !wanted && !filled && strings.HasPrefix(got[name], "4") {
			delete(got, name)
		}
	}
	return got
}

// patienceOfMachines is how long what one machine did may take until the other one shows it, with the tools at work: a record
// of a removal takes a minute.
const patienceOfMachines = 150 * time.Second

// lifetimeOfMachines is how long their mounts may be there.
const lifetimeOfMachines = 40 * time.Minute

// demandExact lets the tools work until both machines show what the model shows.
func (m *machines) demandExact(what string) {
	m.t.Helper()
	start := time.Now()
	want := shown(m.model)
	for {
		m.pass()
		one, two := differ(withoutLeftOver(shown(m.of[0].root), want), want), differ(withoutLeftOver(shown(m.of[1].root), want), want)
		if len(one)+len(two) == 0 {
			break
		}
		if time.Since(start) > patienceOfMachines {
			m.t.Fatalf("%s: the first machine differs:\n%s\nand the second:\n%s", what, strings.Join(one, "\n"), strings.Join(two, "\n"))
		}
		time.Sleep(200 * time.Millisecond)
	}
	m.t.Logf("%s: exact after %v", what, time.Since(start).Round(100*time.Millisecond))
}

// An edit is something that a program does below a directory. It does the same below every one that shows the same.
type edit struct {
	what, of string // of is the path of what is changed
	do       func(root string) error
}

// below lists the files and the directories that are is below a root, by their paths.
func below(root string) (files, directories []string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil || name == ".":
		case d.IsDir():
			directories = append(directories, name)
		default:
			files = append(files, name)
		}
		return nil
	})
	return files, directories
}

// edit does something on one machine, and to the model.
func (m *machines) edit(i int, e edit) {
	m.t.Helper()
	m.t.Logf("machine %d: %s", i, e.what)
	must(m.t, e.do(m.of[i].root))
	must(m.t, e.do(m.model))
	must(m.t, filepath.WalkDir(m.model, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(m.model, path)
		info, err := os.Lstat(m.at(i, name))
		if err != nil { // the other machine has just made it, say
			return nil
		}
		when := unix.NsecToTimespec(info.ModTime().UnixNano())
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	}))
}

// demandAgreement lets the tools work, and has one machine heal what a conflict has left, until both show the same, again and
// again, and it is as wanted.
func (m *machines) demandAgreement(healer int, wanted func(files map[string]string) []string) {
	m.t.Helper()
	start := time.Now()
	healed, calm, before := false, 0, ""
	for calm < 3 {
		m.pass()
		one, two := withoutLeftOver(shown(m.of[0].root), nil), withoutLeftOver(shown(m.of[1].root), nil)
		wrong := append(differ(one, two), wanted(one)...)
		now := fmt.Sprint(len(one), m.count())
		if len(wrong) == 0 && healed && now == before {
			calm++
		} else {
			calm = 0
		}
		before = now
		if time.Since(start) > patienceOfMachines {
			m.t.Fatalf("the machines do not agree:\n%s\nand the clouds have %s", strings.Join(wrong, "\n"), before)
		}
		if !healed {
			v := m.of[healer]
			healed = command{}.try(m.t, v.program, "heal", v.dir).code == 0
		}
		time.Sleep(200 * time.Millisecond)
	}
	m.t.Logf("agreed after %v, with %s entries", time.Since(start).Round(100*time.Millisecond), before)
}

// count is how many entries each of the directories has.
func (m *machines) count() string {
	m.t.Helper()
	var n []int
	for _, v := range m.of {
		for _, dir := range v.clouds {
			n = append(n, len(everything(m.t, dir)))
		}
	}
	return fmt.Sprint(n)
}

// finish unmounts both machines. Nothing may be wrong on either, and each cloud of each alone has what the first has shown.
func (m *machines) finish() {
	m.t.Helper()
	want := withoutLeftOver(shown(m.of[0].root), nil)
	// rclone bisync takes what changes while it runs for what it has carried, and so leaves some of it where it is.
	for range 2 {
		m.of[0].check(0, "heal")
		m.pass()
	}
	for _, mounted := range m.mounted {
		mounted.unmount()
	}
	m.pass()
	for i, v := range m.of {
		if wrong := v.wrong(); len(wrong) > 0 {
			m.t.Errorf("machine %d finds %q", i, wrong)
		}
		v.eachAlone(func(root string) {
			if wrong := differ(withoutLeftOver(shown(root), want), want); len(wrong) > 0 {
				m.t.Errorf("a cloud of machine %d alone differs:\n%s", i, strings.Join(wrong, "\n"))
			}
		})
	}
}

// wrong is what verify finds to be wrong, but for directories that are not everywhere: what is in them is told as well.
func (v *vault) wrong() (list []string) {
	v.t.Helper()
	said := command{}.try(v.t, v.program, "verify", v.dir, "--json", "--passfile", v.pass)
	var r report
	must(v.t, json.Unmarshal([]byte(said.stdout), &r))
	var directories []string
	m := v.mount("--read-only")
	for name, line := range shown(v.root) {
		if strings.HasPrefix(line, "4") {
			directories = append(directories, name)
		}
	}
	m.unmount()
	for _, f := range r.Findings {
		if f.Kind != "foreign" && f.Kind != "duplicate" && (f.Kind != "missing" || !slices.Contains(directories, f.Path)) {
			list = append(list, f.Kind+" "+f.Path+" "+f.Cloud)
		}
	}
	return list
}
