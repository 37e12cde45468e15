package notes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
)

var (
	noon  = time.Date(2026, 5, 6, 12, 0, 0, 999, time.UTC)
	third = int64(3)
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func finding(path, cloud, kind string) checkup.Finding {
	return checkup.Finding{Path: path, Cloud: cloud, Kind: kind}
}

// report is one of the clouds alpha and beta.
func report(states [2]string, found ...checkup.Finding) *checkup.Report {
	return &checkup.Report{Clouds: []checkup.Summary{{Name: "alpha", State: states[0]}, {Name: "beta", State: states[1]}}, Findings: found}
}

var both = [2]string{checkup.StateOK, checkup.StateOK}

func (n *Notes) list() string {
	var all []string
	for _, f := range n.Findings {
		all = append(all, fmt.Sprintf("%s %s %s", f.Kind, f.Path, f.Cloud))
	}
	return strings.Join(all, ", ")
}

// TestBook: what was noted is there when the vault is next in use, and tells nothing to anybody else.
func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	key, id := cipher.NewKey(), cipher.NewID()
	b, err := Open(path, key, id)
	must(t, err)
	must(t, b.Save())
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("nothing was noted, and the file: %v", err)
	}
	r := report(both, checkup.Finding{Path: "secret/\xff\n", Cloud: "beta", Kind: "damaged", Chunk: &third, Detail: "why"})
	r.Conflicts = []string{"secret/b\xfe"}
	b.Take(r, Scope{}, "verify", noon)
	b.Notice([]Finding{{Finding: finding("secret/c", "alpha", "missing"), When: noon.UTC(), Noticed: true}}, []string{"secret/d"})
	want := b.Notes()
	must(t, b.Save())
	sealed, err := os.ReadFile(path)
	must(t, err)
	if bytes.Contains(sealed, []byte("secret")) || bytes.Contains(sealed, []byte("beta")) {
		t.Error("the file can be read")
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	b, err = Open(path, key, id)
	must(t, err)
	got := b.Notes()
	if !got.Findings[1].When.Equal(want.Findings[1].When) {
		t.Errorf("noticed at %v, want %v", got.Findings[1].When, want.Findings[1].When)
	}
	got.Findings[1].When = want.Findings[1].When
	if !reflect.DeepEqual(got, want) || len(got.Findings) != 2 || len(got.Conflicts) != 2 || got.Checked.Left["damaged"] != 1 {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}

	for what, spoil := range map[string]func(){
		"another vault's": func() { id = cipher.NewID() },
		"cut":             func() { must(t, os.WriteFile(path, sealed[:len(sealed)-1], 0o600)) },
		"empty":           func() { must(t, os.WriteFile(path, nil, 0o600)) },
		"a directory":     func() { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) },
	} {
		was := id
		spoil()
		b, err := Open(path, key, id)
		if n := b.Notes(); err == nil || n.Checked != nil || len(n.Findings) > 0 {
			t.Errorf("%s: %v, %+v", what, err, n)
		}
		id = was
		must(t, os.RemoveAll(path))
		must(t, os.WriteFile(path, sealed, 0o600))
	}
}

// TestTake: what was not read is not known to be right.
func TestTake(t *testing.T) {
	absent := [2]string{checkup.StateOK, checkup.StateAbsent}
	old := []checkup.Finding{finding("a", "alpha", "damaged"), finding("d/a", "beta", "missing"), finding("b", "beta", "stale"), finding("c", "", "disputed")}
	for what, c := range map[string]struct {
		report *checkup.Report
		scope  Scope
		want   string
	}{
		"all, and right":   {report(both), Scope{}, ""},
		"all, and wrong":   {report(both, finding("x", "beta", "damaged")), Scope{}, "damaged x beta"},
		"one is away":      {report(absent), Scope{}, "missing d/a beta, stale b beta"},
		"one cloud":        {report(both), Scope{Cloud: "beta"}, "damaged a alpha"},
		"a directory":      {report(both), Scope{Paths: []string{"d"}}, "damaged a alpha, stale b beta, disputed c "},
		"a file, in one":   {report(both), Scope{Paths: []string{"a", "d/a"}, Cloud: "alpha"}, "missing d/a beta, stale b beta, disputed c "},
		"not beside it":    {report(both), Scope{Paths: []string{"d/"}}, "damaged a alpha, missing d/a beta, stale b beta, disputed c "},
		"wrong as it was":  {report(both, old[0], old[1]), Scope{Paths: []string{"a"}}, "missing d/a beta, stale b beta, disputed c , damaged a alpha"},
		"one away, partly": {report(absent), Scope{Paths: []string{"a", "b"}}, "missing d/a beta, stale b beta, disputed c "},
	} {
		n := &Notes{}
		first := report(both, old...)
		first.Conflicts = []string{"kept"}
		n.take(first, Scope{}, "verify", noon)
		n.take(c.report, c.scope, "heal", noon.Add(time.Hour))
		if got := n.list(); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
		if whole := c.scope.whole(); (n.Checked.By == "heal") != whole || (len(n.Conflicts) == 0) != whole {
			t.Errorf("%s: checked %+v, conflicts %q", what, n.Checked, n.Conflicts)
		}
	}
}

// TestBounds: of very many findings the first are kept, and all are counted.
func TestBounds(t *testing.T) {
	n := &Notes{}
	var found []checkup.Finding
	for i := range 2500 {
		found = append(found, finding(fmt.Sprintf("%04d", i), "beta", "missing"))
	}
	r := report(both, found...)
	for i := range 2500 {
		r.Conflicts = append(r.Conflicts, fmt.Sprint(i))
	}
	n.take(r, Scope{}, "verify", noon)
	if len(n.Findings) != maxKept || n.Found()["missing"] != 2500 || len(n.Conflicts) != maxKept || n.Checked.Left["missing"] != 2500 {
		t.Errorf("%d findings, %v, %d conflicts", len(n.Findings), n.Found(), len(n.Conflicts))
	}
	n.take(report(both, finding(strings.Repeat("x", maxBytes-1), "beta", "stale"), finding("y", "beta", "stale")), Scope{}, "verify", noon)
	if len(n.Findings) != 2 {
		t.Errorf("%d findings of %v", len(n.Findings), n.Found())
	}
	n.take(report(both, finding(strings.Repeat("x", maxBytes+1), "beta", "stale"), finding("y", "beta", "stale")), Scope{}, "verify", noon)
	if n.list() != "stale y beta" || n.Found()["stale"] != 2 {
		t.Errorf("%d findings of %v", len(n.Findings), n.Found())
	}
}

// TestNotice: what is noticed again and again is noted once, and what is settled no more.
func TestNotice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	b, err := Open(path, cipher.NewKey(), cipher.NewID())
	must(t, err)
	for range 3 {
		b.Notice([]Finding{{Finding: finding("f", "alpha", "damaged"), Noticed: true}}, []string{"a", "b"})
	}
	if n := b.Notes(); n.list() != "damaged f alpha" || len(n.Conflicts) != 2 {
		t.Errorf("%+v", n)
	}
	must(t, b.Save())
	must(t, os.Remove(path))
	b.Notice([]Finding{{Finding: finding("f", "alpha", "damaged"), Noticed: true}}, []string{"a"})
	b.Resolve(func(string) bool { return false })
	must(t, b.Save())
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("nothing is new, and it is written: %v", err)
	}
	b.Resolve(func(path string) bool { return path == "a" })
	must(t, b.Save())
	if n := b.Notes(); len(n.Conflicts) != 1 || n.Conflicts[0] != "b" {
		t.Errorf("%q", n.Conflicts)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}
