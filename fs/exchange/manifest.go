package exchange

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/tree"
)

// A Manifest lists plaintext files: what import must find, or what export wrote. In a file it is one line for each:
//
//	path TAB size in bytes TAB SHA-256 in hexadecimal
//
// The path is relative to the directory that everything goes to or comes from. One that holds a control character, is no
// UTF-8 or begins with a quotation mark or '#' is quoted as in Go. Empty lines and lines that begin with '#' are passed over.
type Manifest map[string]audit.Sum

// ReadManifest reads a file.
func ReadManifest(file string) (Manifest, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	defer f.Close()
	m := make(Manifest)
	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		if line := lines.Text(); line != "" && line[0] != '#' {
			if err := m.parse(line); err != nil {
				return nil, fmt.Errorf("manifest: %s: line %d: %w", tree.Quote(file), number, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("manifest: %s: %w", tree.Quote(file), err)
	}
	return m, nil
}

func (m Manifest) parse(line string) error {
	fields := strings.Split(line, "\t")
	if len(fields) != 3 {
		return errors.New("not path, size and SHA-256 with a tab between them")
	}
	name := fields[0]
	if name != "" && name[0] == '"' {
		var err error
		if name, err = strconv.Unquote(name); err != nil {
			return fmt.Errorf("path %s: %w", fields[0], err)
		}
	}
	name = tree.Clean(name)
	if _, twice := m[name]; twice || name == "" {
		return fmt.Errorf("path %q is empty or listed twice", fields[0])
	}
	size, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || size < 0 {
		return fmt.Errorf("%q is no size", fields[1])
	}
	sum := audit.Sum{Size: size}
	if raw, err := hex.DecodeString(fields[2]); err != nil || copy(sum.SHA256[:], raw) != len(sum.SHA256) || len(raw) > len(sum.SHA256) {
		return fmt.Errorf("%q is no SHA-256", fields[2])
	}
	m[name] = sum
	return nil
}

// writeManifestLine adds one file. The error is the writer's.
func writeManifestLine(w io.Writer, name string, sum audit.Sum) error {
	if tree.Quote(name) != name || name[0] == '"' || name[0] == '#' {
		name = strconv.Quote(name)
	}
	_, err := fmt.Fprintf(w, "%s\t%d\t%x\n", name, sum.Size, sum.SHA256)
	return err
}
