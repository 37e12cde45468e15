package cloud_test

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

func TestDir(t *testing.T) {
	cloudtest.Conformance(t, func(t *testing.T) cloud.Dir {
		d, err := cloud.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}
