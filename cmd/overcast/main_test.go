package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/overcast-fs/overcast/fs/mount"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"overcast": main})
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
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// condition knows [fuse]: mounting can work here. CI promises that it can.
func condition(name string) (bool, error) {
	switch problem := thisMachine().fuseProblem(); {
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
