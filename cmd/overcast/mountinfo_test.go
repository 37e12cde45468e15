package main

import (
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	const info = `22 1 254:0 / / rw,relatime - ext4 /dev/root rw
40 22 0:35 / /home/a\040b/m rw,nosuid shared:2 master:1 - fuse.overcast /home/a\040b/vault rw,user_id=0
41 22 0:36 / /mnt rw - tmpfs none rw
42 22 0:37 / /mnt rw - fuse.overcast  rw
43 22 0:38 / /covered rw - fuse.overcast /v2 rw
44 43 0:39 / /covered rw - tmpfs none rw
`
	mounts, err := parseMounts(strings.NewReader(info))
	if err != nil || len(mounts) != 6 {
		t.Fatalf("%d mounts, %v", len(mounts), err)
	}
	if m, ok := mountOf(mounts, "/home/a b/vault"); !ok || m.Mountpoint != "/home/a b/m" {
		t.Errorf("mountOf: %+v %v", m, ok)
	}
	if m, ok := mountAt(mounts, "/mnt"); !ok || m.Source != "" {
		t.Errorf("mountAt the upper of two: %+v %v", m, ok)
	}
	for _, at := range []string{"/", "/covered", "/nowhere"} {
		if m, ok := mountAt(mounts, at); ok {
			t.Errorf("mountAt %s: %+v", at, m)
		}
	}
	if _, err := parseMounts(strings.NewReader("rubbish\n")); err == nil {
		t.Error("rubbish was accepted")
	}
}
