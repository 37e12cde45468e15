package volume

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/vault"
)

// ErrNoOffset means that a directory can be no cloud: a file in it can only be
// written from its start to its end.
var ErrNoOffset = errors.New("files there cannot be written at an offset, which a cloud must (an rclone mount can with --vfs-cache-mode writes)")

// Init is [vault.Init] with a look at what the filesystem of each cloud can do.
// One that cannot hold a cloud ends it with [ErrNoOffset], and nothing is left.
// For each other one that lacks something there is a line.
func Init(dir string, o vault.InitOptions) (lacking []string, err error) {
	o.Probe = func(c vault.CloudSpec) error {
		f, err := probe(c.Dir)
		switch {
		case err != nil:
			return err
		case !f.Offset:
			return fmt.Errorf("%s: %w", c.Dir, ErrNoOffset)
		}
		if words := f.Lacks(); len(words) > 0 {
			lacking = append(lacking, fmt.Sprintf("cloud %s: its filesystem has %s", c.Name, strings.Join(words, ", ")))
		}
		return nil
	}
	return lacking, vault.Init(dir, o)
}

// A Probed is a cloud with what its filesystem can do.
type Probed struct {
	Name string
	cloud.Features
	Err error // it cannot be told
}

// Probe looks what the filesystem of each cloud that is there can do. It makes
// files for that, and removes them.
func Probe(v *vault.Vault) []Probed {
	list := make([]Probed, len(v.Clouds))
	there := look(v, anyCloud)
	var all sync.WaitGroup
	for i, c := range v.Clouds {
		list[i] = Probed{Name: c.Name, Err: there[i]}
		if there[i] == nil {
			all.Go(func() { list[i].Features, list[i].Err = probe(c.Dir) })
		}
	}
	all.Wait()
	return list
}

// probe probes a directory that may not answer.
func probe(path string) (f cloud.Features, err error) {
	dir, err := cloud.Bounded(func() (cloud.Dir, error) { return cloud.OpenDir(path) }, cloud.AnswerTime)
	if err != nil {
		return f, err
	}
	f, err = cloud.Probe(dir)
	return f, errors.Join(err, dir.Close())
}
