package integration

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/overcast-fs/overcast"

// parts are the parts of the project, from the bottom up, with what each may import besides itself. Parts at one height
// know nothing of each other.
var parts = []struct {
	prefix string
	height int
	may    []string
}{
	{"cipher", 0, nil},
	{"fs/durable", 1, []string{"cipher"}},
	{"fs/cloud", 2, []string{"cipher"}},
	{"fs/redo", 2, []string{"cipher"}},
	{"fs/index", 2, []string{"fs/durable", "cipher"}},
	{"fs/vault", 2, []string{"fs/durable", "cipher"}},
	{"fs/mirror", 3, []string{"fs/cloud", "fs/redo", "fs/index", "fs/vault", "cipher"}},
	{"fs/mount", 4, []string{"fs/mirror", "fs/cloud", "cipher"}},
	{"fs/volume", 5, []string{"fs/mount", "fs/mirror", "fs/cloud", "fs/redo", "fs/index", "fs/vault", "fs/durable", "cipher"}},
	{"fs/tree", 5, []string{"fs/mirror"}},
	{"fs/exchange", 6, []string{"fs/tree", "fs/mirror", "fs/durable", "cipher"}},
	{"fs", 0, nil}, // the map: no code
	{"cmd/overcast/internal/daemon", 6, []string{"fs/volume", "fs/vault", "cipher"}},
	{"cmd/overcast/internal/helper", 6, []string{"fs/mount"}},
	{"cmd/overcast/internal/machine", 6, nil},
	{"cmd/overcast/internal/secret", 6, nil},
	{"cmd/overcast/internal/output", 6, []string{"fs/tree"}},
	{"cmd/overcast/internal/listing", 6, nil},
	{"cmd/overcast/internal/cli", 7, []string{
		"cmd/overcast/internal/machine", "cmd/overcast/internal/secret", "cmd/overcast/internal/output", "fs/volume", "fs/tree", "fs/mount", "fs/vault",
	}},
	{"cmd/overcast/internal/standing", 8, []string{"cmd/overcast/internal/cli", "cmd/overcast/internal/output", "fs/volume", "fs/vault"}},
	{"cmd/overcast/internal/life", 8, []string{
		"cmd/overcast/internal/cli", "cmd/overcast/internal/secret", "cmd/overcast/internal/output", "fs/volume", "fs/vault", "fs/durable", "cipher",
	}},
	{"cmd", 9, []string{
		"cmd/overcast/internal/cli", "cmd/overcast/internal/life", "cmd/overcast/internal/standing",
		"cmd/overcast/internal/daemon", "cmd/overcast/internal/helper", "cmd/overcast/internal/machine", "cmd/overcast/internal/secret", "cmd/overcast/internal/output", "cmd/overcast/internal/listing",
		"fs/volume", "fs/tree", "fs/exchange", "fs/mount", "fs/vault", "cipher",
	}},
	{"integration", 10, []string{"cmd", "fs/mount", "fs/mirror", "fs/cloud", "fs/redo", "fs/vault", "cipher"}},
}

// partOf returns the index of the part that a package belongs to, or -1.
func partOf(pkg string) int {
	for i, p := range parts {
		if within(pkg, p.prefix) {
			return i
		}
	}
	return -1
}

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// imports calls found for each import of a file.
func (s *source) imports(found func(what string, at token.Pos)) {
	for _, spec := range s.file.Imports {
		what, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			found(what, spec.Pos())
		}
	}
}

func importsOneWay(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		from := partOf(s.dir())
		if from < 0 {
			findings = append(findings, s.at(s.file.Pos(), "package %s is no part of the project that a rule knows", s.dir()))
			continue
		}
		s.imports(func(what string, at token.Pos) {
			pkg, ours := strings.CutPrefix(what, module+"/")
			if ours && !s.mayImport(from, pkg) {
				findings = append(findings, s.at(at, "%s must not import %s", s.dir(), pkg))
			}
		})
	}
	return findings
}

// mayImport: a test may use whatever is not above it.
func (s *source) mayImport(from int, pkg string) bool {
	to := partOf(pkg)
	switch {
	case to < 0:
		return false
	case pkg == "cipher/cbc" || pkg == "cipher/mac":
		return within(s.dir(), "cipher") // what they return is not authenticated
	case pkg == "cipher" && within(s.dir(), "cipher"):
		return s.dir() == "cipher/speed" || s.isTest()
	case s.isTest():
		return parts[to].height <= parts[from].height
	}
	return to == from || slices.Contains(parts[from].may, parts[to].prefix)
}

// rooms are the packages of the mirror, with what each may import of the others besides itself: one way, and a room's files
// are nobody's else.
var rooms = []struct {
	dir string
	may []string // below fs/mirror/internal
}{
	{"fs/mirror", []string{"recovery", "view", "nodes", "belief", "content", "queue", "rejoin", "missed", "pace", "copies", "clouds", "replica", "entries", "telling", "memory", "journal", "removals", "notice", "toolcopy", "lock"}},
	{"fs/mirror/internal/view", []string{"nodes", "belief", "judge", "listing", "content", "copies", "clouds", "replica", "telling", "memory"}},
	{"fs/mirror/internal/nodes", []string{"content", "copies", "clouds", "replica", "telling", "lock"}},
	{"fs/mirror/internal/recovery", []string{"content", "copies", "repair", "telling", "clouds", "replica", "entries", "journal"}},
	{"fs/mirror/internal/content", []string{"rounds", "rival", "special", "draft", "copies", "clouds", "replica", "entries", "layer", "journal", "lock"}},
	{"fs/mirror/internal/special", []string{"draft", "clouds", "replica", "entries", "journal"}},
	{"fs/mirror/internal/rival", []string{"replica"}},
	{"fs/mirror/internal/rounds", []string{"entries", "journal", "lock"}},
	{"fs/mirror/internal/draft", []string{"copies", "clouds", "replica", "layer", "journal"}},
	{"fs/mirror/internal/copies", []string{"clouds", "replica", "layer", "journal", "notice", "lock"}},
	{"fs/mirror/internal/notice", []string{"lock"}},
	{"fs/mirror/checkup", []string{"fs/mirror", "heal", "compare", "replica"}},
	{"fs/mirror/internal/toolcopy", []string{"heal", "compare", "judge", "clouds", "removals", "replica", "lock"}},
	{"fs/mirror/internal/queue", []string{"rejoin", "heal", "compare", "judge", "clouds", "memory", "removals", "replica", "notice", "lock"}},
	{"fs/mirror/internal/rejoin", []string{"heal", "compare", "judge", "clouds", "missed", "pace", "removals", "replica", "journal", "lock"}},
	{"fs/mirror/internal/heal", []string{"compare", "judge", "removals", "replica"}},
	{"fs/mirror/internal/compare", []string{"judge", "removals", "replica"}},
	{"fs/mirror/internal/removals", []string{"replica"}},
	{"fs/mirror/internal/belief", []string{"compare", "judge", "copies", "telling", "memory", "clouds", "replica"}},
	{"fs/mirror/internal/listing", []string{"clouds", "replica"}},
	{"fs/mirror/internal/repair", []string{"level", "step", "judge", "replica", "journal"}},
	{"fs/mirror/internal/level", []string{"step", "judge", "replica", "journal"}},
	{"fs/mirror/internal/step", []string{"replica", "journal"}},
	{"fs/mirror/internal/telling", []string{"clouds", "replica", "entries", "memory", "journal", "removals"}},
	{"fs/mirror/internal/clouds", []string{"replica", "lock"}},
	{"fs/mirror/internal/entries", []string{"journal", "lock"}},
	{"fs/mirror/internal/replica", []string{"journal"}},
	{"fs/mirror/internal/layer", []string{"journal"}},
	{"fs/mirror/internal/judge", nil},
	{"fs/mirror/internal/memory", nil},
	{"fs/mirror/internal/missed", nil},
	{"fs/mirror/internal/pace", nil},
	{"fs/mirror/internal/journal", nil},
	{"fs/mirror/internal/lock", nil},
	{"fs/mirror/audit", nil}, // the format alone, to check what the others wrote
}

func roomsOneWay(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		if !within(s.dir(), "fs/mirror") {
			continue
		}
		at := -1
		for i, room := range rooms {
			if room.dir == s.dir() {
				at = i
			}
		}
		if at < 0 {
			findings = append(findings, s.at(s.file.Pos(), "%s is no room of the mirror that a rule knows", s.dir()))
			continue
		}
		s.imports(func(what string, pos token.Pos) {
			pkg, _ := strings.CutPrefix(what, module+"/")
			// They make, and read back, what is tested; those of the mirror heal what another machine sees of it.
			checks := s.isTest() && (pkg == "fs/mirror/audit" || pkg == "fs/mirror" || pkg == "fs/mirror/checkup" && s.dir() == "fs/mirror")
			if within(pkg, "fs/mirror") && pkg != s.dir() && !slices.Contains(rooms[at].may, strings.TrimPrefix(pkg, "fs/mirror/internal/")) && !checks {
				findings = append(findings, s.at(pos, "%s must not import %s", s.dir(), pkg))
			}
		})
	}
	return findings
}

// locksAreListed: doc.go of a package with locks has a list of them, which names every one and no other.
func locksAreListed(t *tree) (findings []string) {
	listed := regexp.MustCompile(`(?m)^\t(\w+(?:\.\w+)?)\s`)
	for _, p := range t.packages() {
		var locks, list []string
		var text string
		for _, s := range p.files {
			if path.Base(s.name) == "doc.go" && s.file.Doc != nil {
				_, text, _ = strings.Cut(s.file.Doc.Text(), "# Locks")
				for _, m := range listed.FindAllStringSubmatch(text, -1) {
					list = append(list, m[1])
				}
			}
			locks = append(locks, s.locks()...)
		}
		if p.dir == "fs/mirror/internal/lock" || within(p.dir, "integration") {
			continue // what the types of locks are made of; tests
		}
		for _, l := range locks {
			if !regexp.MustCompile(`\b` + regexp.QuoteMeta(l) + `\b`).MatchString(text) {
				findings = append(findings, fmt.Sprintf("%s/doc.go does not list the lock %s", p.dir, l))
			}
		}
		for _, l := range list {
			if !slices.Contains(locks, l) {
				findings = append(findings, fmt.Sprintf("%s/doc.go lists the lock %s, which is not there", p.dir, l))
			}
		}
	}
	return findings
}

// locks are the mutexes of the types of a file, embedded ones too, and those that stand by themselves.
func (s *source) locks() (all []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return false
		case *ast.ValueSpec:
			if isMutex(n.Type) {
				all = append(all, namesOf(n.Names, "")...)
			}
		case *ast.TypeSpec:
			if body, ok := n.Type.(*ast.StructType); ok {
				for _, f := range body.Fields.List {
					if isMutex(f.Type) {
						all = append(all, namesOf(f.Names, n.Name.Name+".")...)
					}
				}
			}
			return false
		}
		return true
	})
	return all
}

// namesOf are the names of a declaration; a field without one is embedded.
func namesOf(ids []*ast.Ident, prefix string) (names []string) {
	for _, id := range ids {
		names = append(names, prefix+id.Name)
	}
	if len(names) == 0 {
		return []string{prefix + "Mutex"}
	}
	return names
}

// isMutex reports whether a type is sync.Mutex, sync.RWMutex, or one of those with its place in the order.
func isMutex(e ast.Expr) bool {
	if generic, ok := e.(*ast.IndexExpr); ok {
		e = generic.X
	}
	sel, ok := e.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "Mutex" || sel.Sel.Name == "RWMutex")
}

func onlyMountSpeaksFUSE(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		s.imports(func(what string, at token.Pos) {
			allowed := within(s.dir(), "fs/mount") || within(s.dir(), "integration")
			if strings.HasPrefix(what, "github.com/hanwen/go-fuse") && !allowed {
				findings = append(findings, s.at(at, "only fs/mount imports %s", what))
			}
		})
	}
	return findings
}

func cipherIsPure(t *tree) (findings []string) {
	impure := []string{"os", "log", "io/fs", "io/ioutil", "net", "path/filepath", module + "/fs"}
	for _, s := range t.handwritten() {
		if !within(s.dir(), "cipher") || s.isTest() || s.isProgram() {
			continue
		}
		s.imports(func(what string, at token.Pos) {
			if slices.ContainsFunc(impure, func(p string) bool { return within(what, p) }) {
				findings = append(findings, s.at(at, "cipher does no I/O and logs nothing, so it must not import %s", what))
			}
		})
	}
	return findings
}

// loud are the names, by package, that act on the whole process.
var loud = map[string]*regexp.Regexp{
	"os":   regexp.MustCompile(`^(Exit|Stdin|Stdout|Stderr)$`),
	"fmt":  regexp.MustCompile(`^Print`),
	"log":  regexp.MustCompile(`^(Print|Fatal|Panic|Set|Output|Default)`),
	"slog": regexp.MustCompile(`^(Default|SetDefault|SetLogLoggerLevel|Debug|Info|Warn|Error|Log)(Context|Attrs)?$`),
}

func belowCmdIsQuiet(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		if s.isTest() || s.isProgram() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					findings = append(findings, s.at(n.Pos(), "func init"))
				}
			case *ast.SelectorExpr:
				pkg, ok := n.X.(*ast.Ident)
				if ok && loud[pkg.Name] != nil && loud[pkg.Name].MatchString(n.Sel.Name) {
					findings = append(findings, s.at(n.Pos(), "%s.%s acts on the whole process", pkg.Name, n.Sel.Name))
				}
			}
			return true
		})
	}
	return findings
}

// mayBeSkipped are the tests of instruction sets that a machine can lack. Everything else that a test needs, CI has.
var mayBeSkipped = []string{"cipher/cbc/kernels", "cipher/mac/kernels", "cipher/cbc/guard", "cipher/mac/guard"}

func noSkips(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		if slices.ContainsFunc(mayBeSkipped, func(p string) bool { return strings.HasPrefix(s.name, p) }) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name) {
				return true
			}
			if x, ok := method.X.(*ast.Ident); ok && slices.Contains([]string{"t", "b", "f", "tb"}, x.Name) {
				findings = append(findings, s.at(n.Pos(), "a skipped test passes in CI: let it fail instead"))
			}
			return true
		})
	}
	return findings
}

// leftToDo is spelt so that it does not find itself.
var leftToDo = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

func nothingLeftToDo(t *tree) []string { return t.grep(leftToDo, "something is left to do") }

var (
	machinePath = regexp.MustCompile(`(^|[^\w.~/$}])/(root|work|Users)/` + `|\.\./sha` + `red\b`)
	homePath    = regexp.MustCompile(`(^|[^\w.~/$}])/home/`) // a test or a page may have somebody's as a sample
)

func noMachinePaths(t *tree) []string {
	code := &tree{files: t.files}
	for _, s := range t.all {
		if !s.isTest() && path.Ext(s.name) != ".md" {
			code.all = append(code.all, s)
		}
	}
	const what = "a path of one machine"
	return append(t.grep(machinePath, what), code.grep(homePath, what)...)
}

// grep finds lines of any text.
func (t *tree) grep(re *regexp.Regexp, what string) (findings []string) {
	for _, s := range t.all {
		for i, line := range strings.Split(s.text, "\n") {
			if re.MatchString(line) {
				findings = append(findings, s.name+":"+strconv.Itoa(i+1)+": "+what+": "+strings.TrimSpace(line))
			}
		}
	}
	return findings
}

// fuzzTargetsHaveSeeds wants f.Add, a helper that is given f, or files in testdata.
func fuzzTargetsHaveSeeds(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !s.isTest() || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			files, _ := fs.ReadDir(t.files, path.Join(s.dir(), "testdata/fuzz", f.Name.Name))
			if len(files) == 0 && !seeds(f) {
				findings = append(findings, s.at(f.Pos(), "%s has no seeds", f.Name.Name))
			}
		}
	}
	return findings
}

func seeds(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Add" {
			if x, ok := method.X.(*ast.Ident); ok && x.Name == "f" {
				found = true
			}
		}
		return true
	})
	return found
}

var (
	makeCommand = regexp.MustCompile("(?m)(?:`|^\\s+(?:\\$ )?)make ([a-z][a-z-]*)")
	makeTarget  = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	markdown    = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	testName    = regexp.MustCompile(`\b(Test[A-Z]\w*)(?:/(\w+))?`)
)

// documentationNamesWhatExists: every "make X" is a target, every relative link a file, and every test one that is run.
func documentationNamesWhatExists(t *tree) (findings []string) {
	makefile, _ := fs.ReadFile(t.files, "Makefile")
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	tests := t.tests()
	readme := false
	for _, s := range t.all {
		if path.Ext(s.name) != ".md" {
			continue
		}
		for _, m := range testName.FindAllStringSubmatch(s.text, -1) {
			if !tests[m[1]] || m[1] == "TestScripts" && m[2] != "" && !tests[m[0]] {
				findings = append(findings, s.name+": there is no test "+m[0])
			}
		}
		readme = readme || s.name == "README.md"
		for _, m := range makeCommand.FindAllStringSubmatch(s.text, -1) {
			if !targets[m[1]] {
				findings = append(findings, s.name+": the Makefile has no target "+m[1])
			}
		}
		for _, m := range markdown.FindAllStringSubmatch(s.text, -1) {
			if _, err := fs.Stat(t.files, path.Join(s.dir(), m[1])); err != nil {
				findings = append(findings, s.name+": a link to "+m[1]+", which does not exist")
			}
		}
	}
	if !readme {
		findings = append(findings, "there is no README.md")
	}
	return findings
}

// tests are the names of all tests, and of the scripts that one of them runs.
func (t *tree) tests() map[string]bool {
	names := map[string]bool{}
	for _, s := range t.handwritten() {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.isTest() && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	scripts, _ := fs.Glob(t.files, "cmd/overcast/testdata/script/*.txtar")
	for _, script := range scripts {
		names["TestScripts/"+strings.TrimSuffix(path.Base(script), ".txtar")] = true
	}
	return names
}

func topLevel(t *tree) (findings []string) {
	known := []string{".git", ".ci", "bin", "cipher", "cmd", "demo", "docs", "fs", "integration"}
	entries, err := fs.ReadDir(t.files, ".")
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(known, e.Name()) {
			findings = append(findings, e.Name()+": the top level has no such folder")
		}
	}
	return findings
}
