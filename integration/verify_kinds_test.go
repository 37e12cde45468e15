package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// meddled is a vault of two clouds, the second of which somebody else works in.
type meddled struct {
	*vault
	entries map[string]string // of files in the root, in the second cloud
}

func newMeddled(t *testing.T) *meddled {
	v := &meddled{newVault(t, 2), map[string]string{}}
	v.troubled = true
	return v
}

// put writes a file through the mount, and learns its entry.
func (v *meddled) put(name, content string) {
	v.t.Helper()
	before := v.backing(1)
	writeIn(v.t, v.root, name, bytes.Repeat([]byte(content+"\n"), 2000))
	for _, path := range v.backing(1) {
		if !slices.Contains(before, path) {
			v.entries[name] = path
		}
	}
}

// copy gives a name of the second cloud the backing file at a path.
func (v *meddled) copy(from, name string) {
	v.t.Helper()
	must(v.t, exec.Command("cp", "--preserve=mode,timestamps", from, v.entries[name]).Run())
}

// theirs is the second cloud's directory as another machine has it that starts from what is there now.
func (v *meddled) theirs(work func(root string)) (dir string) {
	v.t.Helper()
	aside := v.t.TempDir()
	for i, cloud := range v.clouds {
		ours := filepath.Join(aside, cloudName(i))
		must(v.t, exec.Command("cp", "-a", cloud, ours).Run())
	}
	other := v.elsewhere()
	m := other.mount()
	work(other.root)
	m.unmount()
	for i, cloud := range v.clouds {
		must(v.t, os.Rename(cloud, filepath.Join(aside, "theirs-"+cloudName(i))))
		must(v.t, exec.Command("cp", "-a", filepath.Join(aside, cloudName(i)), cloud).Run())
	}
	return filepath.Join(aside, "theirs-"+cloudName(1))
}

// delivers has a file of the second cloud change all the time, as when a sync client is at it.
func (v *meddled) delivers(name string) (stop func()) {
	quit, ended := make(chan struct{}), make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				ended <- nil
				return
			case <-time.After(100 * time.Millisecond):
			}
			if err := os.Chmod(v.entries[name], 0o600|os.FileMode(i%2)*0o100); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() {
		v.t.Helper()
		close(quit)
		must(v.t, <-ended)
	}
}

// TestVerifyKinds: verify tells each of the 13 kinds of what can be wrong, all at once.
func TestVerifyKinds(t *testing.T) {
	t.Parallel()
	v := newMeddled(t)
	m := v.mount()
	for _, name := range []string{"damaged", "truncated", "swapped", "for another", "was here", "resurrected", "rolled back", "stale", "missing", "disputed", "conflict", "duplicate"} {
		v.put(name, name)
	}
	m.unmount()
	before := t.TempDir()
	must(t, exec.Command("cp", "-a", v.clouds[1]+"/.", before).Run())
	was := func(name string) string { return filepath.Join(before, filepath.Base(v.entries[name])) }
	their := v.theirs(func(root string) {
		must(t, os.Rename(filepath.Join(root, "disputed"), filepath.Join(root, "elsewhere")))
		writeIn(t, root, "disputed", bytes.Repeat([]byte("another\n"), 2000))
		writeIn(t, root, "conflict", []byte("theirs\n"))
		writeIn(t, root, "arriving", bytes.Repeat([]byte("arriving\n"), 10_000)) // the largest
	})
	theirs := func(name string) string { return filepath.Join(their, filepath.Base(v.entries[name])) }

	m = v.mount()
	must(t, os.Remove(v.at("was here")))
	must(t, os.Remove(v.at("resurrected")))
	v.put("rolled back", "newer")
	writeIn(t, v.root, "conflict", []byte("ours\n"))
	m.unmount()
	must(t, os.Rename(v.clouds[0], v.clouds[0]+".away"))
	m = v.mount()
	writeIn(t, v.root, "stale", []byte("changed while a cloud was away\n"))
	m.unmount()
	must(t, os.Rename(v.clouds[0]+".away", v.clouds[0]))

	spoil(t, v.entries["damaged"], 5000, "damage")
	must(t, os.Truncate(v.entries["truncated"], 9000))
	v.copy(was("swapped"), "for another")
	v.copy(was("for another"), "swapped")
	v.copy(was("missing"), "was here")
	v.copy(was("resurrected"), "resurrected")
	v.copy(was("rolled back"), "rolled back")
	must(t, os.Remove(v.entries["missing"]))
	v.copy(theirs("disputed"), "disputed")
	v.copy(theirs("conflict"), "conflict")
	arriving := (&vault{t: t, clouds: []string{"", their}}).backing(1)[0]
	v.entries["arriving"] = filepath.Join(v.clouds[1], filepath.Base(arriving))
	v.copy(arriving, "arriving")
	must(t, os.Truncate(v.entries["arriving"], 50_000)) // it has not been delivered whole
	must(t, exec.Command("cp", "-a", v.entries["duplicate"], v.entries["duplicate"]+" (1)").Run())
	must(t, os.WriteFile(filepath.Join(v.clouds[1], "desktop.ini"), []byte("somebody's"), 0o644))

	stop := v.delivers("arriving")
	r := v.check(26, "verify", "--passfile", v.pass)
	stop()
	want := []string{
		"arriving arriving b", "conflict conflict b", "damaged damaged b", "disputed disputed b", "duplicate duplicate b", "foreign  b", "missing arriving a", "missing missing b",
		"planted was here b", "resurrected resurrected b", "rolled back rolled back b", "stale conflict a", "stale stale a", "swapped for another b", "swapped swapped b",
		"truncated truncated b",
	}
	if got := r.kinds(); !slices.Equal(got, want) {
		t.Errorf("it finds\n%q, not\n%q", got, want)
	}
}
