package volume

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume/internal/notes"
)

// Options say how a vault is opened.
type Options struct {
	Lock     *vault.Lock  // the vault's, which Open takes over; nil: Open takes it
	Logger   *slog.Logger // nil discards
	ReadOnly bool         // every change is refused
	FsyncAll bool         // fsync waits for every available cloud

	// From names the one cloud that is shown, as it is, whatever it lacks; "" for all of them. It goes with ReadOnly.
	From string

	// Quiet has nothing happen in the background, for who works on the clouds beside the mirror.
	Quiet bool
}

// A Volume is a vault in use: locked, unlocked and with its mirror open.
type Volume struct {
	vault  *vault.Vault
	lock   *vault.Lock
	clouds cloudLocks // of a volume that changes something
	from   string     // Options.From
	state  *vault.State
	mirror *mirror.Mirror
	book   *notes.Book
	opened []mirror.CloudConfig // the clouds, as they were; the mirror closes them
	served bool                 // programs use the mirror
	healed []cipher.ID          // clouds that lack nothing any more, which the mirror does not know
}

// Open opens the state and every cloud that is there, and replays the redo log.
// It wipes the keys, whatever happens. The error is an [*Error], a
// [*LockedError], or the mirror's.
func Open(v *vault.Vault, keys *vault.Keys, o Options) (*Volume, error) {
	defer keys.Wipe()
	vol := &Volume{vault: v, lock: o.Lock, from: o.From}
	if err := vol.open(keys, o); err != nil {
		return nil, errors.Join(err, vol.Close())
	}
	return vol, nil
}

func (vol *Volume) open(keys *vault.Keys, o Options) (err error) {
	if vol.lock == nil {
		if vol.lock, err = Lock(vol.vault); err != nil {
			return err
		}
	}
	if vol.state, err = vol.vault.OpenState(keys); err != nil {
		return unusable(vol.vault, err)
	}
	if vol.book, err = notes.Open(vol.vault.NotesPath(), &keys.StateKey, vol.vault.ID); vol.book == nil {
		return unusable(vol.vault, err)
	}
	if err != nil && o.Logger != nil {
		o.Logger.Warn("what was found earlier is not known any more, and verify finds it again", "error", err)
	}
	vol.mirror, err = vol.openMirror(keys, o)
	return err
}

// openMirror opens the clouds, then the index and the redo log, then the mirror
// over them, which replays the log. It is the mirror that closes them.
func (vol *Volume) openMirror(keys *vault.Keys, o Options) (*mirror.Mirror, error) {
	locks := &vol.clouds
	if o.ReadOnly || o.From != "" {
		locks = nil
	}
	clouds, err := openClouds(vol.vault, keys, locks)
	if err != nil {
		return nil, err
	}
	var state mirror.State = vol.state
	if o.From != "" {
		if err := leaveAlone(clouds, o.From); err != nil {
			return nil, errors.Join(&Error{What: "cloud " + o.From, Dir: vol.vault.Dir, Err: err}, closeClouds(clouds))
		}
		state, o.ReadOnly = asItIs{vol.state}, true
	}
	known, err := vol.openKnown(keys, o)
	if err != nil {
		return nil, errors.Join(unusable(vol.vault, err), closeClouds(clouds))
	}
	vol.tellLosses(known.log, o.Logger)
	m, err := mirror.New(mirror.Config{
		Clouds:    clouds,
		State:     state,
		Log:       known.log,
		Index:     known.index,
		Logger:    o.Logger,
		Owners:    os.Geteuid() == 0,
		ReadOnly:  o.ReadOnly,
		FsyncAll:  o.FsyncAll,
		MinCopies: vol.vault.Settings.MinCopies,
		Manual:    o.Quiet,
	})
	if errors.Is(err, mirror.ErrNoCloud) {
		err = &Error{What: "vault " + vol.vault.Dir, Dir: vol.vault.Dir, Err: ErrNoCloud}
	}
	if err != nil {
		return nil, errors.Join(err, known.close(), closeClouds(clouds))
	}
	vol.opened = clouds
	return m, nil
}

// asItIs is the state of a vault of which one cloud is shown whatever it lacks.
type asItIs struct{ *vault.State }

func (asItIs) Owes() map[cipher.ID]vault.Owes { return nil }

// known is what this machine knows: the index, and the redo log since.
type known struct {
	index mirror.Index // nil for a mount that changes nothing
	log   *redo.Log
}

func (k known) close() error {
	var err error
	if k.log != nil {
		err = k.log.Close()
	}
	if k.index != nil {
		err = errors.Join(err, k.index.Close())
	}
	return err
}

// openKnown opens the index and, from what that has applied on, the log.
func (vol *Volume) openKnown(keys *vault.Keys, o Options) (k known, err error) {
	key, a := (*[32]byte)(&keys.StateKey), index.Applied{}
	if !o.ReadOnly {
		if k.index, a, err = vol.openIndex(key, o.Logger); err != nil {
			return known{}, err
		}
	}
	k.log, err = redo.OpenWith(redo.DirStore(vol.state.RedoDir()), key, redo.Options{Boot: vol.state.BootID(), ID: a.Log, Below: a.Below})
	if err != nil {
		return known{}, errors.Join(fmt.Errorf("redo log: %w", err), k.close())
	}
	return k, nil
}

func (vol *Volume) openIndex(key *[32]byte, logger *slog.Logger) (mirror.Index, index.Applied, error) {
	ix, err := index.Open(index.Config{Path: vol.state.IndexPath(), StateKey: key, Vault: vol.vault.ID, Lost: func(what string) {
		if logger != nil {
			logger.Warn(what)
		}
	}})
	if err != nil {
		return nil, index.Applied{}, err
	}
	var a index.Applied
	look := func(v *index.View) (err error) {
		a, err = v.Applied()
		return err
	}
	err = ix.View(look)
	if errors.Is(err, index.ErrLost) { // it is an empty one now
		err = ix.View(look)
	}
	if err != nil {
		return nil, a, errors.Join(err, ix.Close())
	}
	return ix, a, nil
}

// Mirror is the filesystem, which lives until Close.
func (vol *Volume) Mirror() *mirror.Mirror { return vol.mirror }

// Close commits everything, leaves the summary for status, and gives the vault
// back.
func (vol *Volume) Close() error {
	var errs []error
	if vol.mirror != nil {
		vol.note(true)
		errs = append(errs, vol.book.Save(), vol.mirror.Close())
		sum := vol.summary()
		sum.Written = time.Now().UTC().Truncate(time.Second)
		errs = append(errs, vol.vault.WriteSummary(sum))
	}
	if vol.state != nil {
		errs = append(errs, vol.state.Close())
	}
	errs = append(errs, vol.clouds.release())
	if vol.lock != nil {
		errs = append(errs, vol.lock.Release())
	}
	return errors.Join(errs...)
}

// Warnings has a line for everything that is amiss and does not keep the vault
// from being used: what was damaged and set aside, and the clouds that do not
// get what is written.
func (vol *Volume) Warnings() []string {
	lines := vol.state.Warnings()
	if vol.mirror.Held() != nil {
		lines = append(lines, "what an earlier mount left cannot be finished in any cloud (the log says why): this mount is read-only, and the next one tries again")
	}
	return append(lines, Lacking(vol.summary())...)
}

// Sync commits everything and returns a line for each cloud that lacks it.
func (vol *Volume) Sync() (lacking []string, err error) {
	err = vol.mirror.Sync() // a cloud may fail only now
	return Lacking(vol.summary()), err
}

// summary is what status tells about this volume when no passphrase is at hand.
// That a cloud owes outlives the volume, whether it is there or not.
func (vol *Volume) summary() vault.Summary {
	status, owes, noted := vol.mirror.Status(), vol.state.Owes(), vol.book.Notes()
	sum := vault.Summary{
		ReadOnly: status.ReadOnly, From: vol.from, Lead: status.Lead, Held: status.Held, KnowsSince: status.KnowsSince,
		Checked: noted.Checked, Found: noted.Found(), Conflicts: len(noted.Conflicts), LogLost: noted.Lost,
	}
	for i, c := range vol.vault.Clouds {
		is := status.Clouds[i]
		line := vault.SummaryCloud{Name: c.Name, Dir: c.Dir, State: vault.CloudState(is.State), Reason: is.Reason, Paying: is.Paying}
		if o, ok := owes[c.ID]; ok {
			line.Owes, line.Since = true, o.Since
			if line.Reason == "" {
				line.Reason = o.Reason
			}
		} else if slices.Contains(vol.healed, c.ID) {
			line.State, line.Reason = vault.CloudOK, ""
		}
		sum.Clouds = append(sum.Clouds, line)
	}
	return sum
}

// Lacking has a line for each cloud of a summary that does not get what is
// written, with the reason.
func Lacking(sum vault.Summary) []string {
	var lines []string
	for _, c := range sum.Clouds {
		if c.State == vault.CloudOK || sum.From != "" && c.Name != sum.From {
			continue
		}
		line := fmt.Sprintf("cloud %s is %s", c.Name, c.State)
		if c.State == vault.CloudOwes {
			line = fmt.Sprintf("cloud %s owes changes", c.Name)
		}
		if c.Reason != "" {
			line += ": " + c.Reason
		}
		lines = append(lines, line)
	}
	return lines
}
