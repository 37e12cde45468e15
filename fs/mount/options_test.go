package mount

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOptions(t *testing.T) {
	const usual = unix.MS_NOSUID | unix.MS_NODEV
	for _, c := range []struct {
		name       string
		options    Options
		flags      uintptr
		words      []string
		allowOther bool
		fsName     string
	}{
		{name: "none", flags: usual, words: []string{"default_permissions"}},
		{
			name: "read-only", options: Options{ReadOnly: true, FsName: "/vault"},
			flags: usual | unix.MS_RDONLY, words: []string{"default_permissions", "ro"}, fsName: "/vault",
		},
		{
			name: "extra", options: Options{Extra: []string{"ro,noexec", "noatime"}, FsName: "x"},
			flags: usual | unix.MS_RDONLY | unix.MS_NOEXEC | unix.MS_NOATIME,
			words: []string{"default_permissions", "noexec", "noatime", "ro"}, fsName: "x",
		},
		{
			name: "rw does not undo read-only", options: Options{ReadOnly: true, Extra: []string{"rw"}},
			flags: usual | unix.MS_RDONLY, words: []string{"default_permissions", "ro"},
		},
		{
			name: "the last one counts", options: Options{Extra: []string{"noexec,exec", "dev", "suid,nosuid"}},
			flags: unix.MS_NOSUID, words: []string{"default_permissions", "noexec", "exec", "dev", "suid", "nosuid"},
		},
		{
			name: "no flag at all", options: Options{Extra: []string{"dev,suid"}},
			flags: unix.MS_MGC_VAL, words: []string{"default_permissions", "dev", "suid"},
		},
		{
			name: "as in fstab", options: Options{Extra: []string{"defaults,noauto,user,user=me,_netdev,nofail,relatime,comment=c,x-systemd.automount,X-y, allow_other ,,fsname=name"}},
			flags: usual, words: []string{"default_permissions"}, allowOther: true, fsName: "name",
		},
	} {
		o, err := c.options.normal()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		direct, helped := o.fuse(true), o.fuse(false)
		if direct.DirectMountFlags != c.flags || !direct.DirectMountStrict || !slices.Equal(direct.Options, []string{"default_permissions"}) {
			t.Errorf("%s: mounts with flags %#x and %q, want %#x", c.name, direct.DirectMountFlags, direct.Options, c.flags)
		}
		if !slices.Equal(helped.Options, c.words) || helped.DirectMountStrict {
			t.Errorf("%s: words %q, want %q", c.name, helped.Options, c.words)
		}
		if helped.AllowOther != c.allowOther || helped.FsName != c.fsName || helped.Name != "overcast" {
			t.Errorf("%s: allow_other %v, fsname %q, subtype %q", c.name, helped.AllowOther, helped.FsName, helped.Name)
		}
	}
	for _, word := range []string{"what", "fd=3", "max_read=1", "subtype=x", "fsname=", "allow_root", "auto_unmount", "noexec=1"} {
		if _, err := (Options{Extra: []string{"ro," + word}}).normal(); !errors.Is(err, ErrOption) || Known(word) || !Known("ro") {
			t.Errorf("option %q: %v, want ErrOption", word, err)
		}
	}
}
