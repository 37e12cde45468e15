package cloud

import (
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An opener opens path beneath the directory at and follows no link on the
// way: a link is ENOTDIR, and as the last name it is opened itself with
// O_PATH|O_NOFOLLOW. "" is the directory itself.
type opener func(at int, path string, flags int) (int, error)

// bestOpener is openBeneath where the kernel has openat2 (Linux 5.6) and lets
// us use it (some container sandboxes do not), and else openEach.
func bestOpener(root int) opener {
	fd, err := openBeneath(root, "", unix.O_PATH)
	if err != nil {
		return openEach
	}
	unix.Close(fd)
	return openBeneath
}

// pathMax is the most that one system call takes, less the final NUL.
const pathMax = unix.PathMax - 1

// openBeneath takes one system call for up to PATH_MAX bytes.
func openBeneath(at int, path string, flags int) (int, error) {
	return walk(at, path, flags, func(path string) int {
		if len(path) <= pathMax {
			return len(path)
		}
		return strings.LastIndexByte(path[:pathMax+1], '/')
	}, func(at int, path string, flags int) (int, error) {
		return unix.Openat2(at, path, &unix.OpenHow{
			Flags:   uint64(flags),
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		})
	})
}

// openEach takes one system call for each name.
func openEach(at int, path string, flags int) (int, error) {
	return walk(at, path, flags, func(path string) int {
		if i := strings.IndexByte(path, '/'); i >= 0 {
			return i
		}
		return len(path)
	}, func(at int, path string, flags int) (int, error) {
		return unix.Openat(at, path, flags|unix.O_NOFOLLOW, 0)
	})
}

// walk opens path in steps, each as long as cut says, and the last with flags.
func walk(at int, path string, flags int, cut func(string) int, step opener) (int, error) {
	if path == "" {
		path = "."
	}
	for from := at; ; {
		n := cut(path)
		last := n == len(path)
		how := unix.O_PATH | unix.O_DIRECTORY
		if last {
			how = flags
		}
		fd, err := step(from, path[:n], how|unix.O_CLOEXEC)
		if from != at {
			unix.Close(from)
		}
		switch {
		case err == unix.ELOOP:
			return -1, unix.ENOTDIR
		case err != nil || last:
			return fd, err
		}
		from, path = fd, path[n+1:]
	}
}

// opened runs fn on a descriptor of what is at path, opened with flags.
func (d *dir) opened(op, path string, flags int, fn func(fd int) error) error {
	if err := CheckPath(op, path); err != nil {
		return err
	}
	return pathError(op, path, d.control(func(root int) error {
		fd, err := d.open(root, path, flags)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return fn(fd)
	}))
}

// inode runs fn on an O_PATH descriptor of the file or directory at path: it
// opens nothing, and names the same inode whatever happens to the path.
func (d *dir) inode(op, path string, fn func(fd int, st *unix.Stat_t) error) error {
	look := func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		if t := st.Mode & unix.S_IFMT; t != unix.S_IFREG && t != unix.S_IFDIR {
			return notRegular(unix.ENXIO)
		}
		return fn(fd, &st)
	}
	if d.remote { // one question to who keeps it, not two
		return d.opened(op, path, unix.O_PATH|unix.O_NOFOLLOW, look)
	}
	return d.at(op, path, func(at int, name string) error {
		fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return look(fd)
	})
}

// at runs fn on the directory that holds the last name of path, and that name.
func (d *dir) at(op, path string, fn func(at int, name string) error) error {
	if err := CheckPath(op, path); err != nil {
		return err
	}
	if done, err := d.inKept(path, fn); done {
		return pathError(op, path, err)
	}
	return pathError(op, path, d.control(func(root int) error {
		return d.parent(root, path, fn)
	}))
}

// inKept is at in a directory that is kept open, which needs no descriptor of the
// root. done is false where there is none.
func (d *dir) inKept(path string, fn func(at int, name string) error) (done bool, err error) {
	parent, name := SplitPath(path)
	h := d.parents.take(parent)
	if h == nil {
		return false, nil
	}
	defer d.parents.giveBack(h)
	for err = fn(h.fd, name); err == unix.EINTR; {
		err = fn(h.fd, name)
	}
	if err == unix.ENOENT && h.gone() {
		d.parents.forget(h)
		return false, nil
	}
	return true, err
}

func (d *dir) parent(root int, path string, fn func(at int, name string) error) error {
	parent, name := SplitPath(path)
	if name == "" {
		name = "." // the kernel then refuses what the directory itself cannot do
	}
	if parent == "" {
		return fn(root, name)
	}
	for {
		h, kept, err := d.hasParent(root, parent)
		if err != nil {
			return err
		}
		err = fn(h.fd, name)
		again := kept && err == unix.ENOENT && h.gone()
		if again {
			d.parents.forget(h)
		}
		d.parents.giveBack(h)
		if !again {
			return err
		}
	}
}

// hasParent opens a directory to act in, or has it open. The caller gives it
// back.
func (d *dir) hasParent(root int, path string) (h *parent, kept bool, err error) {
	if d.remote {
		fd, err := d.open(root, path, unix.O_PATH|unix.O_DIRECTORY)
		return &parent{fd: fd, users: 1}, false, err
	}
	if h = d.parents.take(path); h != nil {
		return h, true, nil
	}
	before := d.parents.now()
	fd, err := d.open(root, path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, false, err
	}
	return d.parents.keep(path, fd, before), false, nil
}

// at2 is at for two paths.
func (d *dir) at2(op, old, new string, fn func(oldAt int, oldName string, newAt int, newName string) error) error {
	if err := CheckPath(op, old); err != nil {
		return err
	}
	if err := CheckPath(op, new); err != nil {
		return err
	}
	err := d.control(func(root int) error {
		return d.parent(root, old, func(oldAt int, oldName string) error {
			return d.parent(root, new, func(newAt int, newName string) error {
				return fn(oldAt, oldName, newAt, newName)
			})
		})
	})
	if err != nil {
		return &os.LinkError{Op: op, Old: old, New: new, Err: err}
	}
	return nil
}

// procFD has a link for each of our descriptors. Through it O_PATH
// descriptors reach the calls that do not take them, with no name in between
// that could be replaced by a link.
const procFD = "/proc/self/fd/"

func procPath(fd int) string { return procFD + strconv.Itoa(fd) }

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
