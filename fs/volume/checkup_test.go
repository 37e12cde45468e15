package volume

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/vault"
)

// spoilRow flips a bit in the last row of the index, which opening it does not find.
func spoilRow(t *testing.T, v *vault.Vault) {
	t.Helper()
	path := filepath.Join(v.Dir, "state", "index")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	check(t, err)
	var row []byte
	check(t, errors.Join(db.View(func(tx *bbolt.Tx) error {
		_, is := tx.Bucket([]byte("ids")).Cursor().Last()
		row = bytes.Clone(is)
		return nil
	}), db.Close()))
	data, err := os.ReadFile(path)
	check(t, err)
	if len(row) == 0 || !bytes.Contains(data, row) {
		t.Fatal("there is no such row")
	}
	bad := bytes.Clone(row)
	bad[len(bad)/2] ^= 1
	check(t, os.WriteFile(path, bytes.ReplaceAll(data, row, bad), 0o600))
}

// TestVerifyReadsIndex: a verification finds a damaged row that nobody has asked for, and nothing wrong with the clouds. The next one
// finds an index that began anew.
func TestVerifyReadsIndex(t *testing.T) {
	v := newVault(t)
	vol, err := Open(v, unlock(t, v), Options{})
	check(t, err)
	for i := range 20 {
		n, h, err := vol.Mirror().Root().Create(fmt.Sprint("file", i), 0o600, mirror.Owner{})
		check(t, err)
		n.Forget()
		check(t, h.Close())
	}
	check(t, vol.Close())
	spoilRow(t, v)
	for n, want := range []int{1, 0} {
		var said bytes.Buffer
		report, err := Verify(t.Context(), v, unlock(t, v), CheckupOptions{Logger: slog.New(slog.NewTextHandler(&said, nil))})
		check(t, err)
		if !report.OK || len(report.Findings) > 0 {
			t.Errorf("verification %d finds %+v", n, report.Findings)
		}
		if told := strings.Count(said.String(), "what this machine knows is damaged, and begins anew"); told != want {
			t.Errorf("verification %d tells that %d times: %s", n, told, &said)
		}
	}
}
