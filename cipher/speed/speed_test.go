package speed

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
)

func TestMeasure(t *testing.T) {
	r, err := Measure()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cbc-decrypt-4KiB", "cbc-decrypt-64KiB", "cbc-encrypt-32x4KiB", "cbc-encrypt-2keys-4KiB",
		"mac-32x4KiB", "seal-32x4KiB", "open-32x4KiB",
	}
	if len(r.Rows) != len(want) {
		t.Fatalf("%d rows", len(r.Rows))
	}
	for i, row := range r.Rows {
		if row.Name != want[i] || row.Ours <= 0 || row.Stdlib <= 0 || row.Ratio <= 0 {
			t.Errorf("row %d is %+v", i, row)
		}
	}
	if r.CPU == "" || r.Kernels == "" {
		t.Errorf("CPU %q, kernels %q", r.CPU, r.Kernels)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
}

// TestStdlib proves that the yardstick does the whole work.
func TestStdlib(t *testing.T) {
	s, err := newStdlib()
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("plaintext 16 b. "), count*chunk/16)
	ids := make([]cipher.WriteID, count)
	for i := range ids {
		ids[i] = cipher.NewWriteID(1, uint64(1+i), [6]byte{byte(i)})
	}
	records, got, gotIDs := make([]byte, count*record), make([]byte, len(plain)), make([]cipher.WriteID, count)
	s.seal(records, plain, ids)
	if !s.open(got, records, gotIDs) || !bytes.Equal(got, plain) || gotIDs[3] != ids[3] {
		t.Error("what was sealed does not open")
	}
	records[5*record+100] ^= 1
	if s.open(got, records, gotIDs) {
		t.Error("a damaged record opened")
	}
}

func BenchmarkCiphers(b *testing.B) {
	ops, err := operations()
	if err != nil {
		b.Fatal(err)
	}
	for _, op := range ops {
		b.Run(op.name, func(b *testing.B) {
			var rows []Row
			for b.Loop() {
				rows = append(rows, op.measure())
			}
			row := rows[len(rows)/2]
			b.ReportMetric(row.Ours, "MB/s")
			b.ReportMetric(row.Stdlib, "stdlib-MB/s")
			b.ReportMetric(row.Ratio, "x-stdlib")
		})
	}
}
