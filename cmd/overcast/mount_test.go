package main

import "testing"

// TestMountOptionWords finds what is said once by a flag and once by an option.
func TestMountOptionWords(t *testing.T) {
	f := mountFlags{options: []string{"noexec,ro", "allow_other"}}
	for word, want := range map[string]bool{"ro": true, "allow_other": true, "noexec": true, "rw": false, "noexec,ro": false} {
		if got := f.hasOption(word); got != want {
			t.Errorf("%s: %v", word, got)
		}
	}
}
