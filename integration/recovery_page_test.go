package integration

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// losses are what is lost before each list of commands of docs/recovery.md, in words of the shell; what is typed; and what
// shows that everything is there again.
var losses = map[string]struct{ lost, typed, shown string }{
	"Before anything is lost": {
		lost: "rm ~/stick/keys.age ~/kit.txt; echo old | overcast recovery ~/vault --revoke", typed: "old\nold\n",
		shown: `cmp ~/vault/keys.age ~/stick/keys.age; grep -q 'src="data:image/png' ~/kit.html
			grep -o 'AGE-SECRET-KEY-PQ-1[0-9A-Z]*' ~/kit.html | overcast recovery ~/vault --check -`,
	},
	"A new machine": {
		lost: "rm -r ~/vault; mkdir ~/Private", typed: "old\nold\n",
		shown: "cmp ~/Private/letter ~/letter; overcast unmount ~/Private",
	},
	"The vault's directory is lost": {lost: "rm -r ~/vault", typed: "old\n", shown: reads("old")},
	"vault.toml is lost":            {lost: "rm ~/vault/vault.toml", typed: "old\n", shown: reads("old")},
	"Only the paper is left": {
		lost: "rm -r ~/vault ~/stick", typed: "KIT\nnew\n", shown: reads("new"),
	},
	"The passphrase is forgotten": {typed: "KIT\nnew\n", shown: reads("new")},
	"The passphrase leaked": {
		typed: "old\nnew\nnew\n",
		shown: reads("new") + "; cmp ~/vault/keys.age ~/stick/keys.age; echo old | overcast ls ~/vault 2>/dev/null && exit 1; true",
	},
	"The paper was seen": {
		typed: "old\nold\n",
		shown: "overcast recovery ~/vault --check ~/kit.txt >/dev/null 2>&1 && exit 1; grep -q 'src=' ~/kit.html",
	},
	"All clouds but one are lost": {
		lost: "rm -r ~/vault ~/Dropbox", typed: "old\nold\n", shown: "cmp ~/everything/letter ~/letter",
	},
	"A cloud lost its files": {
		lost: "cd ~/Dropbox/private && rm -r $(ls | grep -v z-overcast.json)", typed: "old\n",
		shown: reads("old") + "; echo old | overcast verify ~/vault >/dev/null",
	},
	"A cloud's folder is elsewhere": {shown: reads("old") + "; overcast cloud list ~/vault | grep -q '^beta *ok .*elsewhere'"},
	"Without Overcast":              {lost: "rm -r ~/vault ~/stick ~/Dropbox", shown: "cmp ~/everything/letter ~/letter; ! test -e ~/keys.json"},
}

// reads is a script that reads the file that was written before the loss, from every cloud by itself too.
func reads(passphrase string) string {
	return "echo " + passphrase + " | overcast cat ~/vault /letter 2>~/warned | cmp - ~/letter; ! grep . ~/warned"
}

// TestRecoveryPage runs the commands of each case, after what the case is about was lost.
func TestRecoveryPage(t *testing.T) {
	t.Parallel()
	cases := commandsOf(t, "../docs/recovery.md")
	if got, want := slices.Sorted(maps.Keys(cases)), slices.Sorted(maps.Keys(losses)); !slices.Equal(got, want) {
		t.Fatalf("the page has the cases %q, and the test %q", got, want)
	}
	tools := recoveryTools(t)
	for title, commands := range cases {
		t.Run(title, func(t *testing.T) {
			home := t.TempDir()
			shell := command{dir: home, env: []string{"HOME=" + home, "PATH=" + tools + ":" + os.Getenv("PATH")}}
			sh := func(script, stdin string) string {
				t.Helper()
				shell.stdin = stdin
				return shell.run(t, "sh", "-ec", script)
			}
			sh(`echo remember >letter; mkdir stick
				echo old | overcast init ~/vault --cloud alpha=$HOME/Dropbox/private --cloud beta=$HOME/Nextcloud/private --scrypt-work-factor 1
				echo old | overcast put ~/vault ~/letter /
				echo old | overcast keys ~/vault --copy-to ~/stick/keys.age
				echo old | overcast recovery ~/vault >kit.txt
				grep -o 'AGE-SECRET-KEY-PQ-1.*' kit.txt >line; mv line kit.txt; chmod 600 kit.txt`, "")
			kit := strings.TrimSpace(string(readIn(t, home, "kit.txt")))
			loss := losses[title]
			sh(loss.lost, "")
			sh(commands, strings.ReplaceAll(loss.typed, "KIT", kit))
			sh(loss.shown, "")
		})
	}
}

// commandsOf gives the indented lines below each heading of a page that has some.
func commandsOf(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	must(t, err)
	cases, title := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			title = strings.TrimSpace(heading)
		}
		if code, ok := strings.CutPrefix(line, "    "); ok {
			cases[title] += code
		}
	}
	return cases
}

// recoveryTools is a directory with the program, age of the version that go.mod names, and the reader.
func recoveryTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	overcast, err := program()
	must(t, err)
	must(t, os.Symlink(overcast, filepath.Join(dir, "overcast")))
	said, err := exec.Command("go", "build", "-o", filepath.Join(dir, "age"), "filippo.io/age/cmd/age").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	reader, err := filepath.Abs("../docs/reader.py")
	must(t, err)
	python := "#!/bin/sh\nshift\nexec " + debianPython + " " + reader + " \"$@\"\n"
	must(t, os.WriteFile(filepath.Join(dir, "python3"), []byte(python), 0o755))
	return dir
}
