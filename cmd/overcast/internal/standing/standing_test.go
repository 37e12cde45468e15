package standing

import (
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// TestWords: one line for a cloud, whatever becomes of it, and each trouble with what to do.
func TestWords(t *testing.T) {
	left := int64(61)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	s := &volume.Status{
		Vault: "/v", MountStatus: volume.MountStatus{Mounted: true, Answers: true, Mountpoint: "/m", PID: 4711, Started: &at}, Lead: "alpha",
		Clouds: []volume.CloudStatus{
			{Name: "alpha", Dir: "/a", State: vault.CloudFull, Reason: "disk\x1b full"},
			{Name: "beta", Dir: "/b", State: vault.CloudOwes, Owes: true, Since: &at, Progress: &volume.Progress{Doing: "repair", Done: 48200, Of: 100120, PerSecond: 850.3, SecondsLeft: &left}},
		},
		Checked: &vault.Checked{When: at, By: "verify", Left: map[string]int{"foreign": 2}},
		Found:   map[string]int{"missing": 1200, "foreign": 2},
	}
	for range 12 {
		f := volume.Noted{}
		f.Path, f.Cloud, f.Kind = "new\nline", "beta", "missing"
		s.Findings = append(s.Findings, f)
	}
	var all, wrong strings.Builder
	if err := Print(&all, s, at.Add(50*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := Check(&wrong, s, at); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/v: mounted on /m since 2026-05-01 12:00 by process 4711\n",
		`alpha  full   /a         disk\x1b full` + "\n",
		"beta   owes   /b         owes since 2026-05-01 12:00; 48,200 of 100,120 names done, 850 a second, 1 minute left\n",
		"last verify  2026-05-01 12:00, 2 days ago: nothing was wrong\nleft alone   2 foreign\n",
		"\n→ alpha: make room in /a\n1,200 missing\n  missing: /\"new\\nline\" in beta\n",
		"\n  … and 1,190 more\n→ overcast heal /v repairs",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in\n%s", want, &all)
		}
	}
	if !strings.HasPrefix(wrong.String(), "/v:\n  alpha is full: disk\\x1b full\n  → alpha: make room in /a\n  beta owes changes: owes since ") {
		t.Errorf("what is wrong:\n%s", &wrong)
	}
	wrong.Reset()
	if err := Check(&wrong, &volume.Status{Vault: "/v", LogLost: &at}, at); err != nil || !strings.Contains(wrong.String(), "lost from the redo log, as seen at 2026-05-01 12:00") {
		t.Errorf("the log has lost something: %q, %v", wrong.String(), err)
	}
	wrong.Reset()
	good := &volume.Status{Vault: "/v", Clouds: []volume.CloudStatus{{Name: "alpha", State: vault.CloudOK}}}
	if err := Check(&wrong, good, at); err != nil || wrong.Len() > 0 {
		t.Errorf("nothing is wrong: %q, %v", wrong.String(), err)
	}
}
