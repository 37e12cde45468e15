package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/helper"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/machine"
	"github.com/overcast-fs/overcast/fs/mount"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"overcast": main, helper.Name: main})
}

func TestScripts(t *testing.T) {
	root := t.TempDir()
	t.Cleanup(func() { checkNoMounts(t, root) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         root,
		Deadline:            time.Now().Add(5 * time.Minute),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup:               closeSecrets,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// closeSecrets closes the files of a script to other users, as those with a passphrase should be; in directories they are left
// as they are.
func closeSecrets(env *testscript.Env) error {
	files, err := filepath.Glob(filepath.Join(env.WorkDir, "*"))
	for _, name := range files {
		if info, statErr := os.Lstat(name); statErr == nil && info.Mode().IsRegular() {
			err = errors.Join(err, os.Chmod(name, 0o600))
		}
	}
	return err
}

// TestMemoryIsPrivate leaves this process as it was.
func TestMemoryIsPrivate(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}()
	keepMemoryPrivate()
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if dumpable != 0 || err != nil {
		t.Errorf("dumpable: %d, %v", dumpable, err)
	}
	now := unix.Rlimit{Cur: 1}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &now); now.Cur != 0 || err != nil {
		t.Errorf("core files of %d bytes, %v", now.Cur, err)
	}
}

// condition knows [fuse]: mounting can work here. CI promises that it can.
func condition(name string) (bool, error) {
	switch problem := machine.This().FUSEProblem(); {
	case name == "root":
		return os.Geteuid() == 0, nil
	case name != "fuse":
		return false, fmt.Errorf("unknown condition %s", name)
	case problem != nil && os.Getenv("CI") == "true":
		return false, problem
	default:
		return problem == nil, nil
	}
}

// checkNoMounts fails a test that leaves a mount behind, and takes it away so that its directory can be removed.
func checkNoMounts(t *testing.T, root string) {
	mounts, err := mount.Table()
	if err != nil {
		t.Error(err)
	}
	for _, m := range mounts {
		if strings.HasPrefix(m.Mountpoint, root+"/") {
			t.Errorf("%s was left mounted", m.Mountpoint)
			if err := mount.Detach(context.Background(), m.Mountpoint, true); err != nil {
				t.Error(err)
			}
		}
	}
}
