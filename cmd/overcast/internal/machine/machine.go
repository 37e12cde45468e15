// Package machine looks at what this computer has for Overcast: FUSE and its helper, the right to let other users in, sync
// tools, the processor's instructions and its clock. It says what is missing and how to get it, and changes nothing.
package machine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Check is one thing that was looked at. Fix is the command that helps, empty where nothing has to be done.
type Check struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Required bool   `json:"required"`
	Detail   string `json:"detail"`
	Fix      string `json:"fix,omitempty"`
}

// A NoFUSEError is why nothing can be mounted.
type NoFUSEError struct{ Check Check }

// Error gives one line.
func (e *NoFUSEError) Error() string { return "FUSE is not available: " + e.Check.Detail }

// Machine is what is looked at, so that a test can hand out another one.
type Machine struct {
	root     string // of the file system, "/" on a real machine
	euid     int
	lookPath func(string) (string, error)
	run      func(program string, args ...string) (string, error)
	now      func() time.Time
	synced   func() (bool, error) // whether the kernel believes its clock to be synchronised
}

// This is the machine that the program runs on.
func This() *Machine {
	return &Machine{
		root:     "/",
		euid:     os.Geteuid(),
		lookPath: exec.LookPath,
		run: func(program string, args ...string) (string, error) {
			out, err := exec.Command(program, args...).Output()
			return string(out), err
		},
		now:    time.Now,
		synced: clockSynced,
	}
}

// clockSynced asks the kernel; adjtimex with no mode set changes nothing and needs no rights.
func clockSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}

func (m *Machine) path(p string) string { return filepath.Join(m.root, p) }

// firstWords gives the first line that a program prints, or nothing: it only adornes a report.
func (m *Machine) firstWords(program string, args ...string) string {
	out, err := m.run(program, args...)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(out, "\n")
	return strings.TrimSpace(line)
}

// fields gives the words that follow key on the first line of a file in /proc or /etc that begins with it; nil if none does.
func (m *Machine) fields(file, key string) []string {
	f, err := os.Open(m.path(file))
	if err != nil {
		return nil
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), key); ok {
			return strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t:=\"", r) })
		}
	}
	return nil
}

// installCommand is the command that installs a package here, or a sentence where the system is unknown.
func (m *Machine) installCommand(pkg string) string {
	managers := []struct{ command, ids string }{
		{"apt-get install", "debian ubuntu"},
		{"dnf install", "fedora rhel centos"},
		{"pacman -S", "arch"},
		{"zypper install", "suse opensuse"},
		{"apk add", "alpine"},
		{"xbps-install", "void"},
		{"emerge", "gentoo"},
	}
	ids := append(m.fields("etc/os-release", "ID="), m.fields("etc/os-release", "ID_LIKE=")...)
	for _, manager := range managers {
		for known := range strings.FieldsSeq(manager.ids) {
			if slices.Contains(ids, known) {
				return m.asRoot(manager.command + " " + pkg)
			}
		}
	}
	return "install the package " + pkg
}

// asRoot puts sudo before a command that needs it.
func (m *Machine) asRoot(command string) string {
	if m.euid == 0 {
		return command
	}
	return "sudo " + command
}

// FUSEChecks are the checks without which nothing can be mounted.
func (m *Machine) FUSEChecks() []Check {
	return []Check{m.checkDevice(), m.checkFusermount()}
}

// FUSEProblem is nil where mounting can work, else a [*NoFUSEError].
func (m *Machine) FUSEProblem() error {
	for _, c := range m.FUSEChecks() {
		if c.Required && !c.OK {
			return &NoFUSEError{c}
		}
	}
	return nil
}

// Examine looks at everything.
func (m *Machine) Examine() []Check {
	return append(m.FUSEChecks(), m.AllowOther(), m.checkRclone(), m.checkCPU(), m.checkClock())
}

// checkDevice opens the kernel's FUSE device, as every mount does.
func (m *Machine) checkDevice() Check {
	c := Check{Name: "FUSE device", Required: true}
	device := m.path("dev/fuse")
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
		c.OK, c.Detail = true, "/dev/fuse"
		if release := m.fields("proc/sys/kernel/osrelease", ""); len(release) > 0 {
			c.Detail += ", Linux " + release[0]
		}
	case os.IsNotExist(err):
		c.Detail = "/dev/fuse does not exist"
		c.Fix = m.asRoot("modprobe fuse") + "   (in a container: start it with --device /dev/fuse --cap-add SYS_ADMIN)"
	case os.IsPermission(err):
		c.Detail = "/dev/fuse may not be opened by this user"
		c.Fix = m.asRoot("chmod 0666 /dev/fuse")
	default:
		c.Detail = fmt.Sprintf("/dev/fuse: %v", withoutPath(err))
		c.Fix = m.asRoot("modprobe fuse")
	}
	return c
}

// checkFusermount looks for the helper that mounts for a user who is not root.
func (m *Machine) checkFusermount() Check {
	c := Check{Name: "fusermount3", Required: m.euid != 0}
	for _, helper := range []string{"fusermount3", "fusermount"} {
		path, err := m.lookPath(helper)
		if err != nil {
			continue
		}
		c.OK, c.Detail = true, path
		if version := m.firstWords(path, "--version"); version != "" {
			c.Detail += " (" + strings.TrimPrefix(version, "fusermount3 version: ") + ")"
		}
		return c
	}
	c.Detail, c.Fix = "not found", m.installCommand("fuse3")
	if !c.Required {
		c.Detail += "; root does not need it"
	}
	return c
}

// AllowOther tells whether a user may let others into a mount.
func (m *Machine) AllowOther() Check {
	c := Check{Name: "allow_other", OK: true, Detail: "root may use it"}
	if m.euid == 0 {
		return c
	}
	if m.fields("etc/fuse.conf", "user_allow_other") == nil {
		c.OK, c.Detail = false, "not allowed for users"
		c.Fix = "echo user_allow_other | sudo tee -a /etc/fuse.conf"
		return c
	}
	c.Detail = "allowed by /etc/fuse.conf"
	return c
}

// checkRclone looks for the one sync tool that works with every provider.
func (m *Machine) checkRclone() Check {
	c := Check{Name: "rclone"}
	path, err := m.lookPath("rclone")
	if err != nil {
		c.Detail, c.Fix = "not found; any other sync tool will do", m.installCommand("rclone")
		return c
	}
	c.OK, c.Detail = true, path
	if version := m.firstWords(path, "version"); version != "" {
		c.Detail += " (" + strings.TrimPrefix(version, "rclone ") + ")"
	}
	return c
}

// checkCPU lists the instructions that the ciphers can use.
func (m *Machine) checkCPU() Check {
	names := []struct{ flag, name string }{
		{"aes", "AES"}, {"vaes", "VAES"}, {"avx2", "AVX2"}, {"avx512f", "AVX-512"},
		{"sha_ni", "SHA"}, {"sha2", "SHA"}, // amd64's name, arm64's name
	}
	flags := append(m.fields("proc/cpuinfo", "flags"), m.fields("proc/cpuinfo", "Features")...)
	var have, lack []string
	for _, n := range names {
		switch {
		case slices.Contains(flags, n.flag):
			have = append(have, n.name)
		case !slices.Contains(lack, n.name):
			lack = append(lack, n.name)
		}
	}
	c := Check{Name: "CPU", OK: slices.Contains(have, "AES"), Detail: strings.Join(have, ", ")}
	lack = slices.DeleteFunc(lack, func(name string) bool { return slices.Contains(have, name) })
	if len(lack) > 0 {
		c.Detail = strings.TrimPrefix(c.Detail+"; without "+strings.Join(lack, ", "), "; ")
	}
	return c
}

// checkClock looks for a clock that is plainly wrong: mtimes and the order of conflicts follow it.
func (m *Machine) checkClock() Check {
	now := m.now()
	c := Check{Name: "clock", OK: true, Detail: now.Format("2006-01-02 15:04:05 MST")}
	synced, err := m.synced()
	switch {
	case now.Year() < 2025 || now.Year() > 2100:
		c.OK, c.Detail = false, c.Detail+": this cannot be right"
		c.Fix = m.asRoot("timedatectl set-ntp true")
	case err == nil && !synced:
		c.Detail += ", not synchronised"
	case err == nil:
		c.Detail += ", synchronised"
	}
	return c
}

// withoutPath is for messages that name the path already.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
