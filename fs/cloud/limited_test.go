package cloud_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// What a filesystem lacks is refused before it is tried, or left as it is; and nothing else is.
func TestLimited(t *testing.T) {
	tries := []struct {
		what   string
		change func(*cloud.Features)
		try    func(d cloud.Dir) error
		want   error // nil where it is left as it is
	}{
		{"link", func(f *cloud.Features) { f.Links = false }, func(d cloud.Dir) error { return d.Link("f", "g") }, syscall.EPERM},
		{"exchange", func(f *cloud.Features) { f.Exchange = false }, func(d cloud.Dir) error { return d.Exchange("f", "other") }, syscall.EINVAL},
		{"handle", func(f *cloud.Features) { f.Handles = false }, func(d cloud.Dir) error { _, err := d.Handle("f"); return err }, syscall.EOPNOTSUPP},
		{"setxattr", func(f *cloud.Features) { f.Xattrs = false }, func(d cloud.Dir) error { return d.Setxattr("f", "user.x", nil, 0) }, syscall.EOPNOTSUPP},
		{"getxattr", func(f *cloud.Features) { f.Xattrs = false }, func(d cloud.Dir) error { _, err := d.Getxattr("f", "user.was"); return err }, syscall.EOPNOTSUPP},
		{"listxattr", func(f *cloud.Features) { f.Xattrs = false }, func(d cloud.Dir) error { _, err := d.Listxattr("f"); return err }, syscall.EOPNOTSUPP},
		{"removexattr", func(f *cloud.Features) { f.Xattrs = false }, func(d cloud.Dir) error { return d.Removexattr("f", "user.was") }, syscall.EOPNOTSUPP},
		{"setxattr of a file", func(f *cloud.Features) { f.Xattrs = false }, onFile(func(f cloud.File) error { return f.Setxattr("user.x", nil, 0) }), syscall.EOPNOTSUPP},
		{"getxattr of a file", func(f *cloud.Features) { f.Xattrs = false }, onFile(func(f cloud.File) error { _, err := f.Getxattr("user.was"); return err }), syscall.EOPNOTSUPP},
		{"listxattr of a file", func(f *cloud.Features) { f.Xattrs = false }, onFile(func(f cloud.File) error { _, err := f.Listxattr(); return err }), syscall.EOPNOTSUPP},
		{"removexattr of a file", func(f *cloud.Features) { f.Xattrs = false }, onFile(func(f cloud.File) error { return f.Removexattr("user.was") }), syscall.EOPNOTSUPP},
		{"punch", func(f *cloud.Features) { f.Punch = false }, onFile(func(f cloud.File) error { return f.PunchHole(0, 4096) }), syscall.EOPNOTSUPP},
		{"chmod", func(f *cloud.Features) { f.Modes = false }, func(d cloud.Dir) error { return d.Chmod("f", 0o600) }, nil},
		{"chmod of a file", func(f *cloud.Features) { f.Modes = false }, onFile(func(f cloud.File) error { return f.Chmod(0o600) }), nil},
		{"chown", func(f *cloud.Features) { f.Owners = false }, func(d cloud.Dir) error { return d.Chown("f", 7, 7) }, nil},
		{"chown of a file", func(f *cloud.Features) { f.Owners = false }, onFile(func(f cloud.File) error { return f.Chown(7, 7) }), nil},
		{"utimens", func(f *cloud.Features) { f.Times = 0 }, func(d cloud.Dir) error { return d.Chtimes("f", anHourAgo()) }, nil},
		{"utimens of a file", func(f *cloud.Features) { f.Times = 0 }, onFile(func(f cloud.File) error { return f.Chtimes(anHourAgo()) }), nil},
	}
	for i, x := range tries {
		t.Run(x.what, func(t *testing.T) {
			mem, has := stocked(t), all
			x.change(&has)
			before := stat(t, mem, "f")
			err := x.try(cloud.Limited(mem, has))
			if x.want == nil && err != nil || x.want != nil && !(errors.Is(err, cloud.ErrUnsupported) && errors.Is(err, x.want)) {
				t.Errorf("it gives %v", err)
			}
			if after := stat(t, mem, "f"); after != before {
				t.Errorf("it was tried: %+v before, %+v after", before, after)
			}
			for j, other := range tries {
				if one := all; j != i {
					other.change(&one)
					if one == has {
						continue // another way to ask for the same
					}
					must(t, other.try(cloud.Limited(stocked(t), has)))
				}
			}
		})
	}
	if d := cloudtest.NewMem(); cloud.Limited(d, all) != cloud.Dir(d) {
		t.Error("a directory whose filesystem has everything is not left as it is")
	}
}

func anHourAgo() cloud.Times {
	at := time.Now().Add(-time.Hour)
	return cloud.Times{Mtime: &at}
}

func onFile(do func(cloud.File) error) func(cloud.Dir) error {
	return func(d cloud.Dir) error {
		f, err := d.Open("f", true)
		if err != nil {
			return err
		}
		return errors.Join(do(f), f.Close())
	}
}

// stocked is a directory with two files.
func stocked(t *testing.T) cloud.Dir {
	t.Helper()
	d := cloudtest.NewMem()
	for _, name := range []string{"f", "other"} {
		f, err := d.Create(name, 0o644)
		must(t, err)
		_, err = f.WriteAt([]byte(name), 0)
		must(t, errors.Join(err, f.Setxattr("user.was", []byte(name), 0), f.Close()))
	}
	return d
}

func stat(t *testing.T, d cloud.Dir, path string) cloud.Info {
	t.Helper()
	info, err := d.Stat(path)
	must(t, err)
	return info
}
