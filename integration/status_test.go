package integration

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// standing is what status tells beside the states of clouds.
type standing struct {
	OK, Mounted, Answers, Unfinished bool
	KnowsSince                       *time.Time `json:"knows_since"`
	AsOf                             *time.Time `json:"as_of"`
	Clouds                           []struct {
		State    string
		Owes     bool
		Since    *time.Time
		Progress *struct {
			Doing     string
			Done, Of  int64
			PerSecond float64 `json:"per_second"`
			Left      *int64  `json:"seconds_left"`
		}
	}
	Checked *struct {
		By    string
		Found map[string]int
	}
	Found    map[string]int
	Findings []struct {
		Path, Cloud, Kind string
		Chunk             *int64
		Noticed           bool
	}
}

func (v *vault) standing(flags ...string) (s standing) {
	v.t.Helper()
	must(v.t, json.Unmarshal([]byte(v.overcast(append([]string{"status", v.dir, "--json"}, flags...)...)), &s))
	return s
}

// eventually asks for the status until it is as wanted.
func (v *vault) eventually(what string, is func(s *standing) bool) (s standing) {
	v.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s = v.standing(); is(&s) {
			return s
		}
	}
	v.t.Fatalf("%s: it stays %+v", what, s)
	return s
}

// TestStatusOfReturn: a cloud that is being brought up to date is told with how far it is, how fast, and how long it takes.
func TestStatusOfReturn(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	v.troubled = true
	m := v.mount()
	must(t, os.Rename(v.clouds[1], v.clouds[1]+".away"))
	for i := range 4000 {
		must(t, os.WriteFile(v.at(fmt.Sprint(i)), []byte("content"), 0o644))
	}
	gone := v.eventually("the cloud that went", func(s *standing) bool { return s.Clouds[1].State == "suspended" && s.Clouds[1].Owes })
	if gone.OK || gone.Clouds[1].Since == nil || gone.Clouds[1].Progress != nil || gone.KnowsSince == nil || gone.AsOf == nil || !gone.Answers {
		t.Errorf("while it is away: %+v", gone)
	}
	must(t, os.Rename(v.clouds[1]+".away", v.clouds[1]))
	first := v.eventually("the cloud that is back", func(s *standing) bool {
		p := s.Clouds[1].Progress
		return p != nil && p.Doing == "repair" && p.PerSecond > 0 && p.Done > 0 && p.Done < p.Of
	}).Clouds[1].Progress
	if first.Of < 4000 || first.Of > 4010 || first.Left == nil || *first.Left < 1 || *first.Left > 120 {
		t.Errorf("it is at %+v, seconds left %v", first, first.Left)
	}
	v.eventually("its progress", func(s *standing) bool {
		p := s.Clouds[1].Progress
		return p == nil || p.Done > first.Done
	})
	v.eventually("the end", func(s *standing) bool { return s.OK && s.Clouds[1].State == "ok" && s.Clouds[1].Progress == nil })
	m.unmount()
}

// TestStatusOutlives: damage that a reader came across is told by name; all that is known outlives a kill, with no name that
// anybody can read.
func TestStatusOutlives(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	v.troubled = true
	m := v.mount()
	content := strings.Repeat("0123456789abcdef", 1<<14)
	writeIn(t, v.root, "a telling name", []byte(content))
	must(t, syncFile(v.at("a telling name")))
	v.overcast("unmount", v.root)
	m.await()
	m = v.mount()
	backing := v.backing(0)[0]
	whole, err := os.ReadFile(backing)
	must(t, err)
	spoil(t, backing, 100_000, "spoiled")
	must(t, dropped(v.at("a telling name")))
	must(t, readsAs(v.at("a telling name"), content))
	if s := v.standing(); s.OK {
		t.Errorf("what was read is not told: %+v", s)
	}
	v.eventually("what is repaired", func(s *standing) bool { // half a minute later, as it was
		return s.OK && len(s.Findings) == 0 && readsAs(backing, string(whole)) == nil
	})
	spoil(t, backing, 100_000, "again") // nobody reads it
	v.check(26, "verify")
	inTime(t, answer, "the summary", func() error { return v.summed("verify") })
	must(t, m.process.Kill())
	m.await()
	_ = unix.Unmount(v.root, unix.MNT_DETACH)
	s := v.standing()
	if s.OK || !s.Unfinished || s.Mounted || s.Checked == nil || s.Checked.Found["damaged"] != 1 || s.Findings != nil || s.Found["damaged"] != 1 {
		t.Errorf("after a kill: %+v", s)
	}
	if s = v.standing("--passfile", v.pass); len(s.Findings) != 1 || s.Findings[0].Path != "a telling name" || s.Findings[0].Noticed {
		t.Errorf("with the passphrase: %+v", s)
	}
	must(t, filepath.WalkDir(v.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		held, err := os.ReadFile(path)
		if strings.Contains(string(held), "telling") {
			t.Errorf("%s shows a name", path)
		}
		return err
	}))
	v.check(0, "heal", "--passfile", v.pass)
	if s = v.standing(); !s.OK || s.Unfinished || len(s.Found) > 0 || s.Checked.By != "heal" {
		t.Errorf("when it is healed: %+v", s)
	}
	if s = v.standing("--passfile", v.pass); s.Findings == nil || len(s.Findings) > 0 {
		t.Errorf("when it is healed, with the passphrase: %+v", s)
	}
}

// dropped has the kernel forget the content of a file.
func dropped(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
