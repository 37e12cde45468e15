package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the manual pages anew")

// manDir holds the manual pages, which are installed as they are.
const manDir = "../../docs/man"

// pageDate is the pages' date: one that moves would change them all.
var pageDate = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// TestManPages demands that the manual pages say what the commands' help says. With -update it writes them.
func TestManPages(t *testing.T) {
	pages := t.TempDir()
	root := newRootCmd()
	forMan(root)
	header := &doc.GenManHeader{Section: "1", Source: "Overcast", Manual: "Overcast", Date: &pageDate}
	if err := doc.GenManTree(root, header, pages); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(manDir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(manDir, os.DirFS(pages)); err != nil {
			t.Fatal(err)
		}
	}
	want, got := pagesIn(t, pages), pagesIn(t, manDir)
	if len(want) < 20 || want["overcast.1"] == nil || want["overcast-mount.1"] == nil {
		t.Errorf("there are only %d pages", len(want))
	}
	for name, text := range want {
		if !bytes.Equal(text, got[name]) {
			t.Errorf("%s/%s is not what the command says: go test ./cmd/overcast -run TestManPages -update", manDir, name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s/%s belongs to no command: go test ./cmd/overcast -run TestManPages -update", manDir, name)
	}
}

func pagesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string][]byte{}
	for _, name := range names {
		if pages[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

// forMan writes the texts of a command and of those below it in the markdown that the generator of pages reads.
func forMan(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	cmd.InitDefaultHelpFlag()
	cmd.Long = markdownOf(cmd.Long)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		f.Usage = markdown.Replace(strings.ReplaceAll(usage, "\n", " "))
		if f.NoOptDefVal == "" {
			if !slices.Contains([]string{"", "[]", "0", "0s"}, f.DefValue) {
				f.Usage += " (default " + f.DefValue + ")"
			}
			f.Value, f.DefValue = namedValue{f.Value}, strings.ToUpper(name)
		}
	})
	for _, c := range cmd.Commands() {
		forMan(c)
	}
}

// A namedValue is shown as its name and not, between quotes, as its default.
type namedValue struct{ pflag.Value }

func (namedValue) Type() string { return "name" }

// markdown escapes what is no markdown in the texts of commands.
var markdown = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, "`", "\\`", `<`, `\<`, `[`, `\[`, `|`, `\|`)

// markdownOf makes paragraphs that are indented blocks of code.
func markdownOf(text string) string {
	var out []string
	for block := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(block, "  ") {
			block = "```\n" + block + "\n```"
		} else {
			block = markdown.Replace(block)
		}
		out = append(out, block)
	}
	return strings.Join(out, "\n\n")
}

// TestManPagesAreWellFormed lets man read each page, and complain.
func TestManPagesAreWellFormed(t *testing.T) {
	pages, err := filepath.Glob(manDir + "/*.1")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		man := exec.Command("man", "--warnings=w", "-E", "UTF-8", "-l", page)
		man.Env = append(os.Environ(), "MANPAGER=cat", "MANWIDTH=100", "MANROFFSEQ=", "LC_ALL=C.UTF-8")
		var said, complaints strings.Builder
		man.Stdout, man.Stderr = &said, &complaints
		if err := man.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s", page, err, complaints.String())
		}
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION"} {
			if !strings.Contains(said.String(), section+"\n") {
				t.Errorf("%s: no section %s", page, section)
			}
		}
	}
}
