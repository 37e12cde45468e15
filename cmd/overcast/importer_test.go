package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/tree"
	"github.com/overcast-fs/overcast/fs/volume"
)

// emptyCloud is a cloud that has nothing.
func emptyCloud(t *testing.T, name string) volume.Copy {
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
	return volume.Copy{Name: name, Cloud: audit.New(dir, keys)}
}

func testImporter(t *testing.T, ctx context.Context, patience time.Duration) (*importer, *bytes.Buffer) {
	t.Helper()
	cmd, stderr := &cobra.Command{}, new(bytes.Buffer)
	cmd.SetContext(ctx)
	cmd.SetErr(stderr)
	im := &importer{cmd: cmd, bar: &progress{}, present: []present{{name: "dir/file"}}}
	im.vault = &auditedVault{clouds: []volume.Copy{emptyCloud(t, "alpha"), emptyCloud(t, "beta")}, patience: patience}
	return im, stderr
}

// TestImportVerifies is about a file that was written and that no cloud has.
func TestImportVerifies(t *testing.T) {
	im, stderr := testImporter(t, context.Background(), 0)
	if err := im.verify(); err != nil {
		t.Fatal(err)
	}
	said := stderr.String()
	if im.done.Unverified != 1 || !strings.Contains(said, "/dir/file: cloud alpha: ") || !strings.Contains(said, "; cloud beta: ") {
		t.Errorf("%+v, %q", im.done, said)
	}
	var f *failure
	if err := im.outcome(nil); !errors.As(err, &f) || f.code != exitPartial {
		t.Errorf("the outcome is %v", err)
	}
}

// TestImportWaitsForAMount looks again and again, until it is told to stop.
func TestImportWaitsForAMount(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	im, _ := testImporter(t, ctx, time.Hour)
	done := make(chan error, 1)
	go func() { done <- im.verify() }()
	cancel()
	if err := <-done; !errors.Is(err, errInterrupted) {
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
	p := importPlan{targets: make(map[string]string), failed: func(name string, err error) { failed = append(failed, name+": "+err.Error()) }}
	p.add(dir+"/", "dest")
	p.add(dir+"/encrypted_a/", "dest")
	p.add(dir+"/encrypted_a", "")
	var got []string
	for _, job := range append(p.dirs, p.files...) {
		got = append(got, strings.TrimPrefix(job.from, dir+"/")+" > "+job.to+" ("+job.listed+")")
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
