package vault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckMountpoint(t *testing.T) {
	v := testVault(t)
	root := filepath.Dir(v.Dir)
	for _, dir := range []string{"free/inner", "clouds/a/inner", "vault/inner", "far/away"} {
		check(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	check(t, os.WriteFile(root+"/file", nil, 0o600))
	check(t, os.Symlink("clouds/a/inner", root+"/link"))
	check(t, os.Symlink("free/inner", root+"/fine"))
	// A cloud that is absent now and will be below a free directory when it is back.
	check(t, os.Symlink("far/away/cloud", root+"/gone"))
	v.Clouds = append(v.Clouds, Cloud{Name: "gone", Dir: root + "/gone"})
	t.Chdir(root)
	for _, tt := range []struct {
		name, path, says string // says is "" where it is accepted
	}{
		{"free", root + "/free/inner", ""},
		{"by symlink", root + "/fine", ""},
		{"relative", "free/inner", ""},
		{"missing", root + "/none", "no such file"},
		{"a file", root + "/file", "not a directory"},
		{"not empty", root + "/free", "not empty"},
		{"in a cloud", root + "/clouds/a/inner", `inside the directory of cloud "a"`},
		{"in a cloud, by symlink", root + "/link", `inside the directory of cloud "a"`},
		{"in a cloud, relative", "clouds/a/inner", `inside the directory of cloud "a"`},
		{"in the vault", root + "/vault/inner", "inside the directory of the vault"},
		{"around an absent cloud", root + "/far/away", `cloud "gone"`},
		{"a cloud", root + "/clouds/b", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := v.CheckMountpoint(tt.path)
			if tt.name == "a cloud" {
				// Only an empty directory gets as far as this question.
				check(t, os.Remove(filepath.Join(root, "clouds/b/z-overcast.json")))
				err, tt.says = v.CheckMountpoint(tt.path), `is the directory of cloud "b"`
			}
			if tt.says == "" {
				check(t, err)
				return
			}
			wantError(t, err, ErrMountpoint, tt.says)
			if !strings.Contains(err.Error(), tt.path) {
				t.Errorf("%q does not say where", err)
			}
		})
	}
}
