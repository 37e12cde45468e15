package integration

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// installable is a copy of what make install installs, with the program under test as what was built.
func installable(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	command{}.run(t, "cp", "-r", "../Makefile", "../docs", dir)
	built, err := program()
	must(t, err)
	command{dir: dir}.run(t, "mkdir", "bin")
	command{dir: dir}.run(t, "cp", built, "bin/overcast")
	return dir
}

// filesBelow lists everything in a tree but directories.
func filesBelow(t *testing.T, tree string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, tree))
		}
		return err
	}))
	return names
}

// TestInstall installs into an empty tree, looks at what is there as its readers do, and uninstalls it.
func TestInstall(t *testing.T) {
	dir, tree := installable(t), t.TempDir()
	makeIn := func(args ...string) {
		command{dir: dir}.run(t, append([]string{"make", "-s", "DESTDIR=" + tree}, args...)...)
	}
	makeIn("install", "PREFIX=/usr")
	at := func(name string) string { return filepath.Join(tree, name) }

	want := []string{
		"/sbin/mount.fuse.overcast", "/usr/bin/overcast", "/usr/lib/systemd/user/overcast@.service",
		"/usr/share/bash-completion/completions/overcast", "/usr/share/fish/vendor_completions.d/overcast.fish", "/usr/share/zsh/site-functions/_overcast",
	}
	pages, err := filepath.Glob("../docs/man/*.1")
	must(t, err)
	for _, page := range pages {
		want = append(want, "/usr/share/man/man1/"+filepath.Base(page))
	}
	slices.Sort(want)
	if got := filesBelow(t, tree); !slices.Equal(got, want) {
		t.Errorf("installed: %q\nwant %q", got, want)
	}

	demandUsable(t, at)

	// What others have put there stays, with its directories; ours go.
	must(t, os.WriteFile(at("/usr/share/man/man1/other.1"), nil, 0o644))
	makeIn("uninstall", "PREFIX=/usr")
	if left := command.run(command{dir: tree}, t, "find", ".", "!", "-path", "./usr/share/man/man1/other.1", "!", "-type", "d"); left != "" {
		t.Errorf("uninstall left %s", left)
	}
	must(t, os.Remove(at("/usr/share/man/man1/other.1")))
	makeIn("install", "PREFIX=/opt/overcast", "SBIN=/usr/sbin")
	if _, err := os.Stat(at("/opt/overcast/bin/overcast")); err != nil {
		t.Error(err)
	}
	makeIn("uninstall", "PREFIX=/opt/overcast", "SBIN=/usr/sbin")
	makeIn("uninstall", "PREFIX=/usr")
	if left := (command{dir: tree}).run(t, "find", ".", "-mindepth", "1"); left != "" {
		t.Errorf("uninstall left\n%s", left)
	}

	must(t, os.Remove(filepath.Join(dir, "bin/overcast")))
	if r := (command{dir: dir}).try(t, "make", "-s", "install", "DESTDIR="+tree); r.code == 0 || !strings.Contains(r.stdout, "make build comes first") {
		t.Errorf("nothing was built, and make install says: %d, %s%s", r.code, r.stdout, r.stderr)
	}
}

// demandUsable looks at what was installed as its readers do.
func demandUsable(t *testing.T, at func(name string) string) {
	t.Helper()
	if target, err := os.Readlink(at("/sbin/mount.fuse.overcast")); target != "/usr/bin/overcast" {
		t.Errorf("the helper of mount(8) is a link to %q, %v", target, err)
	}
	command{}.run(t, at("/usr/bin/overcast"), "version")
	for _, page := range []string{"overcast", "overcast-mount"} {
		command{}.run(t, "man", "-M", at("/usr/share/man"), "-w", page)
	}
	if unit, err := os.ReadFile(at("/usr/lib/systemd/user/overcast@.service")); !strings.Contains(string(unit), "\nExecStart=/usr/bin/overcast mount ") {
		t.Errorf("the unit starts something else: %v\n%s", err, unit)
	}
	for shell, script := range map[string]string{
		"bash": "/usr/share/bash-completion/completions/overcast", "zsh": "/usr/share/zsh/site-functions/_overcast",
		"fish": "/usr/share/fish/vendor_completions.d/overcast.fish",
	} {
		text, err := os.ReadFile(at(script))
		must(t, err)
		if said := (command{}).run(t, at("/usr/bin/overcast"), "completion", shell); said != string(text) {
			t.Errorf("%s has another text than overcast completion %s", script, shell)
		}
		if _, err := exec.LookPath(shell); err == nil {
			command{}.run(t, shell, "-n", at(script))
		} else {
			t.Logf("%s is not here to read %s", shell, script)
		}
	}
	if said := (command{}).run(t, "bash", "-c", "source "+at("/usr/share/bash-completion/completions/overcast")+" && complete -p overcast"); !strings.Contains(said, "overcast") {
		t.Errorf("bash completes nothing: %q", said)
	}
}
