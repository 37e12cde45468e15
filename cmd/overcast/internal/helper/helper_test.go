package helper

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		argv []string
		want Call
	}{
		{
			"as mount(8) calls it", []string{"/sbin/" + Name, "/v", "/m", "-o", "rw", "-t", "fuse.overcast"},
			Call{Args: []string{"mount", "-o", "rw", "--", "/v", "/m"}},
		},
		{
			"flags before the names, and in one word", []string{Name, "-sfnv", "-o", "what", "/v", "/m"},
			Call{Args: []string{"mount", "--", "/v", "/m"}, Fake: true, Verbose: true},
		},
		{
			"a line of fstab", []string{Name, "/v", "/m", "-o", "rw,noexec,nosuid,nodev,noauto,nofail,_netdev,user=joe,x-systemd.automount,X-y=z,noatime,relatime,comment=c"},
			Call{Args: strings.Fields("mount -o rw -o noexec -o nosuid -o nodev -o noauto -o nofail -o _netdev -o user=joe -o x-systemd.automount -o X-y=z " +
				"-o noatime -o relatime -o comment=c -- /v /m")},
		},
		{
			"what is a flag", []string{Name, "/v", "/m", "-o", "ro,allow_other,passfile=/k,idle=30m", "-o", "fsync=all,from=a,identity=i,identity=j"},
			Call{Args: strings.Fields("mount --read-only -o allow_other --passfile=/k --idle=30m --fsync=all --from=a --identity=i --identity=j -- /v /m")},
		},
		{
			"a command", []string{Name, "/v", "/m", "-o", `passcommand="pass show a,b",ro`},
			Call{Args: []string{"mount", "--passcommand=pass show a,b", "--read-only", "--", "/v", "/m"}},
		},
		{
			"a command with quotes of its own", []string{Name, "/v", "/m", "-o", `passcommand=echo "a,b" c\,d \\ \e`},
			Call{Args: []string{"mount", `--passcommand=echo "a,b" c,d \ \e`, "--", "/v", "/m"}},
		},
		{
			"who serves", []string{Name, "/v", "/m", "-o", "setuid=joe,uid=1000", "-N", "/proc/1/ns/mnt"},
			Call{Args: []string{"mount", "--", "/v", "/m"}, User: "joe", Namespace: "/proc/1/ns/mnt", Warnings: []string{"uid"}},
		},
		{
			"names that look like flags", []string{Name, "-o", "rw", "--", "-v", "-m"},
			Call{Args: []string{"mount", "-o", "rw", "--", "-v", "-m"}},
		},
	} {
		got, err := Parse(c.argv)
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !slices.Equal(got.Args, c.want.Args):
			t.Errorf("%s:\n%q, want\n%q", c.name, got.Args, c.want.Args)
		case got.Fake != c.want.Fake || got.Verbose != c.want.Verbose || got.User != c.want.User || got.Namespace != c.want.Namespace:
			t.Errorf("%s: %+v", c.name, got)
		case len(got.Warnings) != len(c.want.Warnings) || len(got.Warnings) > 0 && !strings.Contains(got.Warnings[0], c.want.Warnings[0]):
			t.Errorf("%s: warns of %q", c.name, got.Warnings)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, argv := range [][]string{
		{Name}, {Name, "/v"}, {Name, "/v", "/m", "/x"}, {Name, "/v", "/m", "-o"}, {Name, "/v", "/m", "-x"},
		{Name, "/v", "/m", "-o", "what"}, {Name, "/v", "/m", "-o", "umask=077"}, {Name, "/v", "/m", "-o", "remount,ro"},
		{Name, "/v", "/m", "-o", "passfile"}, {Name, "/v", "/m", "-o", "setuid="}, {Name, "/v", "/m", "-s", "-o", "remount"},
	} {
		if c, err := Parse(argv); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %+v, %v", argv, c, err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"/sbin/mount.fuse.overcast": true, "mount.fuse.overcast": true, "overcast": false, "/usr/bin/mount.fuse": false, "": false,
	} {
		if IsName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for code, want := range map[int]int{0: 0, 1: 32, 2: 1, 6: 32, 12: 32, 19: 32} {
		if got := ExitCode(code, 2); got != want {
			t.Errorf("%d is %d, want %d", code, got, want)
		}
	}
}
