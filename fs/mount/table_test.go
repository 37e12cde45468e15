package mount

import (
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
)

func TestTableEntries(t *testing.T) {
	const info = `22 1 254:0 / / rw,relatime - ext4 /dev/root rw
40 22 0:35 / /home/a\040b/m rw,nosuid shared:2 master:1 - fuse.overcast /home/a\040b/vault rw,user_id=0
41 22 0:36 / /mnt rw - tmpfs none rw
42 22 0:37 / /mnt rw - fuse.overcast  rw
43 22 0:38 / /covered rw - fuse.overcast /v2 rw
44 43 0:39 / /covered rw - tmpfs none rw
`
	mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(info), nil)
	check(t, err)
	list := ours(mounts)
	if len(list) != 3 || list[0] != (Entry{"/home/a b/m", "/home/a b/vault", 35}) || list[1].Source != "" {
		t.Errorf("the table shows %+v", list)
	}
	if m, ok := onTop(mounts, "/mnt"); !ok || m.Source != "" {
		t.Errorf("the upper of two at /mnt: %+v %v", m, ok)
	}
	for _, at := range []string{"/", "/covered", "/nowhere"} {
		if m, ok := onTop(mounts, at); ok {
			t.Errorf("at %s: %+v", at, m)
		}
	}
}
