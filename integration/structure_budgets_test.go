package integration

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFile   = 500
	maxFunc   = 60
	maxTable  = 80 // a function that is mostly a table or a switch
	maxParams = 5

	maxPackage = 3000 // lines of a package, tests not counted
	maxMethods = 30   // of a type
	maxFields  = 20   // of a type

	// mapFrom is how many files a package has that owes its reader a map of them, in doc.go. Smaller ones may have one.
	mapFrom = 6
)

// adapters are the types whose exported methods an interface dictates; only the others count.
var adapters = []string{"fs/mount.filesystem", "fs/cloud.dir", "fs/cloud/cloudtest.Mem"}

func budgets(t *tree) (findings []string) {
	for _, s := range t.handwritten() {
		if lines := strings.Count(s.text, "\n"); lines > maxFile {
			findings = append(findings, s.at(s.file.Pos(), "%d lines, at most %d", lines, maxFile))
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines, most := s.span(n), s.allowance(n); lines > most {
					findings = append(findings, s.at(n.Pos(), "func %s has %d lines, at most %d", n.Name.Name, lines, most))
				}
			case *ast.FuncType:
				if params := n.Params.NumFields(); params > maxParams {
					findings = append(findings, s.at(n.Pos(), "%d parameters, at most %d", params, maxParams))
				}
			}
			return true
		})
	}
	return findings
}

// span counts the lines of a node, its first and last included.
func (s *source) span(n ast.Node) int { return s.line(n.End()) - s.line(n.Pos()) + 1 }

// allowance is how many lines a function may have.
func (s *source) allowance(f *ast.FuncDecl) int {
	table := 0
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.CompositeLit:
			table = max(table, s.span(n))
		}
		return true
	})
	if 2*table > s.span(f) {
		return maxTable
	}
	return maxFunc
}

// A pkg is the files of one folder that are not tests.
type pkg struct {
	dir   string
	files []*source
}

func (p *pkg) lines() (n int) {
	for _, s := range p.files {
		n += strings.Count(s.text, "\n")
	}
	return n
}

// packages are the folders with Go files, in order.
func (t *tree) packages() (all []*pkg) {
	byDir := map[string]*pkg{}
	for _, s := range t.handwritten() {
		if s.isTest() {
			continue
		}
		p := byDir[s.dir()]
		if p == nil {
			p = &pkg{dir: s.dir()}
			byDir[p.dir] = p
			all = append(all, p)
		}
		p.files = append(p.files, s)
	}
	return all
}

func packageBudgets(t *tree) (findings []string) {
	for _, p := range t.packages() {
		if lines := p.lines(); lines > maxPackage {
			findings = append(findings, fmt.Sprintf("package %s has %d lines, at most %d", p.dir, lines, maxPackage))
		}
		methods := map[string]int{}
		for _, s := range p.files {
			for _, d := range s.file.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					name := receiver(d)
					if name != "" && !(d.Name.IsExported() && slices.Contains(adapters, p.dir+"."+name)) {
						methods[name]++
					}
				case *ast.GenDecl:
					findings = append(findings, s.wideStructs(d)...)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(methods)) {
			if n := methods[name]; n > maxMethods {
				findings = append(findings, fmt.Sprintf("type %s.%s has %d methods, at most %d", p.dir, name, n, maxMethods))
			}
		}
	}
	return findings
}

// receiver is the name of the type that a method belongs to, "" of a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	switch generic := t.(type) {
	case *ast.IndexExpr:
		t = generic.X
	case *ast.IndexListExpr:
		t = generic.X
	}
	return t.(*ast.Ident).Name
}

// wideStructs finds the types of a declaration with too many fields; interfaces have methods.
func (s *source) wideStructs(d *ast.GenDecl) (findings []string) {
	for _, spec := range d.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		switch body := t.Type.(type) {
		case *ast.StructType:
			if n := body.Fields.NumFields(); n > maxFields {
				findings = append(findings, fmt.Sprintf("type %s.%s has %d fields, at most %d", s.dir(), t.Name.Name, n, maxFields))
			}
		case *ast.InterfaceType:
			if n := body.Methods.NumFields(); n > maxMethods {
				findings = append(findings, fmt.Sprintf("type %s.%s has %d methods, at most %d", s.dir(), t.Name.Name, n, maxMethods))
			}
		}
	}
	return findings
}

// mapsNameFiles: what doc.go says of where things are is complete, and true.
func mapsNameFiles(t *tree) (findings []string) {
	fileName := regexp.MustCompile(`\b[a-z][a-z0-9_]*\.go\b`)
	for _, p := range t.packages() {
		i := slices.IndexFunc(p.files, func(s *source) bool { return path.Base(s.name) == "doc.go" })
		if i < 0 {
			if len(p.files) >= mapFrom && p.files[0].file.Name.Name != "main" {
				findings = append(findings, fmt.Sprintf("package %s has %d files and no doc.go", p.dir, len(p.files)))
			}
			continue
		}
		named := map[string]bool{"doc.go": true}
		if doc := p.files[i].file.Doc; doc != nil {
			for _, name := range fileName.FindAllString(doc.Text(), -1) {
				named[name] = true
			}
		}
		if len(p.files) < mapFrom && len(named) == 1 {
			continue // it tells of something else, and of no files
		}
		for _, s := range p.files {
			if base := path.Base(s.name); !named[base] {
				findings = append(findings, fmt.Sprintf("%s/doc.go does not name %s", p.dir, base))
			}
			delete(named, path.Base(s.name))
		}
		for _, name := range slices.Sorted(maps.Keys(named)) {
			findings = append(findings, fmt.Sprintf("%s/doc.go names %s, which is not there", p.dir, name))
		}
	}
	return findings
}
