package recovery

import (
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/repair"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// kept is a file of which the log has a version that no cloud could be given: what
// belongs to it is in one that is away. It is said again at the log's end, and
// goes on there, until that one is back.
type kept struct {
	thing *journal.Thing
	said  []*journal.Entry // what the log says of it, without data
	paths []string         // where it is by now
	waits bool             // no other version of it is shown
}

// keep keeps a file of which these entries tell.
func (w *Waiting) keep(t *journal.Thing, entries []*journal.Entry, waits bool) {
	k := &kept{thing: t, said: entries, waits: waits}
	for _, s := range t.Now {
		if path, ok := s.Path(); ok {
			k.paths = append(k.paths, path)
		}
	}
	if len(k.paths) > 0 && len(t.Backings) > 0 {
		w.kept = append(w.kept, k)
		w.tell()
	}
}

// carry has what is kept said again at the end of the log, now and whenever that
// has grown long, so that the rest may go.
func (w *Waiting) carry(cfg *Config) error {
	if w.cfg = cfg; len(w.kept) == 0 {
		return nil
	}
	cfg.Logger.Error("a file cannot be finished in any cloud that is there: the redo log keeps it until the others are back", "files", len(w.kept))
	return cfg.Files.Carry(w.again)
}

// again says everything again, and returns the number of the first entry. The
// caller holds Mirror.names, or nobody else is there yet.
func (w *Waiting) again() (from uint64, err error) {
	if len(w.kept) == 0 {
		return 0, nil
	}
	from = w.cfg.Log.Next()
	lists, left := make([][]*journal.Entry, len(w.kept)), make([][]*journal.Entry, len(w.kept))
	whose := map[uint64]int{}
	for i, k := range w.kept {
		lists[i] = k.thing.Again(k.said, w.cfg.Files.NewRef(), k.paths)
		left[i] = lists[i]
		for _, e := range lists[i] {
			if e.Seq > 0 {
				whose[e.Seq] = i
			}
		}
	}
	// say says a file's next entries, up to one with data.
	say := func(i int, data []byte) error {
		for len(left[i]) > 0 {
			e := left[i][0]
			left[i] = left[i][1:]
			if e.Seq > 0 {
				_, err := w.cfg.Log.Append(e, data)
				return err
			}
			if _, err := w.cfg.Log.Append(e); err != nil {
				return err
			}
		}
		return nil
	}
	err = w.read(func(seq uint64, e *journal.Entry) error {
		if i, ok := whose[seq]; ok {
			return say(i, e.Data)
		}
		return nil
	})
	if err == nil {
		err = w.cfg.Log.Sync()
	}
	if err != nil {
		return 0, err
	}
	for i, k := range w.kept {
		k.said = lists[i]
	}
	return from, nil
}

// read goes through what the log has of what is kept, and of everything since.
func (w *Waiting) read(do func(seq uint64, e *journal.Entry) error) error {
	return w.cfg.Log.ReadFrom(0, func(seq uint64, payload []byte) error {
		e, err := journal.Parse(payload)
		if err != nil {
			return err
		}
		return do(seq, e)
	})
}

// Ends follows an operation on names that was made. The caller holds Mirror.names
// for writing.
func (w *Waiting) Ends(e *journal.Entry) {
	if len(w.kept) == 0 {
		return
	}
	for _, k := range w.kept {
		k.follow(e)
	}
	w.now(slices.DeleteFunc(w.kept, func(k *kept) bool { return len(k.paths) == 0 }))
}

// now keeps these, and nothing else.
func (w *Waiting) now(list []*kept) {
	if w.kept = list; len(list) == 0 {
		w.cfg.Files.LetGo()
	}
	w.tell()
}

// follow is where a file is after an operation.
func (k *kept) follow(e *journal.Entry) {
	from, to := string(e.Path), string(e.To)
	switch e.Op {
	case journal.OpUnlink, journal.OpRename:
		gone := to
		if e.Op == journal.OpUnlink {
			gone = from
		}
		k.paths = slices.DeleteFunc(k.paths, func(path string) bool { return path == gone })
	case journal.OpLink:
		if slices.Contains(k.paths, from) {
			k.paths = append(k.paths, to)
		}
	}
	for i, path := range k.paths {
		switch e.Op {
		case journal.OpExchange:
			if at, ok := moved(path, to, from); ok {
				k.paths[i] = at
				continue
			}
			fallthrough
		case journal.OpRename:
			if at, ok := moved(path, from, to); ok {
				k.paths[i] = at
			}
		}
	}
}

// moved is a path below one that was renamed.
func moved(path, from, to string) (string, bool) {
	if path == from {
		return to, true
	}
	rest, ok := strings.CutPrefix(path, from+"/")
	return to + "/" + rest, ok
}

// Finish finishes what is kept with a cloud that is back, before anything in it is
// compared: the others get it from there. It reports whether anything came of
// that. The caller holds Mirror.names for writing.
func (w *Waiting) Finish(c *clouds.Cloud) (done bool, err error) {
	if len(w.kept) == 0 {
		return false, nil
	}
	work := repair.Replay{
		Clouds: w.cfg.ups(), Behind: make([]*replica.Cloud, w.cfg.Clouds.N()), SameBoot: true, Known: w.cfg.Memory.AtPath,
		Owners: w.cfg.Owners, Clock: w.cfg.Clock, Logger: w.cfg.Logger,
	}
	work.Behind[c.Index] = c.Cloud
	work.Fold, work.Log = w.fold()
	out := work.Run()
	if err := w.cfg.blame(&out); err != nil {
		return false, err
	}
	var still []*kept
	for i, k := range w.kept {
		thing := work.Fold.Ref(uint64(i + 1))
		lost := slices.ContainsFunc(thing.Backings, func(b *journal.Backing) bool { return b.Lost })
		if lost || slices.Contains(out.Kept, thing) {
			still = append(still, k)
		}
	}
	done = len(still) < len(w.kept)
	w.now(still)
	return done, out.Errors[c.Index]
}

// fold is what is kept, each file under its place in the list for a reference, and
// what reads its data.
func (w *Waiting) fold() (*journal.Fold, func(do func(at int, e *journal.Entry) error) error) {
	var list []*journal.Entry
	at, next := map[uint64]int{}, w.cfg.Log.Next()
	for i, k := range w.kept {
		for _, e := range k.thing.Again(k.said, uint64(i+1), k.paths) {
			if e.Seq > 0 {
				at[e.Seq] = len(list)
			}
			e.Seq = next + uint64(len(list)) // things are told apart by it
			list = append(list, e)
		}
	}
	return journal.NewFold(list), func(do func(at int, e *journal.Entry) error) error {
		return w.read(func(seq uint64, e *journal.Entry) error {
			i, ok := at[seq]
			if !ok {
				return nil
			}
			said := *list[i]
			said.Data = e.Data
			return do(i, &said)
		})
	}
}
