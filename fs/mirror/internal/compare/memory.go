package compare

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// A Memory is what this machine knows. Paths are plain, from the root of the
// tree, with slashes between names; a [judge.Name] is such a path. All methods
// may be called by several goroutines.
type Memory interface {
	// At tells what should be at a path.
	At(path string) (judge.Known, error)
	// Within lists the names of a directory at which something should be, or
	// has vanished.
	Within(dir string) ([]cipher.PlainName, error)
	// Of tells what is known of a file, records of removals included.
	Of(id judge.Identity) (judge.Facts, error)
	// Owes reports whether a cloud is known to owe a path.
	Owes(cloud int, path string) (bool, error)
	// Ended returns the records of the end of directories at a path.
	Ended(dir string) ([]cipher.Vector, error)
	// Writers lists every writer that was ever seen.
	Writers() ([]uint32, error)
}

// Nothing is the memory of a machine that knows nothing, as after the index was
// lost.
type Nothing struct{}

// At knows nothing.
func (Nothing) At(string) (judge.Known, error) { return judge.Known{Has: judge.Unknown}, nil }

// Within knows nothing.
func (Nothing) Within(string) ([]cipher.PlainName, error) { return nil, nil }

// Of knows nothing.
func (Nothing) Of(judge.Identity) (judge.Facts, error) { return judge.Facts{}, nil }

// Owes knows nothing.
func (Nothing) Owes(int, string) (bool, error) { return false, nil }

// Ended knows nothing.
func (Nothing) Ended(string) ([]cipher.Vector, error) { return nil, nil }

// Writers knows nothing.
func (Nothing) Writers() ([]uint32, error) { return nil, nil }
