package exchange

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/tree"
)

// emptyCloud is a cloud that has nothing.
func emptyCloud(t *testing.T, name string) Copy {
	t.Helper()
	keys, err := cipher.NewCloud(cipher.CloudParams{Key: cipher.NewKey(), Suite: cipher.AES256, ChunkLog2: 12})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cloud.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return Copy{name, audit.New(dir, keys).Sum}
}

func testImporter(t *testing.T) (im *Importer, copies []Copy, said *strings.Builder) {
	t.Helper()
	said = new(strings.Builder)
	im = NewImporter(ImportOptions{
		Progress: func(int64) {}, Complain: func(name string, err error) { fmt.Fprintf(said, "%s: %v\n", name, err) },
	}, nil, "")
	im.present = []present{{name: "dir/file"}}
	return im, []Copy{emptyCloud(t, "alpha"), emptyCloud(t, "beta")}, said
}

// TestImportVerifies is about a file that was written and that no cloud has.
func TestImportVerifies(t *testing.T) {
	im, copies, said := testImporter(t)
	if err := im.Verify(t.Context(), copies, 0); err != nil {
		t.Fatal(err)
	}
	if im.Done.Unverified != 1 || !strings.Contains(said.String(), "/dir/file: cloud alpha: ") || !strings.Contains(said.String(), "; cloud beta: ") {
		t.Errorf("%+v, %q", im.Done, said)
	}
}

// TestImportWaitsForAMount looks again and again, until it is told to stop.
func TestImportWaitsForAMount(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	im, copies, _ := testImporter(t)
	done := make(chan error, 1)
	go func() { done <- im.Verify(ctx, copies, time.Hour) }()
	cancel()
	if err := <-done; !errors.Is(err, tree.ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestImportPlan: the prefix goes from files and not from directories.
func TestImportPlan(t *testing.T) {
	dir := t.TempDir()
	local := tree.Local{Root: dir}
	for _, name := range []string{"encrypted_dir", "encrypted_dir/encrypted_dir"} {
		if err := local.Mkdir(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"encrypted_a", "a.hmac", "encrypted_a.hmac", "encrypted_dir/b", "encrypted_dir/encrypted_encrypted_c", "encrypted_"} {
		writeFile(t, filepath.Join(dir, name), "")
	}
	var failed []string
	p := plan{targets: make(map[string]string), failed: func(name string, err error) { failed = append(failed, name+": "+err.Error()) }}
	p.add(dir+"/", "dest")
	p.add(dir+"/encrypted_a/", "dest")
	p.add(dir+"/encrypted_a", "")
	var got []string
	for _, j := range append(p.dirs, p.files...) {
		got = append(got, strings.TrimPrefix(j.from, dir+"/")+" > "+j.to+" ("+j.listed+")")
	}
	want := []string{
		"encrypted_dir > dest/encrypted_dir (encrypted_dir)",
		"encrypted_dir/encrypted_dir > dest/encrypted_dir/encrypted_dir (encrypted_dir/encrypted_dir)",
		"a.hmac > dest/a.hmac (a.hmac)",
		"encrypted_a > dest/a (a)",
		"encrypted_dir/b > dest/encrypted_dir/b (encrypted_dir/b)",
		"encrypted_dir/encrypted_encrypted_c > dest/encrypted_dir/encrypted_c (encrypted_dir/encrypted_c)",
		"encrypted_a > a (a)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("planned:\n%s", strings.Join(got, "\n"))
	}
	if len(failed) != 2 || !strings.Contains(failed[0], "/encrypted_: has no name") || !strings.Contains(failed[1], "encrypted_a/: not a directory") {
		t.Errorf("failed: %q", failed)
	}
}
