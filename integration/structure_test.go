package integration

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A source is one text file of the project.
type source struct {
	name string // from the root, with slashes
	text string

	// For Go files only.
	fset *token.FileSet
	file *ast.File
}

func (s *source) dir() string     { return path.Dir(s.name) }
func (s *source) isTest() bool    { return strings.HasSuffix(s.name, "_test.go") }
func (s *source) isProgram() bool { return s.file.Name.Name == "main" }
func (s *source) line(p token.Pos) int {
	return s.fset.Position(p).Line
}

// at formats a finding.
func (s *source) at(p token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.name, s.line(p), fmt.Sprintf(format, args...))
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// A tree is all of the project's text.
type tree struct {
	files fs.FS
	all   []*source
}

// handwritten returns the Go files that no program made.
func (t *tree) handwritten() []*source {
	var out []*source
	for _, s := range t.all {
		if s.file != nil && !generated.MatchString(s.text) {
			out = append(out, s)
		}
	}
	return out
}

// readTree reads what git would: not what is built or made by running.
func readTree(files fs.FS) (*tree, error) {
	t := &tree{files: files}
	skipped := []string{".git", "bin", "demo"}
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (slices.Contains(skipped, name) || e.Name() == "testdata" || e.Name() == "__pycache__"):
			return fs.SkipDir
		case e.IsDir() || !isText(name):
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		s := &source{name: name, text: string(text)}
		if path.Ext(name) == ".go" {
			s.fset = token.NewFileSet()
			if s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
				return err
			}
		}
		t.all = append(t.all, s)
		return nil
	})
	return t, err
}

func isText(name string) bool {
	switch path.Ext(name) {
	case ".go", ".md", ".sh", ".py", ".s", ".mod":
		return true
	}
	return name == "Makefile" || name == ".ci/run"
}

// structure is every rule, with samples that break it.
var structure = []struct {
	name  string
	check func(*tree) []string
	bad   []sample
}{
	{"imports point one way", importsOneWay, importSamples},
	{"rooms of the mirror, one way", roomsOneWay, roomSamples},
	{"only fs/mount speaks FUSE", onlyMountSpeaksFUSE, fuseSamples},
	{"package cipher is pure", cipherIsPure, pureSamples},
	{"below cmd nothing exits, prints or logs globally", belowCmdIsQuiet, quietSamples},
	{"budgets", budgets, budgetSamples},
	{"budgets of packages and types", packageBudgets, packageSamples},
	{"maps name every file", mapsNameFiles, mapSamples},
	{"locks are listed", locksAreListed, lockSamples},
	{"no test is skipped", noSkips, skipSamples},
	{"nothing is left to do", nothingLeftToDo, leftToDoSamples},
	{"no path of one machine", noMachinePaths, machinePathSamples},
	{"fuzz targets have seeds", fuzzTargetsHaveSeeds, fuzzSamples},
	{"the documentation names what exists", documentationNamesWhatExists, documentationSamples},
	{"the top level", topLevel, topLevelSamples},
}

// A sample is a project of a few files that breaks a rule, and a part of each finding.
type sample struct {
	files fstest.MapFS
	want  []string
}

func TestStructure(t *testing.T) {
	project, err := readTree(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(project.handwritten()) < 50 {
		t.Fatalf("found only %d Go files: this is not the project", len(project.handwritten()))
	}
	for _, rule := range structure {
		t.Run(rule.name, func(t *testing.T) {
			for _, finding := range rule.check(project) {
				t.Error(finding)
			}
		})
	}
}

// TestStructureRulesCanFail holds each rule against projects that break it, and against one that breaks none.
func TestStructureRulesCanFail(t *testing.T) {
	good, err := readTree(fstest.MapFS{
		"README.md":         text("Run `make test`. See [it](docs/a.md)."),
		"docs/a.md":         text("# A"),
		"Makefile":          text("test: ## t\n\ttrue\n"),
		"cipher/a.go":       text("package cipher\n\nimport \"errors\"\n\nvar ErrA = errors.New(\"a\")\n"),
		"cipher/a_test.go":  text("package cipher\n\nimport \"os\"\n\nvar _ = os.Args\n"),
		"fs/mirror/m.go":    text("package mirror\n\nimport _ \"" + module + "/fs/cloud\"\n"),
		"cmd/overcast/m.go": text("package main\n\nimport \"os\"\n\nfunc main() { os.Exit(1) }\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range structure {
		t.Run(rule.name, func(t *testing.T) {
			for _, finding := range rule.check(good) {
				t.Errorf("nothing is wrong here: %s", finding)
			}
			if len(rule.bad) == 0 {
				t.Error("no sample shows that this rule can fail")
			}
			for _, s := range rule.bad {
				checkSample(t, rule.check, s)
			}
		})
	}
}

func checkSample(t *testing.T, check func(*tree) []string, s sample) {
	t.Helper()
	bad, err := readTree(s.files)
	if err != nil {
		t.Fatal(err)
	}
	got := check(bad)
	if len(got) != len(s.want) {
		t.Errorf("%d findings, want %d: %q", len(got), len(s.want), got)
	}
	for i, want := range s.want {
		if i < len(got) && !strings.Contains(got[i], want) {
			t.Errorf("finding %q, want %q in it", got[i], want)
		}
	}
}

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

// one is a project of one file.
func one(name, content string) fstest.MapFS { return fstest.MapFS{name: text(content)} }
