package mount

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
)

const passphrase = "of a test"

// makeVault makes a vault with two clouds beside it.
func makeVault(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vault")
	initVault(t, dir)
	return dir
}

func initVault(t *testing.T, dir string) {
	t.Helper()
	base := filepath.Dir(dir)
	check(t, vault.Init(dir, vault.InitOptions{
		Clouds:     []vault.CloudSpec{{Name: "a", Dir: filepath.Join(base, "a")}, {Name: "b", Dir: filepath.Join(base, "b")}},
		WorkFactor: vault.MinWorkFactor,
		Passphrase: []byte(passphrase),
	}))
}

// openVault opens a vault's mirror, and returns what closes it all.
func openVault(dir string, readOnly bool, logger *slog.Logger) (*mirror.Mirror, func() error, error) {
	v, err := vault.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	lock, err := v.Lock()
	if err != nil {
		return nil, nil, err
	}
	keys, err := v.Unlock([]byte(passphrase))
	if err != nil {
		return nil, nil, err
	}
	defer keys.Wipe()
	state, err := v.OpenState(keys)
	if err != nil {
		return nil, nil, err
	}
	var clouds []mirror.CloudConfig
	for i, c := range v.Clouds {
		open, err := cloud.OpenDir(c.Dir)
		if err != nil {
			return nil, nil, err
		}
		key, err := keys.Cipher(i)
		if err != nil {
			return nil, nil, err
		}
		clouds = append(clouds, mirror.CloudConfig{Name: c.Name, ID: c.ID, Dir: open, Cipher: key})
	}
	log, err := redo.Open(redo.DirStore(state.RedoDir()), (*[32]byte)(&keys.StateKey))
	if err != nil {
		return nil, nil, err
	}
	m, err := mirror.New(mirror.Config{
		Clouds: clouds, State: state, Log: log, Logger: logger, Owners: os.Geteuid() == 0, ReadOnly: readOnly,
	})
	if err != nil {
		return nil, nil, err
	}
	return m, func() error { return errors.Join(m.Close(), state.Close(), lock.Release()) }, nil
}
