//go:build long

package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writes is the edit that writes a file.
func writes(name, content string) edit {
	return edit{"write " + name, name, func(root string) error { return os.WriteFile(filepath.Join(root, name), []byte(content), 0o644) }}
}

// renames is the edit that renames something.
func renames(from, to string) edit {
	return edit{"rename " + from, from, func(root string) error { return os.Rename(filepath.Join(root, from), filepath.Join(root, to)) }}
}

// TestSyncTools has two machines edit what real sync tools carry between them: in turns, and at once.
func TestSyncTools(t *testing.T) {
	t.Parallel()
	m := newMachines(t)
	m.edit(0, edit{"make", "", func(root string) error {
		return errors.Join(os.MkdirAll(filepath.Join(root, "dir/sub"), 0o755), os.Symlink("dir/file", filepath.Join(root, "link")),
			writes("dir/file", "file").do(root), writes("dir/sub/large", strings.Repeat("large ", 200_000)).do(root),
			writes("both.txt", "at first").do(root), writes("one", "1").do(root), writes("goes", "goes").do(root))
	}})
	m.demandExact("what the first machine makes")
	m.edit(1, edit{"append", "", func(root string) error {
		f, err := os.OpenFile(filepath.Join(root, "dir/sub/large"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(strings.Repeat("more ", 300_000))
		return errors.Join(err, f.Close())
	}})
	m.edit(1, edit{"save", "", func(root string) error { return saves()["rename"](filepath.Join(root, "one"), []byte("2")) }})
	m.edit(1, edit{"chmod", "", func(root string) error { return os.Chmod(filepath.Join(root, "dir/file"), 0o600) }})
	m.demandExact("what the second one changes")
	m.edit(0, renames("one", "dir/two"))
	m.edit(0, renames("dir", "moved"))
	m.demandExact("what the first one renames")
	m.edit(1, writes("moved/two", "3"))
	m.edit(1, renames("moved/sub/large", "large"))
	m.demandExact("what the second one has there")
	m.edit(0, edit{"remove", "", func(root string) error { return os.Remove(filepath.Join(root, "goes")) }})
	m.pass()

	m.stop()
	m.edit(0, writes("only.first", "first"))
	m.edit(1, writes("only.second", "second"))
	for i, v := range m.of {
		must(t, writes("both.txt", fmt.Sprint("by ", i)).do(v.root))
		must(t, writes("new.txt", fmt.Sprint("new by ", i)).do(v.root))
	}
	want, _ := below(m.model)
	m.demandAgreement(0, func(files map[string]string) (wrong []string) {
		for _, name := range []string{"both", "new"} {
			wrong = append(wrong, notBoth(files, name)...)
		}
		if got, _ := below(m.of[0].root); len(got) != len(want)+3 { // new.txt, and two conflict copies
			wrong = append(wrong, fmt.Sprintf("there are %q, and should be %q and three more", got, want))
		}
		return wrong
	})
	m.finish()
}

// notBoth tells if a text file and its one conflict copy are not what the two machines have written.
func notBoth(files map[string]string, stem string) []string {
	var copies, by []string
	for name, line := range files {
		if name == stem+".txt" || strings.HasPrefix(name, stem+" (conflict ") && strings.HasSuffix(name, ").txt") {
			copies = append(copies, name)
			for i := range 2 {
				if strings.Contains(line, fmt.Sprintf("by %d\"", i)) {
					by = append(by, fmt.Sprint(i))
				}
			}
		}
	}
	if len(copies) != 2 || len(by) != 2 || by[0] == by[1] || files[stem+".txt"] == "" {
		return []string{fmt.Sprintf("of %s there are %q, by %q", stem, copies, by)}
	}
	return nil
}
