package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/overcast-fs/overcast/fs/vault/internal/place"
)

// CheckMountpoint refuses a mountpoint that is missing, no directory or not
// empty, and one inside a cloud's directory or the vault, or around either: there
// plaintext would be synced, or the mount would hide what it stands on. The
// error wraps [ErrMountpoint].
func (v *Vault) CheckMountpoint(path string) error {
	if err := checkEmptyDir(path); err != nil {
		return fmt.Errorf("%w %s: %w", ErrMountpoint, path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrMountpoint, path, err)
	}
	survey := place.NewSurveyor()
	point := survey.Place(abs)
	for _, s := range v.sites() {
		switch at := survey.Place(s.dir); {
		case at.Contains(point) && point.Contains(at):
			return fmt.Errorf("%w %s: it is the directory of %s", ErrMountpoint, path, s.what)
		case at.Contains(point):
			return fmt.Errorf("%w %s: it lies inside the directory of %s, %s", ErrMountpoint, path, s.what, s.dir)
		case point.Contains(at):
			return fmt.Errorf("%w %s: the directory of %s, %s, lies inside it", ErrMountpoint, path, s.what, s.dir)
		}
	}
	return nil
}

// checkEmptyDir looks at a directory that is to be mounted on.
func checkEmptyDir(path string) error {
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	switch {
	case errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.ESTALE):
		return fmt.Errorf("a mount whose process died is still on it: %w", syscall.ENOTCONN)
	case err != nil:
		return withoutPath(err)
	}
	defer dir.Close()
	switch names, err := dir.Readdirnames(1); {
	case len(names) > 0:
		return syscall.ENOTEMPTY
	case err != nil && err != io.EOF:
		return withoutPath(err)
	}
	return nil
}

// withoutPath is for messages that name the path already.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

// A site is a directory that plaintext must stay away from.
type site struct{ what, dir string }

func (v *Vault) sites() []site {
	sites := []site{{"the vault", v.Dir}}
	for _, c := range v.Clouds {
		if c.Dir == "" {
			continue
		}
		sites = append(sites, site{fmt.Sprintf("cloud %q", c.Name), c.Dir})
	}
	return sites
}
