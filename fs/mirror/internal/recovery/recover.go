package recovery

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// recover brings back, after a kill of the process, what had reached the
// mirror and was in no commit yet, file by file, at the place where each is now. What was
// before a power cut is lost.
func (r *replayer) recover() error {
	files := map[uint64]*content.Recovery{}
	defer func() {
		for _, f := range files {
			if f != nil {
				f.End()
			}
		}
	}()
	err := r.each(func(at int, e *journal.Entry) error {
		f := r.refs[e.Ref]
		if e.Ref == 0 || f == nil || f.at < r.since || at <= f.commit || f.change <= f.commit {
			return nil
		}
		open, known := files[e.Ref]
		if !known {
			open = r.reopen(e.Ref, f)
			files[e.Ref] = open
		}
		if open != nil {
			e.Seq = r.seqs[at]
			open.Redo(e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(files)) {
		switch f := files[number]; {
		case f == nil:
		case f.Waits():
			r.wait(r.fold.Ref(number))
		default:
			if err := f.Finish(); err != nil {
				return err
			}
		}
	}
	return nil
}

// wait leaves a file to the next mount.
func (r *replayer) wait(thing *journal.Thing) {
	r.Files.Pin(r.seqs[0])
	r.Waiting.add(thing)
}

// reopen opens a file that the log names, at the place where it is now. It
// returns nil where there is nothing left to recover.
func (r *replayer) reopen(number uint64, f *ref) *content.Recovery {
	thing := r.fold.Ref(number)
	where, alive := thing.Path()
	if !alive || thing.Kind != unix.S_IFREG {
		return nil
	}
	o, open, err := r.open(where, thing.ID())
	if err != nil {
		r.cannot(thing, err)
		return nil
	}
	defer o.Forget()
	if open.ID() != thing.ID() {
		open.Release()
		return nil
	}
	if f.known && cipher.Compare(open.Version().Head.Version, f.on) != cipher.Equal {
		r.Logger.Error("changes that were in no version yet are not done again: the file has another version now", "file", o.Ino())
		r.Files.Pin(r.seqs[0])
		open.Release()
		return nil
	}
	recovery, err := open.Recover(number, r.seqs[f.at])
	if err != nil {
		r.cannot(thing, err)
		open.Release()
	}
	return recovery
}

// cannot says that a file is not recovered, and leaves it to the next mount where
// that may do better.
func (r *replayer) cannot(thing *journal.Thing, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	r.Logger.Error("a file cannot be recovered", "error", err)
	if copies.NoAnswer(err) || errors.Is(err, content.ErrStale) {
		r.wait(thing)
	}
}

// open finds a file and opens it. What was written beyond the length in its
// header makes it stale, once.
func (r *replayer) open(path string, id cipher.ID) (o *content.Object, open content.Holder, err error) {
	for range 2 {
		if o, err = r.Names.Find(path); err != nil {
			return nil, open, err
		}
		if open, err = o.AcquireNew(id); err == nil {
			return o, open, nil
		}
		if open, err = o.Acquire(); err == nil {
			return o, open, nil
		}
		o.Forget()
		if !errors.Is(err, content.ErrStale) {
			break
		}
	}
	return nil, open, err
}
