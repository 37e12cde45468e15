package machine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeMachine is a machine of the given files, with the given programs and nothing wrong otherwise.
func fakeMachine(t *testing.T, files map[string]string, programs ...string) *Machine {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &Machine{
		root: root,
		euid: 1000,
		lookPath: func(name string) (string, error) {
			for _, p := range programs {
				if p == name {
					return "/usr/bin/" + name, nil
				}
			}
			return "", os.ErrNotExist
		},
		run:    func(string, ...string) (string, error) { return "version 1\nmore", nil },
		now:    func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
		synced: func() (bool, error) { return true, nil },
	}
}

func TestMachineWhole(t *testing.T) {
	m := fakeMachine(t, map[string]string{
		"dev/fuse": "", "etc/fuse.conf": "# comment\nuser_allow_other\n",
		"proc/cpuinfo": "processor: 0\nflags\t\t: fpu aes sha_ni avx2\n",
	}, "fusermount3", "rclone")
	if err := m.FUSEProblem(); err != nil {
		t.Errorf("something is missing: %v", err)
	}
	for _, c := range m.Examine() {
		if !c.OK || c.Fix != "" {
			t.Errorf("%s: %+v", c.Name, c)
		}
		if c.Name == "CPU" && c.Detail != "AES, AVX2, SHA; without VAES, AVX-512" {
			t.Errorf("CPU: %s", c.Detail)
		}
	}
}

func TestMachineWithoutFUSE(t *testing.T) {
	debian := map[string]string{"dev/fuse": "", "etc/os-release": "NAME=x\nID=mint\nID_LIKE=\"ubuntu debian\"\n"}
	for _, c := range []struct {
		name string
		m    *Machine
		fix  string
	}{
		{"no device", fakeMachine(t, nil, "fusermount3"), "sudo modprobe fuse"},
		{"no helper", fakeMachine(t, debian), "sudo apt-get install fuse3"},
		{"no helper, unknown system", fakeMachine(t, map[string]string{"dev/fuse": ""}), "install the package fuse3"},
	} {
		err, ok := errors.AsType[*NoFUSEError](c.m.FUSEProblem())
		if !ok || !strings.HasPrefix(err.Check.Fix, c.fix) {
			t.Errorf("%s: %+v", c.name, err)
		}
	}
	root := fakeMachine(t, debian)
	root.euid = 0
	if err := root.FUSEProblem(); err != nil {
		t.Errorf("root needs no helper: %v", err)
	}
}

func TestMachineClock(t *testing.T) {
	m := fakeMachine(t, nil)
	m.now = func() time.Time { return time.Unix(0, 0) }
	if c := m.checkClock(); c.OK || c.Fix == "" {
		t.Errorf("1970 is accepted: %+v", c)
	}
}

func TestMachineAllowOther(t *testing.T) {
	m := fakeMachine(t, map[string]string{"dev/fuse": ""}, "fusermount3")
	if c := m.AllowOther(); c.OK || !strings.Contains(c.Fix, "user_allow_other") {
		t.Errorf("without a line in fuse.conf: %+v", c)
	}
	m.euid = 0
	if c := m.AllowOther(); !c.OK {
		t.Errorf("root: %+v", c)
	}
}
