package volume

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume/internal/notes"
)

// CheckupOptions say what of a vault is verified or healed.
type CheckupOptions struct {
	Cloud  string                   // its name; "" is all
	Paths  []string                 // plain, without a leading slash; none is everything
	Read   func(bytes int64)        // told of progress, from several goroutines; or nil
	Plan   func(cloud, step string) // of Verify: told each step that healing would take; or nil
	Logger *slog.Logger             // nil discards
}

// What a checkup tells.
type (
	Report  = checkup.Report
	Finding = checkup.Finding
)

// IsWrong reports whether a kind of finding is something wrong: what is foreign, or
// a sync tool's copy, is told and is no fault.
func IsWrong(kind string) bool { return checkup.IsWrong(kind) }

// ErrNoSuchCloud means that a vault has no cloud of that name.
var ErrNoSuchCloud = errors.New("the vault has no such cloud")

// Verify reads all clouds of a vault that nobody uses, and changes nothing but
// what an earlier mount has left unfinished. It wipes the keys. The error is one
// of [Open], or of the reading.
func Verify(ctx context.Context, v *vault.Vault, keys *vault.Keys, o CheckupOptions) (*Report, error) {
	return examine(v, keys, o, func(vol *Volume) (*Report, error) { return vol.verify(ctx, o) })
}

// Heal makes every cloud of a vault that nobody uses what it should be. A cloud
// that lacked changes and is right by then is used again. It wipes the keys. The
// error is one of [Open], or of the healing.
func Heal(ctx context.Context, v *vault.Vault, keys *vault.Keys, o CheckupOptions) (*Report, error) {
	return examine(v, keys, o, func(vol *Volume) (*Report, error) { return vol.heal(ctx, o) })
}

// examine opens a vault, whose log is replayed by that.
func examine(v *vault.Vault, keys *vault.Keys, o CheckupOptions, do func(*Volume) (*Report, error)) (*Report, error) {
	if err := CheckCloud(v, o.Cloud); err != nil {
		keys.Wipe()
		return nil, err
	}
	vol, err := Open(v, keys, Options{Logger: o.Logger, Quiet: true})
	if err != nil {
		return nil, err
	}
	report, err := do(vol)
	return report, errors.Join(err, vol.Close())
}

// CheckCloud refuses the name of a cloud that a vault does not have; "" is all of
// them.
func CheckCloud(v *vault.Vault, name string) error {
	if name != "" && !slices.ContainsFunc(v.Clouds, func(c vault.Cloud) bool { return c.Name == name }) {
		return &Error{What: "cloud " + name, Dir: v.Dir, Err: ErrNoSuchCloud}
	}
	return nil
}

// verify reads all clouds, beside a mirror that may be in use.
func (vol *Volume) verify(ctx context.Context, o CheckupOptions) (*Report, error) {
	c := vol.checkup(o)
	report, err := checkup.Verify(ctx, c)
	if err = errors.Join(err, closeBeside(c.Clouds)); err == nil {
		vol.took(report, o, doVerify)
	}
	return report, err
}

// took remembers, durably, what a checkup has left.
func (vol *Volume) took(report *Report, o CheckupOptions, by string) {
	vol.book.Take(report, notes.Scope{Cloud: o.Cloud, Paths: o.Paths}, by, time.Now())
	if err := vol.book.Save(); err != nil && o.Logger != nil {
		o.Logger.Warn(err.Error())
	}
}

// heal heals all clouds, beside a mirror that may be in use. Clouds that answer
// again are brought up to date first.
func (vol *Volume) heal(ctx context.Context, o CheckupOptions) (*Report, error) {
	if vol.served {
		vol.mirror.Beside().Hurry()
		vol.tend(o.Logger)
	}
	c := vol.checkup(o)
	report, err := checkup.Heal(ctx, c)
	if err = errors.Join(err, closeBeside(c.Clouds)); err != nil {
		return report, err
	}
	if vol.served {
		vol.mirror.Beside().HurryNames() // clouds that do not answer have just been asked
		vol.tend(o.Logger)
		for i, s := range vol.mirror.Status().Clouds {
			if _, owed := c.Owes[vol.vault.Clouds[i].ID]; owed && !s.Owes {
				report.Forgive(s.Name)
			}
		}
		vol.took(report, o, doHeal)
		return report, nil
	}
	err = vol.discharge(c, report)
	vol.took(report, o, doHeal)
	return report, err
}

// tend does what is due for clouds that lack changes.
func (vol *Volume) tend(logger *slog.Logger) {
	if err := vol.mirror.Tend(); err != nil && logger != nil {
		logger.Warn("not every cloud that lacks changes has them", "error", err)
	}
}

// discharge records of clouds that owed changes, and have all of them, that they owe
// nothing any more.
func (vol *Volume) discharge(c checkup.Config, report *Report) error {
	if len(c.Under) > 0 {
		return nil
	}
	for _, is := range c.Clouds {
		_, owed := c.Owes[is.ID]
		if is.Dir == nil || !owed || !report.Right(is.Name) || c.Only != "" && c.Only != is.Name {
			continue
		}
		vol.healed = append(vol.healed, is.ID)
		if err := vol.state.ClearOwes(is.ID); err != nil {
			return err
		}
		report.Forgive(is.Name)
	}
	return nil
}

func (vol *Volume) checkup(o CheckupOptions) checkup.Config {
	clouds, out := vol.openBeside()
	return checkup.Config{
		Clouds: clouds, Out: out, Owes: vol.state.Owes(), Owners: os.Geteuid() == 0, Mirror: vol.mirror, Served: vol.served,
		Only: o.Cloud, Under: o.Paths, Read: o.Read, Plan: o.Plan, Logger: o.Logger,
		Draw: func(n int, above uint64) (writer uint32, first uint64, err error) {
			first, err = vol.state.Reserve(n, above)
			return vol.state.Writer(), first, err
		},
	}
}

// openBeside opens clouds once more, so that what becomes of the mirror's opening
// is nobody else's matter: those that are there, and of a vault that is served
// those that are in use.
func (vol *Volume) openBeside() (clouds []mirror.CloudConfig, out []mirror.CloudStatus) {
	used, out := vol.mirror.Beside().InUse(), vol.mirror.Status().Clouds
	for i, c := range vol.opened {
		there := c.Dir != nil
		if vol.served {
			there = used[i]
		}
		c.Dir = nil
		if there {
			var err error
			if c.Dir, err = openCloud(vol.vault, vol.vault.Clouds[i], c.Cipher, nil, cloud.OpenQuiet); err != nil {
				c.Dir = nil
				out[i].State, out[i].Reason = checkup.StateSuspended, err.Error()
			}
		}
		clouds = append(clouds, c)
	}
	return clouds, out
}

// closeBeside closes what openBeside has opened; the keys are the mirror's.
func closeBeside(clouds []mirror.CloudConfig) error {
	var errs []error
	for _, c := range clouds {
		if c.Dir != nil {
			errs = append(errs, c.Dir.Close())
		}
	}
	return errors.Join(errs...)
}
