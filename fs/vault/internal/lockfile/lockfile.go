// Package lockfile locks files between processes: the kernel gives a lock back
// when the process ends, however it ends.
package lockfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

const perm = 0o600

// Open opens a lock file and nothing that somebody has put in its place: what
// it leads to would be truncated, or waited on.
func Open(path string, flag int) (*os.File, error) {
	file, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, perm)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: not a regular file", path, cipher.ErrDamaged)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Take tries to lock an open lock file and writes the process's id into it.
// Neither taken nor an error: it is worth another attempt.
func Take(file *os.File) (taken bool, err error) {
	err = Try(file, unix.LOCK_EX)
	if errors.Is(err, unix.EWOULDBLOCK) {
		// A status that asks who has the lock holds it shared for an instant.
		return false, Try(file, unix.LOCK_SH)
	}
	if err != nil {
		return false, err
	}
	// Whoever removed the file meanwhile left us a lock that nobody else sees.
	ours, err := file.Stat()
	if err != nil {
		return false, err
	}
	if named, err := os.Lstat(file.Name()); err != nil || !os.SameFile(ours, named) {
		return false, nil
	}
	// The id is for others' messages; the lock holds without it.
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return true, nil
}

// Try locks or unlocks a file as flock(2) does. It never waits; it returns [unix.EWOULDBLOCK] where it would have to.
func Try(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Holder reads the process id in a lock file, 0 if there is none.
func Holder(file *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}

// Holds looks a lock up in /proc/locks, see proc_locks(5). A process that waits
// for one has "->" before it.
func Holds(table string, pid int, st *unix.Stat_t) bool {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[3] != "WRITE" || f[4] != strconv.Itoa(pid) {
			continue
		}
		device, ino, _ := cutLast(f[5], ":")
		// A filesystem of several volumes or layers shows stat another device than it tells here.
		same := device == fmt.Sprintf("%02x:%02x", unix.Major(st.Dev), unix.Minor(st.Dev)) || unix.Major(st.Dev) == 0
		if same && ino == strconv.FormatUint(st.Ino, 10) {
			return true
		}
	}
	return false
}

// cutLast is [strings.Cut] at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
