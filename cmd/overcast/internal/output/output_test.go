package output

import "testing"

func TestPrintable(t *testing.T) {
	for msg, want := range map[string]string{
		`open "x": no such file`:   `open "x": no such file`,
		"open a\nb\x1b[2J: denied": `open a\nb\x1b[2J: denied`,
		"bad \xff byte":            `bad \xff byte`,
	} {
		if got := Printable(msg); got != want {
			t.Errorf("Printable(%q) = %s, want %s", msg, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}
