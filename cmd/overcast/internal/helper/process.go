package helper

import (
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Enter starts this program again in the mount namespace of the call, with the same command line but for that. It returns
// only with an error. A process with many threads cannot change its namespace; one of them can, and then becomes the
// process.
func (c *Call) Enter(argv []string) error {
	at := slices.Index(argv, "-N")
	if at < 0 || at+1 >= len(argv) {
		return fmt.Errorf("%w: -N and its namespace must be two words", ErrUsage)
	}
	argv = slices.Delete(slices.Clone(argv), at, at+2)
	ns, err := os.Open(c.Namespace)
	if err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	defer ns.Close()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mount namespace %s: %w", c.Namespace, err)
	}
	return fmt.Errorf("mount namespace %s: /proc/self/exe: %w", c.Namespace, syscall.Exec("/proc/self/exe", argv, os.Environ()))
}

// Become makes this process one of the call's user, for good.
func (c *Call) Become() error {
	u, err := user.Lookup(c.User)
	if err != nil {
		return fmt.Errorf("setuid=%s: %w", c.User, err)
	}
	names, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("setuid=%s: %w", c.User, err)
	}
	ids := make([]int, 0, len(names)+2)
	for _, text := range append([]string{u.Uid, u.Gid}, names...) {
		id, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("setuid=%s: %w", c.User, err)
		}
		ids = append(ids, id)
	}
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(ids[2:]) },
		func() error { return syscall.Setgid(ids[1]) },
		func() error { return syscall.Setuid(ids[0]) },
		func() error { return environment(u) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("setuid=%s: %w", c.User, err)
		}
	}
	return nil
}

// Environment gives this process back what mount(8) may have taken away.
func Environment() error {
	if os.Getenv("HOME") != "" && os.Getenv("PATH") != "" {
		return nil
	}
	u, err := user.Current()
	if err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	return environment(u)
}

// environment is as after a user's login: commands for the passphrase look for their files and for the keyring's bus in it.
func environment(u *user.User) error {
	const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for name, value := range map[string]string{
		"HOME": u.HomeDir, "USER": u.Username, "LOGNAME": u.Username, "PATH": standardPath, "XDG_RUNTIME_DIR": "/run/user/" + u.Uid,
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("environment: %w", err)
		}
	}
	return nil
}
