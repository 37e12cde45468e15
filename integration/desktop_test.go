package integration

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFileManagers does with GLib, on which most file managers stand, what they do with a folder.
func TestFileManagers(t *testing.T) {
	t.Parallel()
	need(t, "gio", "libglib2.0-bin")
	v := newVault(t, 2)
	home := command{env: []string{"HOME=" + t.TempDir(), "XDG_DATA_HOME=", "LC_ALL=C.UTF-8"}}
	m := v.mount()
	must(t, os.WriteFile(m.at("letter.txt"), []byte("dear all\n"), 0o600))

	// A local folder to them: no warning, and thumbnails as everywhere.
	info := home.run(t, "gio", "info", "-f", m.root)
	for _, want := range []string{"filesystem::remote: FALSE\n", "filesystem::size: ", "filesystem::free: "} {
		if !strings.Contains(info, want) {
			t.Errorf("a file manager is not told %q:\n%s", want, info)
		}
	}

	if !m.isShownNew("report.txt", home.env) {
		t.Error("what another program made is not shown at once")
	}

	// The trash is in the mount, and is its user's.
	home.run(t, "gio", "trash", m.at("letter.txt"))
	trash := m.at(".Trash-" + strconv.Itoa(os.Getuid()))
	trashed, err := os.ReadFile(filepath.Join(trash, "files/letter.txt"))
	if string(trashed) != "dear all\n" {
		t.Errorf("in the trash there is %q, %v", trashed, err)
	}
	if st, err := os.Stat(trash); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the trash is open to others: %v, %v", st, err)
	}
	if left := filesBelow(t, strings.TrimPrefix(home.env[0], "HOME=")); len(left) > 0 {
		t.Errorf("outside of the mount there is %q", left)
	}
	m.unmount()
	v.eachAlone(func(root string) {
		if got, err := os.ReadFile(filepath.Join(root, filepath.Base(trash), "files/letter.txt")); string(got) != "dear all\n" {
			t.Errorf("a cloud has another trash: %q, %v", got, err)
		}
	})

	m = v.mount("--read-only")
	if info := home.run(t, "gio", "info", "-f", m.root); !strings.Contains(info, "filesystem::readonly: TRUE\n") {
		t.Errorf("a file manager is not told that the mount is read-only:\n%s", info)
	}
	if r := home.try(t, "gio", "trash", m.at("report.txt")); r.code == 0 {
		t.Error("a file went from a mount that is read-only")
	}
	if err := unix.Access(m.at("report.txt"), unix.R_OK); err != nil {
		t.Error(err)
	}
	m.unmount()
}

// isShownNew reports whether somebody who looks at the root sees a file that is made meanwhile.
func (m *mounted) isShownNew(name string, env []string) bool {
	m.t.Helper()
	monitor := exec.Command("gio", "monitor", "-d", m.root)
	monitor.Env = append(os.Environ(), env...)
	events, err := monitor.StdoutPipe()
	must(m.t, err)
	must(m.t, monitor.Start())
	late := time.AfterFunc(answer, func() { _ = monitor.Process.Kill() })
	defer late.Stop()
	awaitWatch(m.t, monitor.Process.Pid)
	must(m.t, os.WriteFile(m.at(name), []byte("x"), 0o600))
	shown := false
	for lines := bufio.NewScanner(events); !shown && lines.Scan(); {
		shown = strings.Contains(lines.Text(), name)
	}
	_ = monitor.Process.Kill()
	_ = monitor.Wait()
	return shown
}

// awaitWatch waits until a process watches something.
func awaitWatch(t testing.TB, pid int) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fdinfo/*")
		must(t, err)
		for _, name := range files {
			if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "inotify wd:") {
				return
			}
		}
		if time.Since(begun) > answer {
			t.Fatal("the file manager watches nothing")
		}
	}
}
