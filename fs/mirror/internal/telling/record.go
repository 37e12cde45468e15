package telling

import (
	"errors"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// EndForAll says that the last name of a file was removed, at that version, wherever anybody sees the file.
func (y *Keeper) EndForAll(f index.File, v index.Version) {
	y.End(f, v)
	y.Book.Ended(f.ID, v.Vector)
}

// Records reports whether others are to be told that a file has lost a name, at that version, and has another one, wherever they
// see it: by a record, and a new version.
func (y *Keeper) Records(f index.File, v cipher.Vector) bool {
	return y.recording() && !y.Book.Young(f.ID, v)
}

// recording reports whether what is removed is put on record.
func (y *Keeper) recording() bool { return y.others() || y.clouds.Missed() || y.Book.CameBack() }

// Due reports whether a transaction is due, or a batch of removals; or at once, whether there is anything for one.
func (y *Keeper) Due(now time.Time, log int64, below uint64, atOnce bool) bool {
	return y.Memory.Due(now, log, y.needed(below), atOnce) || y.Book.Due(atOnce)
}

// Begin takes what was told so far, and removed, for the next transaction. What others are not told of yet is in no transaction,
// and goes on in the log.
func (y *Keeper) Begin(names uint64) {
	y.Book.Begin()
	y.Memory.Begin(names)
	y.unsaid = y.sayAgain()
}

// record puts what was removed on record, where it has to be. It is then in every cloud that is in use, or owed by it; a cloud
// that is not gets them when it is in use again.
func (y *Keeper) record() error {
	s := removals.Site{Others: y.others(), Missed: y.clouds.Missed(), Each: y.each, Saw: y.Met}
	for _, c := range y.clouds.Ups() {
		s.Clouds = append(s.Clouds, c.Cloud)
	}
	return y.Book.Write(s)
}

// Learn reads what is on record in the clouds that are in use.
func (y *Keeper) Learn() error { return y.Book.Learn(clouds.Replicas(y.clouds.Ups())) }

// others reports whether anybody else was ever seen writing.
func (y *Keeper) others() bool {
	own := y.Book.Writer()
	return slices.ContainsFunc(y.Writers(), func(w uint32) bool { return w != own })
}

// each writes in every cloud that is in use. What is wrong with the place of batches in one of them puts it not out.
func (y *Keeper) each(do func(*replica.Cloud) error) error {
	var owing []*clouds.Cloud
	_, err := y.clouds.Each(clouds.Change{What: "record removals", Undo: clouds.Harmless, Do: func(c *clouds.Cloud) error {
		err := do(c.Cloud)
		if f := c.Fault(err); f == clouds.Faultless || f.OfCloud() || f.Ours() {
			return err
		}
		y.logger.Error("a batch of removals cannot be written", "cloud", c.Name, "error", err)
		owing = append(owing, c)
		return nil
	}})
	for _, c := range owing {
		err = errors.Join(err, y.clouds.Owe(c, "a batch of removals cannot be written"))
	}
	return err
}
