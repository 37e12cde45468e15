package judge

import (
	"strings"
	"testing"
)

func TestVerdictPrints(t *testing.T) {
	w := &world{clouds: []*cloudModel{
		{entries: map[Name]entry{"n": file1(f2)}}, {entries: map[Name]entry{"n": file1(fb)}},
	}}
	x := newIndex()
	x.learn("n", row(f2))
	got := w.judge(x).verdicts[0].String()
	want := strings.TrimSpace(`
want file 46000000 at {00000061:2 00000062:1}, commit 66620000; changes: yes
  keep 46000000 at {00000061:2}, commit 66320000 from cloud 0
  cloud 0: conflict: write
  cloud 1: stale: write
  from cloud 1
  found: conflict, stale
  index: file 46000000 at {00000061:2 00000062:1}, commit 66620000`)
	if got != want {
		t.Errorf("the plan is\n%s\nwant\n%s", got, want)
	}
}
