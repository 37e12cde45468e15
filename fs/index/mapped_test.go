package index

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestMappedIsBounded: however much of a large index is looked at, little of the file counts as the memory of the process.
func TestMappedIsBounded(t *testing.T) {
	x := newBench(t)
	const names, each = 80_000, 20_000
	for i := 0; i < names; i += each {
		must(t, x.Apply(benchBatch(i, each, 1)))
	}
	most := int64(0)
	for i := range names {
		r, err := x.Name(benchPlace(i * 7919 % names))
		must(t, err)
		if r.Known.Kind != IsFile {
			t.Fatalf("name %d is %v", i, r.Known.Kind)
		}
		if i%5000 == 4999 {
			most = max(most, mapped(t, x.path))
		}
	}
	info, err := os.Stat(x.path)
	must(t, err)
	t.Logf("of %d KiB at most %d are mapped", info.Size()>>10, most>>10)
	if limit := int64(maxLooks) * 64 << 10; info.Size() < limit || most > limit {
		t.Errorf("the limit is %d KiB", limit>>10)
	}
}

// mapped is how many bytes of a file count as this process's memory.
func mapped(t *testing.T, path string) (bytes int64) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	must(t, err)
	defer f.Close()
	ours := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if strings.Contains(fields[0], "-") {
			ours = fields[len(fields)-1] == path
		}
		if ours && fields[0] == "Rss:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			must(t, err)
			bytes += kib << 10
		}
	}
	return bytes
}
