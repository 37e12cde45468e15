package vault

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/overcast-fs/overcast/fs/durable/durabletest"
)

func TestMoveCloud(t *testing.T) {
	v := testVault(t)
	root := filepath.Dir(v.Dir)
	before := tree(t, v.Dir)
	for _, tt := range []struct {
		name, dir string
		want      error
		says      string
	}{
		{"c", root + "/clouds/a", ErrNoSuchCloud, "are a, b"},
		{"a", root + "/clouds/b", ErrWrongCloud, "were folders swapped"},
		{"a", root + "/none", ErrNoMarker, "/none"},
		{"a", "", ErrUnusable, "empty"},
	} {
		_, err := v.MoveCloud(tt.name, tt.dir)
		wantError(t, err, tt.want, tt.says)
	}
	check(t, os.Rename(root+"/clouds/a", root+"/clouds/b/a"))
	_, err := v.MoveCloud("a", root+"/clouds/b/a")
	wantError(t, err, ErrUnusable, "inside")
	check(t, ignore(os.Remove(v.statePath(changeName))))
	if after := tree(t, v.Dir); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%v\n%v", before, after)
	}
	check(t, os.Rename(root+"/clouds/b/a", root+"/elsewhere"))
	moved, err := v.MoveCloud("a", root+"/elsewhere")
	check(t, err)
	if moved.Clouds[0].Dir != root+"/elsewhere" {
		t.Errorf("moved to %+v", moved.Clouds)
	}
	wantJoined(t, v.Dir)
}

func TestMoveCloudCrashes(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 19))
		durabletest.EachFailure(t, seed > 0, func(t *testing.T, d *durabletest.Disk) error {
			v := testVault(t)
			dir := filepath.Dir(v.Dir) + "/elsewhere"
			check(t, os.Rename(v.Clouds[0].Dir, dir))
			_, err := onDisk(t, v.Dir, d).MoveCloud("a", dir)
			if seed > 1 {
				d.PowerCut(t, rng)
			}
			now := onDisk(t, v.Dir, &durabletest.Disk{})
			unlocked(t, now)
			if at := now.Clouds[0].Dir; at != dir && (err == nil || at != v.Clouds[0].Dir) {
				t.Errorf("cloud a is at %s: %v", at, err)
			}
			if err != nil {
				_, again := now.MoveCloud("a", dir)
				check(t, again)
			}
			wantJoined(t, v.Dir)
			return err
		})
	}
}
