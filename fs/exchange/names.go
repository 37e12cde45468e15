package exchange

import (
	"fmt"
	"os"
	"path/filepath"
)

// Stdio is the file name that stands for standard input or standard output.
const Stdio = "-"

// Prefixed is the default name of an output: beside the input, its name after a prefix.
func Prefixed(prefix, in string) string {
	if in == Stdio {
		return Stdio
	}
	return filepath.Join(filepath.Dir(in), prefix+filepath.Base(in))
}

// CheckOutputs refuses outputs that would overwrite each other or a key, whatever --force says.
func CheckOutputs(outputs, keys []string) error {
	seen := make(map[string]bool)
	for _, out := range outputs {
		abs := out
		if out != Stdio {
			var err error
			if abs, err = filepath.Abs(out); err != nil {
				return err
			}
		}
		if seen[abs] {
			return fmt.Errorf("%s: named twice as an output", out)
		}
		seen[abs] = true
		if err := checkNoKey(out, keys); err != nil {
			return err
		}
	}
	return nil
}

func checkNoKey(out string, keys []string) error {
	target, err := os.Stat(out)
	if out == Stdio || err != nil {
		return nil // nothing is there, or creating it will tell why not
	}
	for _, key := range keys {
		if info, err := os.Stat(key); err == nil && os.SameFile(info, target) {
			return fmt.Errorf("%s: is the key; nothing overwrites it", out)
		}
	}
	return nil
}
