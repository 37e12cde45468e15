package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyTree copies what is in one directory into another with tar, as people move trees between disks.
func copyTree(t testing.TB, from, to string, names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = []string{"."}
	}
	must(t, os.MkdirAll(to, 0o755))
	const script = `from=$1; to=$2; shift 2; tar -C "$from" -cf - "$@" | tar -C "$to" -xf -`
	command{}.run(t, append([]string{"sh", "-ec", script, "copy", from, to}, names...)...)
}

// goSource is a large real tree: the standard library and the toolchain.
func goSource(t testing.TB) string {
	t.Helper()
	return filepath.Join(strings.TrimSpace(command{}.run(t, "go", "env", "GOROOT")), "src")
}

// TestGoSource takes a tree of thousands of names through the mount and reads it back from everywhere.
func TestGoSource(t *testing.T) {
	t.Parallel()
	source := filepath.Join(goSource(t), goSourceDir)
	want := treeOf(t, source)
	v := newVault(t, 2)
	m := v.mount()
	copyTree(t, source, v.at("src"))
	demandSameTree(t, treeOf(t, v.at("src")), want)
	m.unmount()

	m = v.mount()
	demandSameTree(t, treeOf(t, v.at("src")), want)
	m.unmount()
	v.eachAlone(func(root string) { demandSameTree(t, treeOf(t, filepath.Join(root, "src")), want) })
}

// TestRsync copies a tree with rsync; a second run finds nothing to do, now or later, and neither does one from any cloud.
func TestRsync(t *testing.T) {
	t.Parallel()
	need(t, "rsync", "rsync")
	source := filepath.Join(goSource(t), "cmd/compile") + "/"
	// What rsync itemizes is what it found different: content is compared by checksum, and everything else by -a.
	again := func(options, to string) {
		t.Helper()
		if said := (command{}).run(t, "rsync", options, "--itemize-changes", source, to); said != "" {
			t.Errorf("rsync %s transfers again:\n%s", options, last(said))
		}
	}
	v := newVault(t, 3)
	m := v.mount()
	command{}.run(t, "rsync", "-a", source, v.at("copy"))
	again("-a", v.at("copy"))
	m.unmount()

	m = v.mount()
	again("-a", v.at("copy"))
	again("-ac", v.at("copy"))
	m.unmount()
	v.eachAlone(func(root string) { again("-ac", filepath.Join(root, "copy")) })
}

// TestGit works in a repository inside the mount as a day does.
func TestGit(t *testing.T) {
	t.Parallel()
	need(t, "git", "git")
	v := newVault(t, 2)
	m := v.mount()
	home := command{dir: v.at("repository"), env: []string{
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
	}}
	git := func(args ...string) string { t.Helper(); return home.run(t, append([]string{"git"}, args...)...) }
	source := filepath.Join(goSource(t), "net")
	copyTree(t, source, home.dir)
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-qm", "everything")
	for i, dir := range []string{"http", "netip", "mail"} {
		git("mv", dir, dir+"-moved")
		git("commit", "-qam", "move "+dir)
		git("checkout", "-q", "-b", dir)
		git("checkout", "-q", "main")
		if commits := strings.Count(git("log", "--oneline"), "\n"); commits != i+2 {
			t.Fatalf("%d commits, want %d", commits, i+2)
		}
	}
	git("revert", "--no-edit", "HEAD", "HEAD~1", "HEAD~2")
	git("gc", "-q", "--aggressive", "--prune=now")
	git("fsck", "--strict")
	git("clone", "-q", v.at("repository"), v.at("clone"))
	if changes := git("status", "--porcelain"); changes != "" {
		t.Errorf("git status:\n%s", changes)
	}
	m.unmount()

	demandSource := func(root string) {
		command{dir: filepath.Join(root, "clone"), env: home.env}.run(t, "git", "fsck", "--strict")
		command{}.run(t, "diff", "-r", "--exclude=.git", source, filepath.Join(root, "clone"))
	}
	m = v.mount()
	demandSource(v.root)
	m.unmount()
	v.eachAlone(demandSource)
}

// TestGoBuild builds programs inside the mount, with the compiler's cache in there, too, and runs one that writes source.
func TestGoBuild(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	m := v.mount()
	copyTree(t, "..", v.at("overcast"), "go.mod", "go.sum", "cipher", "fs", "cmd")
	inside := command{dir: v.at("overcast"), env: []string{
		"GOCACHE=" + v.at("cache"), "GOFLAGS=-mod=mod -buildvcs=false", "GOPROXY=off", "GOTMPDIR=" + v.root, "GOTOOLCHAIN=local",
	}}
	build := func(into string) {
		t.Helper()
		must(t, os.Mkdir(v.at(into), 0o755))
		inside.run(t, append([]string{"go", "build", "-o", v.at(into) + "/"}, goPrograms...)...)
	}
	build("programs")
	inside.run(t, v.at("programs/asmgen"), "cipher")
	command{}.run(t, "diff", "-r", "../cipher", v.at("overcast/cipher"))
	m.unmount()

	// What was built is in the cache, and nothing of the cache is damaged.
	m = v.mount()
	inside.limit = answer
	build("again")
	command{}.run(t, "diff", "-r", v.at("programs"), v.at("again"))
	m.unmount()
}

// withoutDirectoryTimes forgets the mtimes of directories, which differ between clouds unless somebody has set them.
func withoutDirectoryTimes(tree map[string]string) map[string]string {
	for name, line := range tree {
		if mode, _, _ := strings.Cut(line, " "); strings.HasPrefix(mode, "4") {
			tree[name] = mode
		}
	}
	return tree
}
