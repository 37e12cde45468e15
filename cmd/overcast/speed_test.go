package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher/speed"
)

func TestSpeed(t *testing.T) {
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := newSpeedCmd()
		cmd.SetOut(&out)
		cmd.SetArgs(args)
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	var report speed.Report
	if err := json.Unmarshal([]byte(run("--json")), &report); err != nil {
		t.Fatal(err)
	}
	text := run()
	for _, row := range report.Rows {
		if !strings.Contains(text, row.Name) {
			t.Errorf("%s is missing from\n%s", row.Name, text)
		}
	}
	if !strings.Contains(text, report.Kernels) {
		t.Errorf("the kernels %q are missing from\n%s", report.Kernels, text)
	}
}
