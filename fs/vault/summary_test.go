package vault

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

const goodSummary = `{"pid": 12, "mountpoint": "/mnt", "started": "2024-05-06T07:08:09Z", "read_only": true, "lead": "a",
"later": "unknown fields are fine",
"clouds": [{"name": "a", "dir": "/srv/a", "state": "ok"}, {"name": "b", "dir": "/srv/b", "state": "behind", "reason": "disk full"}]}`

func TestSummary(t *testing.T) {
	v := testVault(t)
	if _, err := v.ReadSummary(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before the first mount: %v", err)
	}
	want, err := parseSummary([]byte(goodSummary))
	check(t, err)
	if want.PID != 12 || want.Mountpoint != "/mnt" || !want.Started.Equal(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)) ||
		!want.ReadOnly || want.Lead != "a" || len(want.Clouds) != 2 || want.Clouds[1].State != CloudOwes || !want.Clouds[1].Owes || want.Clouds[1].Reason != "disk full" {
		t.Errorf("parsed %+v", want)
	}
	check(t, v.WriteSummary(want))
	got, err := v.ReadSummary()
	check(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	want.Clouds[1].Reason = "two\nlines"
	check(t, v.WriteSummary(want))
	got, err = v.ReadSummary()
	check(t, err)
	if got.Clouds[1].Reason != "two; lines" || want.Clouds[1].Reason != "two\nlines" {
		t.Errorf("the reason is %q, and the caller's %q", got.Clouds[1].Reason, want.Clouds[1].Reason)
	}
	check(t, v.WriteSummary(Summary{}))
	got, err = v.ReadSummary()
	if err != nil || got.PID != 0 {
		t.Errorf("an empty one: %+v, %v", got, err)
	}
}

func TestSummaryDamaged(t *testing.T) {
	v := testVault(t)
	for _, text := range []string{
		"", "{", "[]", goodSummary + "x",
		edit(goodSummary, `"pid": 12`, `"pid": -1`),
		edit(goodSummary, `"pid": 12`, `"pid": "12"`),
		edit(goodSummary, `"behind"`, `"sleeping"`),
		edit(goodSummary, `"name": "b"`, `"name": "b\n"`),
	} {
		check(t, os.WriteFile(v.statePath(summaryName), []byte(text), 0o600))
		_, err := v.ReadSummary()
		wantError(t, err, ErrDamaged, v.statePath(summaryName))
	}
}

func FuzzSummary(f *testing.F) {
	f.Add([]byte(goodSummary))
	f.Add([]byte(`{"clouds": [{"state": "ok"}]}`))
	if _, err := parseSummary([]byte(goodSummary)); err != nil {
		f.Fatal("the seed does not parse: ", err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSummary(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q is no error of this package in one line", err)
			}
			return
		}
		for _, c := range s.Clouds {
			if strings.ContainsAny(c.Name+c.Reason, "\n\r") {
				t.Errorf("cloud %q, %q: more than one line", c.Name, c.Reason)
			}
		}
	})
}
