package vault

import (
	"io/fs"
	"os"

	"github.com/overcast-fs/overcast/fs/durable"
)

// A disk is everything that this package does to change files, one method for
// each step that a failure or a power cut can come between. Reading goes to the
// operating system directly.
type disk interface {
	durable.Disk
	Mkdir(path string, perm fs.FileMode) error
	Chmod(path string, perm fs.FileMode) error
}

// osDisk is the real disk.
type osDisk struct{ durable.OS }

func (osDisk) Mkdir(path string, perm fs.FileMode) error { return os.Mkdir(path, perm) }
func (osDisk) Chmod(path string, perm fs.FileMode) error { return os.Chmod(path, perm) }
