package mirror

import (
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// Commit is Sync without its end: the clouds have everything then, and the log still holds it.
func (m *Mirror) Commit() error { return m.files.Commit() }

// CommitDue is one of the background's rounds: of the files whose time has come.
func (m *Mirror) CommitDue() error { return m.files.CommitDue() }

// Retire is what the background does to the log every few seconds.
func (m *Mirror) Retire() error { return m.files.Retire() }

// Known is what this machine knows of a path.
func (m *Mirror) Known(path string) (k index.Known, err error) {
	d := index.Root
	for name := range strings.SplitSeq(path, "/") {
		if d == 0 {
			return index.Known{}, nil
		}
		if k, err = m.memory.At(index.Place{Dir: d, Name: cipher.PlainName(name)}); err != nil {
			return k, err
		}
		d = k.Dir
	}
	return k, nil
}
