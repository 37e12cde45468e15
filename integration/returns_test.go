package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOneCloudAbsent takes each cloud away in turn.
func TestOneCloudAbsent(t *testing.T) {
	t.Parallel()
	for i, state := range [][]string{{"owes", "ok", "ok"}, {"ok", "owes", "ok"}, {"ok", "ok", "owes"}} {
		t.Run(cloudName(i), func(t *testing.T) {
			v := newVault(t, 3)
			m := v.mount()
			writeIn(t, v.root, "old", []byte("old"))
			m.unmount()
			away := v.clouds[i] + ".away"
			must(t, os.Rename(v.clouds[i], away))

			v.demandWarning(v.mountWarned(), cloudName(i), "absent")
			if got := v.status().Clouds[i].State; got != "absent" {
				t.Errorf("status says %q", got)
			}
			demandContent(t, v.at("old"), "old")
			writeIn(t, v.root, "old", []byte("newer"))
			writeIn(t, v.root, "new", []byte("new"))
			v.overcast("unmount", v.root)
			if _, err := os.Lstat(v.clouds[i]); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the absent cloud's directory: %v", err)
			}
			must(t, os.Rename(away, v.clouds[i]))
			v.demandStates(state...)

			// It is back, and is brought up to date while the mount is used.
			if said := v.mountWarned(); !strings.Contains(said, "cloud "+cloudName(i)+" owes changes: ") {
				t.Errorf("mount said %q", said)
			}
			demandContent(t, v.at("old"), "newer")
			demandContent(t, v.at("new"), "new")
			must(t, os.Remove(v.at("new")))
			v.awaitAllWell()
			v.overcast("unmount", v.root)
			v.eachAlone(func(root string) {
				demandContent(t, filepath.Join(root, "old"), "newer")
				if _, err := os.Lstat(filepath.Join(root, "new")); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("what was removed: %v", err)
				}
			})
		})
	}
}

// TestCloudGoes moves a cloud's directory away under a mount.
func TestCloudGoes(t *testing.T) {
	t.Parallel()
	for i := range 2 {
		t.Run(cloudName(i), func(t *testing.T) {
			v := newVault(t, 2)
			v.troubled = true
			m := v.mount()
			writeIn(t, v.root, "file", []byte("before"))
			must(t, os.Rename(v.clouds[i], v.clouds[i]+".away"))
			writeIn(t, v.root, "new", []byte("during"))
			v.demandNotice()
			writeIn(t, v.root, "file", []byte("after"))
			demandContent(t, v.at("new"), "during")
			m.unmount()
			if _, err := os.Lstat(v.clouds[i]); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its directory was made again: %v", err)
			}

			must(t, os.Rename(v.clouds[i]+".away", v.clouds[i]))
			if got := v.status().Clouds[i].State; got != "owes" {
				t.Errorf("status says %q of the cloud that is back", got)
			}
			m = v.mount()
			demandContent(t, v.at("file"), "after")
			v.awaitAllWell()
			m.unmount()
			v.eachAlone(func(root string) {
				demandContent(t, filepath.Join(root, "file"), "after")
				demandContent(t, filepath.Join(root, "new"), "during")
			})
		})
	}
}

// awaitState waits until status shows a state of a cloud.
func (v *vault) awaitState(i int, want string) {
	v.t.Helper()
	for late := time.Now().Add(stillness); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
		if v.status().Clouds[i].State == want {
			return
		}
	}
	v.t.Fatalf("cloud %s is %+v, not %s", cloudName(i), v.status().Clouds[i], want)
}

// awaitAllWell waits until every cloud is in use and owes nothing.
func (v *vault) awaitAllWell() {
	v.t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	const patient = 12 * stillness // what was missed in passing is paid half a minute later, with others, and a tenth of the time
	late := time.After(patient)
	for {
		well := true
		for _, c := range v.status().Clouds {
			well = well && c.State == "ok" && !c.Owes
		}
		if well {
			return
		}
		select {
		case <-look.C:
		case <-late:
			v.t.Fatalf("not all is well after %v: %+v", patient, v.status().Clouds)
		}
	}
}

// TestCloudMovedUnderLoad moves a cloud's directory away and back while programs write.
func TestCloudMovedUnderLoad(t *testing.T) {
	t.Parallel()
	for i := range 2 {
		t.Run(cloudName(i), func(t *testing.T) {
			v := newVault(t, 2)
			v.troubled = true
			m := v.mount()
			stop := make(chan struct{})
			ended := make(chan error, 1)
			go func() { ended <- keepChanging(v.root, stop) }()
			time.Sleep(time.Second)
			must(t, os.Rename(v.clouds[i], v.clouds[i]+".away"))
			v.demandNotice()
			time.Sleep(time.Second)
			if _, err := os.Lstat(v.clouds[i]); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its directory was made again: %v", err)
			}
			must(t, os.Rename(v.clouds[i]+".away", v.clouds[i]))
			v.awaitSaid("a cloud takes part again", 4*stillness)
			time.Sleep(time.Second)
			close(stop)
			must(t, <-ended)
			v.awaitAllWell()
			v.demandAlike(m)
		})
	}
}

// keepChanging makes, changes, moves and removes files and directories until it is told to stop.
func keepChanging(root string, stop <-chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		dir := filepath.Join(root, fmt.Sprint("dir", n%7))
		file := filepath.Join(dir, fmt.Sprint("file", n%11))
		var err error
		switch n % 5 {
		case 0, 1:
			err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, bytes.Repeat([]byte{byte(n)}, n%20_000), 0o644))
		case 2:
			err = os.WriteFile(filepath.Join(root, "log"), []byte(fmt.Sprint("line ", n)), 0o600)
		case 3:
			err = os.Rename(dir, filepath.Join(root, fmt.Sprint("moved", n)))
			if n > 100 {
				err = errors.Join(err, os.RemoveAll(filepath.Join(root, fmt.Sprint("moved", n-100))))
			}
		case 4:
			err = os.Remove(file)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// demandAlike unmounts, and wants each cloud alone to show what the mount has shown.
func (v *vault) demandAlike(m *mounted) {
	v.t.Helper()
	want := contents(v.t, v.root)
	m.unmount()
	v.eachAlone(func(root string) { demandUnchanged(v.t, root, want) })
}

// TestSmallCloud fills a cloud that is smaller than the other, and makes room again.
func TestSmallCloud(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	v.troubled = true
	marker, err := os.ReadFile(filepath.Join(v.clouds[1], "z-overcast.json"))
	must(t, err)
	must(t, unix.Mount("small", v.clouds[1], "tmpfs", 0, "size=8m"))
	t.Cleanup(func() { _ = unix.Unmount(v.clouds[1], unix.MNT_DETACH) })
	must(t, os.WriteFile(filepath.Join(v.clouds[1], "z-overcast.json"), marker, 0o644))
	m := v.mount()
	for n := range 12 {
		writeIn(t, v.root, fmt.Sprint("file", n), bytes.Repeat([]byte{byte(n)}, 1<<20))
	}
	v.awaitState(1, "full")
	for n := range 8 {
		must(t, os.Remove(v.at(fmt.Sprint("file", n))))
	}
	writeIn(t, v.root, "new", []byte("new"))
	v.awaitAllWell()
	want := treeOf(t, v.root)
	m.unmount()
	v.demandClouds(want)
}
