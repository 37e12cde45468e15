package telling

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
)

// Config is what a keeper works with.
type Config struct {
	Log    *entries.Log
	Clouds *clouds.Clouds
	Logger *slog.Logger
	Book   *removals.Book // of what this mount removes

	// Where the index is lost no number of a directory is known any more: Unnumber has everybody forget those that are in use,
	// and calls forget while nobody can draw a new one.
	Unnumber func(forget func())
}

// Keeper is what this machine knows, with its transactions.
type Keeper struct {
	memory.Rows
	Book *removals.Book

	log      *entries.Log
	clouds   *clouds.Clouds
	logger   *slog.Logger
	unnumber func(forget func())
	unkept   atomic.Bool // the index, or what is to be on record before, could not be written, and that was told
	waits    Waits
	unsaid   error // why the log does not say what waits, of who retires it
}

// NewKeeper keeps what is known beside the log.
func NewKeeper(y *memory.Memory, c Config) *Keeper {
	return &Keeper{Rows: memory.Rows{Memory: y}, Book: c.Book, log: c.Log, clouds: c.Clouds, logger: c.Logger, unnumber: c.Unnumber}
}

// Open reads how far the index has come. Of one that knows nothing nobody can say what clouds owe that owe anything, unless
// nothing may be changed. Who else has written is known at once from the batches that are there.
func (y *Keeper) Open(readOnly bool) error {
	known, named, err := y.Memory.Open(y.log.Retired())
	if err != nil || readOnly {
		return err
	}
	for _, writer := range removals.Writers(clouds.Replicas(y.clouds.Ups())) {
		y.Met(writer)
	}
	if !known {
		return y.clouds.Lose()
	}
	if !named {
		if err := clouds.Unname(y.clouds); err != nil {
			return err
		}
	}
	for _, c := range y.clouds.All() {
		if !c.Owes() {
			y.Settled(c.ID, nil) // as was told before, perhaps in no transaction
		}
	}
	if y.log.Mark() == y.log.Next() {
		y.Absent(y.aways()) // each has what the index has, or owes it
	}
	return nil
}

// AtPath is what is known of a path from the root, as far as that can be read. Of
// one that a file left for another name, to which it can come back, that is nothing.
func (y *Keeper) AtPath(path string) (k index.Known) {
	d := index.Root
	for name := range strings.SplitSeq(path, "/") {
		var err error
		if k, err = y.At(index.Place{Dir: d, Name: cipher.PlainName(name)}); err != nil {
			return index.Known{}
		}
		d = k.Dir
	}
	if k.Kind == index.Gone {
		if names, err := y.Places(k.File); err != nil || len(names) > 0 {
			return index.Known{}
		}
	}
	return k
}

// Placed is the inode of the backing file that a cloud had at a path when this machine last looked or wrote; 0 where that is not known.
func (y *Keeper) Placed(path string, k int) uint64 {
	d := index.Root
	dir, name := cloud.SplitPath(path)
	if dir != "" {
		d = y.AtPath(dir).Dir
	}
	row, err := y.Row(index.Place{Dir: d, Name: cipher.PlainName(name)})
	if err != nil || row.Known.Kind != index.IsFile {
		return 0
	}
	c := row.Copy(y.clouds.All()[k].ID)
	if !c.InPlace.Equal(row.Known.Version) {
		return 0
	}
	return c.Stat.Ino
}

// Homes are the paths of a file's names, as far as they can be read.
func (y *Keeper) Homes(f index.File) []string {
	paths, err := memory.Past{Rows: y.Rows}.Homes(f)
	if err != nil {
		return nil
	}
	return paths
}

// HasEnded reports whether a version of a file is known to have ended, as far as that can be read: by a batch that was read,
// whatever names the index has, since another machine may have removed it meanwhile; or by the index, if it has none.
func (y *Keeper) HasEnded(f index.File, v cipher.Vector) bool {
	of, err := y.Of(f)
	return covered(v, y.Book.HasEnded(f.ID)) || err == nil && len(of.Names) == 0 && covered(v, of.Ended)
}

// CatchUp makes the index say that what the log has lost of its numbers needs
// nothing: otherwise it would seem to be older than the log.
func (y *Keeper) CatchUp() {
	if a := y.Applied(); a.Log != (cipher.ID{}) && a.Below < y.log.Mark() {
		y.Transact(y.log.Mark())
	}
}

// Transact makes a transaction of the index, behind which the log is not needed
// below an entry, and reports whether it is made. What was removed is on record
// before. Where it fails nothing is lost: the log keeps its entries, and it is
// tried again.
func (y *Keeper) Transact(keep uint64) bool {
	err := y.unsaid
	if err == nil {
		err = y.record()
	}
	if err == nil {
		err = y.Apply(keep, y.clouds.Missed(), y.aways()...)
	}
	if errors.Is(err, index.ErrLost) {
		y.logger.Error("what this machine knows is lost, and begins anew", "error", err)
		if err = y.beginAnew(); err == nil {
			err = y.Apply(keep, true)
		}
	}
	if err == nil {
		y.Book.Done()
		y.unkept.Store(false)
		return true
	}
	if !y.unkept.Swap(true) {
		y.logger.Error("the index cannot be written: the redo log grows until it can", "error", err)
	}
	return false
}

// aways are the clouds that are out of use, and of which rows tell what they miss.
func (y *Keeper) aways() (list []memory.Away) {
	for _, a := range clouds.Aways(y.clouds) {
		list = append(list, memory.Away(a))
	}
	return list
}

// Undone says that a change of names came to nothing, which a cloud may have made in part.
func (y *Keeper) Undone(paths ...string) {
	for _, path := range paths {
		if path == "" {
			continue // the root, which is always looked at
		}
		if p, _, err := (memory.Past{Rows: y.Rows}).Find(path); err == nil && p.Dir != 0 {
			y.Touched(p)
		}
	}
}

// beginAnew is for where the index is lost.
func (y *Keeper) beginAnew() error {
	if err := y.clouds.Lose(); err != nil {
		return err
	}
	y.unnumber(y.Forget)
	return nil
}
