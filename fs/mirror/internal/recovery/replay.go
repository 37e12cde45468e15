package recovery

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/repair"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
)

// Config is what a log is replayed with.
type Config struct {
	Clouds  *clouds.Clouds
	State   State
	Log     *entries.Log
	Memory  *telling.Keeper
	Files   *content.Store
	Names   Names
	Waiting *Waiting // is filled
	Logger  *slog.Logger
	Clock   func() time.Time
	Owners  bool // the process may set owners of backing files
}

// State is what the vault's durable state knows of power cuts.
type State interface {
	SameBoot() bool   // the last boot that was marked is this one: it tells for segments of the log that do not say theirs
	Cut() bool        // what the mount before this one wrote can be lost, whether the log still tells of it or not
	MarkBoot() error  // before anything is written
	MarkClean() error // once everything is on the disks
}

// Names are files and directories as the mirror shows them by now.
type Names interface {
	// Find returns what is at a path, with a reference.
	Find(path string) (*content.Object, error)

	// Owner is what a directory shows; ok is false where it cannot be seen.
	Owner(path string) (o index.Owner, ok bool)

	// Renew gives files a new version, where the log has none, and tells others.
	Renew(list []telling.Left)
}

// replayer brings, at mount, what the log says to the clouds. The fold tells
// what is to be there, and the repair makes it so.
type replayer struct {
	Config
	entries []*journal.Entry // without data
	seqs    []uint64         // of entries
	refs    map[uint64]*ref  // files that the log names
	fold    *journal.Fold
	cut     bool     // what was written to the clouds for some entry can be lost: the power was cut since
	since   int      // index of the first entry behind all of which that is so
	undone  []string // names of operations that came to nothing
	unmade  bool     // there was no room for what an entry says: the next mount does it, as if it was the first
}

// ref is a file that the log names.
type ref struct {
	at     int // index of the binding entry
	commit int // index of the last commit, or of what says that the changes before it came to nothing; -1
	change int // index of the last change, -1

	on    cipher.Vector // the version that changes since the last commit were made to
	known bool          // on is known: logs of earlier versions do not tell
}

// Replay brings everything that the log holds to the clouds that are up, and
// empties it. After a power cut they are compared even where it holds nothing.
// Where it cannot be done in any of them the clouds are held, and it is no error.
func Replay(cfg Config) error {
	r := &replayer{Config: cfg, refs: map[uint64]*ref{}}
	if err := r.survey(); err != nil {
		return err
	}
	if r.Clouds.ReadOnly() {
		return nil // what is not replayed must still tell a power cut from a kill
	}
	if len(r.entries) == 0 && !r.cut {
		r.Memory.CatchUp()
		return r.State.MarkBoot()
	}
	r.Logger.Info("replaying the redo log", "entries", len(r.entries), "sameBoot", !r.cut)
	if err := r.markOut(); err != nil {
		return err
	}
	err := r.finish()
	if err == nil || clouds.FaultOf(err).Ours() {
		return err // the log is as it was
	}
	// What is right can be read. Nothing is changed on top of what is not done.
	r.Logger.Error("the redo log cannot be replayed in any cloud: the mount is read-only, and the next one tries again", "error", err)
	r.Clouds.Hold(err)
	r.keep()
	return nil
}

// markOut records that the clouds that are not in use lack changes. A power cut can have
// taken from the log what the others have of it.
func (r *replayer) markOut() error {
	if err := r.Clouds.MarkOut(); err != nil || !r.cut {
		return err
	}
	return clouds.Unname(r.Clouds)
}

// finish brings everything to the clouds, and lets the log go.
func (r *replayer) finish() error {
	found, err := r.repair()
	if err != nil {
		return err
	}
	told := telling.Replayed{
		Clouds: r.Clouds, Entries: r.entries, Seqs: r.seqs, Fold: r.fold, SameBoot: !r.cut, Owner: r.Names.Owner,
		Waits: func(path string, k index.Known) bool { return r.unmade || r.Waiting.waits(path, k) },
	}
	left, err := r.Memory.Retell(told, found)
	if err != nil {
		return err
	}
	if err := r.recover(); err != nil {
		return err
	}
	r.Names.Renew(left)
	if err := r.Waiting.carry(&r.Config); err != nil {
		r.Logger.Error("what no cloud could be given cannot be said again at the end of the redo log, which is kept as it is", "error", err)
		r.keep()
	}
	r.Memory.Undone(r.undone...)
	if r.unmade || r.Waiting.any() {
		if err := clouds.Unname(r.Clouds); err != nil {
			return err
		}
	}
	if err := r.Files.Sync(); err != nil {
		return err
	}
	if kept := len(r.seqs) > 0 && r.Log.Mark() <= r.seqs[len(r.seqs)-1]; kept && r.cut {
		if err := r.revokeChanges(); err != nil {
			return err
		}
	}
	return r.State.MarkBoot()
}

// keep leaves the log to the next mount.
func (r *replayer) keep() {
	if len(r.seqs) > 0 {
		r.Files.Pin(r.seqs[0])
	}
}

// revokeChanges says in the log, which is kept, that the changes that were in no
// version came to nothing: they were made before a power cut. The rest is as if it
// was written in this boot.
func (r *replayer) revokeChanges() error {
	for at, e := range r.entries[:r.since] {
		if e == nil || r.refs[e.Ref] == nil || at <= r.refs[e.Ref].commit {
			continue
		}
		switch e.Op {
		case journal.OpDirect, journal.OpWrite, journal.OpZero, journal.OpSize, journal.OpAttr, journal.OpFresh:
			if _, err := r.Log.Append(&journal.Entry{Op: journal.OpRevoke, Revokes: r.seqs[at]}); err != nil {
				return err
			}
		case journal.OpCreate: // its name stays
			if _, err := r.Log.Append(&journal.Entry{Op: journal.OpRevoke, Ref: e.Ref}); err != nil {
				return err
			}
		}
	}
	if !r.unmade {
		if _, err := r.Log.Append(&journal.Entry{Op: journal.OpReplayed}); err != nil {
			return err
		}
	}
	return r.Log.Sync()
}

// survey reads the log without its data, and folds it. Of an operation that came
// to nothing it keeps the place alone. Each entry tells in which boot it was
// written, and so whether the power was cut since.
func (r *replayer) survey() error {
	revoked := map[uint64]bool{}
	for logged, err := range r.Log.Entries() {
		if err != nil {
			return err
		}
		e, err := journal.Parse(logged.Payload)
		if err != nil {
			return err
		}
		e.Data, e.Seq = nil, logged.Seq
		r.entries, r.seqs = append(r.entries, e), append(r.seqs, logged.Seq)
		r.Files.Used(e.Ref)
		if e.Op == journal.OpRevoke {
			revoked[e.Revokes] = true
		}
		switch same := logged.SameBoot || logged.Boot == "" && r.State.SameBoot(); {
		case !same:
			r.cut, r.since = true, len(r.entries)
		case e.Op == journal.OpReplayed:
			r.cut, r.since = false, 0
		}
	}
	if r.State.Cut() {
		r.cut, r.since = true, len(r.entries)
	}
	for at, e := range r.entries {
		if revoked[r.seqs[at]] {
			r.undone = append(r.undone, e.Names()...)
			r.entries[at] = nil
		} else {
			r.note(at, e)
		}
	}
	r.fold = journal.NewFold(r.entries)
	if r.cut {
		r.homes()
	}
	return nil
}

// homes tells the fold which other names files have that lose one in the log. A power
// cut can have taken from the log what a cloud has seen of those: the one that the log
// removes can be all that is left of the file, under what was another's name.
func (r *replayer) homes() {
	for _, thing := range slices.Clone(r.fold.Things) {
		if thing.IsDir() {
			continue
		}
		for _, id := range thing.IDs {
			thing.Homes = append(thing.Homes, r.Memory.Homes(index.File{ID: id, Type: replica.Type(thing.Kind)})...)
		}
		if thing.Made || len(thing.IDs) == 0 || len(thing.Now) == len(thing.Was) {
			continue
		}
		for _, path := range r.Memory.Homes(index.File{ID: thing.IDs[0], Type: replica.Type(thing.Kind)}) {
			r.fold.Home(thing, path)
		}
	}
}

// note keeps what an entry says of a file.
func (r *replayer) note(at int, e *journal.Entry) {
	if e.Op == journal.OpBind || e.Op == journal.OpCreate {
		f := &ref{at: at, commit: -1, change: -1, on: e.Had, known: len(e.Had) > 0}
		if e.Op == journal.OpCreate {
			f.change, f.known = at, true
		}
		r.refs[e.Ref] = f
		return
	}
	f := r.refs[e.Ref]
	if e.Ref == 0 || f == nil {
		return
	}
	switch e.Op {
	case journal.OpCommit:
		f.commit, f.on, f.known = at, e.Commit.Head.Version, true
	case journal.OpRevoke:
		f.commit = at
	default:
		f.change = at
	}
}

// each calls do for every entry of the log, with its data.
func (r *replayer) each(do func(at int, e *journal.Entry) error) error {
	at := -1
	return r.Log.Replay(func(_ uint64, payload []byte) error {
		if at++; at >= len(r.entries) || r.entries[at] == nil {
			return nil
		}
		e, err := journal.Parse(payload)
		if err != nil {
			return err
		}
		return do(at, e)
	})
}

// ups are the clouds that are up, by their Index.
func (cfg *Config) ups() []*replica.Cloud {
	list := make([]*replica.Cloud, cfg.Clouds.N())
	for _, cl := range cfg.Clouds.Ups() {
		list[cl.Index] = cl.Cloud
	}
	return list
}

// repair makes the clouds that are up what the log says. A cloud that failed is
// taken out; what one misses is that one name's matter. It returns the paths at
// which something is by now of which the log does not tell.
func (r *replayer) repair() (found []string, err error) {
	behind := make([]*replica.Cloud, r.Clouds.N())
	for _, cl := range r.Clouds.All() {
		if !cl.Mute() && !cl.Up() {
			behind[cl.Index] = cl.Cloud
		}
	}
	if err := r.Memory.Learn(); err != nil {
		return nil, err
	}
	work := repair.Replay{
		Clouds: r.ups(), Behind: behind, Fold: r.fold, Log: r.each, SameBoot: !r.cut, Known: r.Memory.AtPath, Homes: r.untold, Placed: r.Memory.Placed, Ended: r.ended,
		Owners: r.Owners, Clock: r.Clock, Logger: r.Logger,
	}
	out := work.Run()
	if r.unmade = out.Unmade; r.unmade { // nobody could make room if that kept the vault from being used
		r.keep()
	}
	for _, thing := range out.Kept {
		r.Waiting.keep(thing, r.entries, slices.Contains(out.Waiting, thing))
	}
	return out.Found, r.blame(&out)
}

// untold are the paths at which a file was known before the log, and of which that tells nothing.
func (r *replayer) untold(f index.File) []string {
	return slices.DeleteFunc(r.Memory.Homes(f), func(path string) bool { return r.fold.Tells(f.ID, path) })
}

// ended reports whether the log, or what is known from before it, tells that a version of a file has ended.
func (r *replayer) ended(h *cipher.Header) bool {
	return r.fold.Ended(h) || r.Memory.HasEnded(index.File{ID: h.FileID, Type: h.Type}, h.Version)
}

// blame takes out the clouds that failed, unless all did.
func (cfg *Config) blame(out *repair.Outcome) error {
	done := 0
	for _, cl := range cfg.Clouds.Ups() {
		err := out.Errors[cl.Index]
		if err == nil {
			done++
		} else if clouds.FaultOf(err).Ours() {
			return err
		}
	}
	for _, cl := range cfg.Clouds.Ups() {
		err := out.Errors[cl.Index]
		if err == nil {
			continue
		}
		if done == 0 { // all fail alike, and none is to blame
			return fmt.Errorf("cloud %s: %w", cl.Name, err)
		}
		if err := cfg.Clouds.Drop(cl, "replay", err); err != nil {
			return err
		}
	}
	return nil
}
