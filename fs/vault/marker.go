package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/overcast-fs/overcast/cipher"
)

// CheckMarker checks that dir holds the marker of the cloud with this id. With
// key nil only the ids are compared, which needs no passphrase. The error wraps
// [ErrNoMarker] where the directory or the marker is missing (the cloud is
// absent), [ErrWrongCloud] where it is another cloud's (folders swapped), or
// [ErrDamaged].
func (v *Vault) CheckMarker(dir string, id cipher.ID, key *cipher.Cloud) error {
	marker, err := readMarker(dir)
	if err != nil {
		return err
	}
	vaultID, cloudID, err := cipher.ParseMarkerIDs(marker)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", filepath.Join(dir, cipher.MarkerName), err)
	case vaultID != v.ID:
		return fmt.Errorf("%s: %w: it is a cloud of another vault, %s", dir, ErrWrongCloud, vaultID)
	case cloudID != id:
		return fmt.Errorf("%s: %w: it holds %s, not %s; were folders swapped?", dir, ErrWrongCloud, v.cloudNamed(cloudID), v.cloudNamed(id))
	case key == nil:
		return nil
	}
	if err := key.CheckMarker(marker); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, cipher.MarkerName), err)
	}
	return nil
}

func readMarker(dir string) ([]byte, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: this machine does not know its directory", ErrNoMarker)
	}
	marker, err := readFile(filepath.Join(dir, cipher.MarkerName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrNoMarker, withoutPath(err))
	}
	return marker, err
}
