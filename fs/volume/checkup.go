package volume

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/vault"
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

// ErrNoSuchCloud means that a vault has no cloud of that name.
var ErrNoSuchCloud = errors.New("the vault has no such cloud")

// Verify reads all clouds of a vault that nobody uses, and changes nothing but
// what an earlier mount has left unfinished. It wipes the keys. The error is one
// of [Open], or of the reading.
func Verify(ctx context.Context, v *vault.Vault, keys *vault.Keys, o CheckupOptions) (*Report, error) {
	return examine(v, keys, o, func(_ *Volume, c checkup.Config) (*Report, error) {
		return checkup.Verify(ctx, c)
	})
}

// Heal makes every cloud of a vault that nobody uses what it should be. A cloud
// that lacked changes and is right by then is used again. It wipes the keys. The
// error is one of [Open], or of the healing.
func Heal(ctx context.Context, v *vault.Vault, keys *vault.Keys, o CheckupOptions) (*Report, error) {
	return examine(v, keys, o, func(vol *Volume, c checkup.Config) (*Report, error) {
		report, err := checkup.Heal(ctx, c)
		if err != nil || len(o.Paths) > 0 {
			return report, err
		}
		for _, cloud := range c.Clouds {
			_, behind := c.Behind[cloud.ID]
			if cloud.Dir == nil || !behind || !report.Right(cloud.Name) || o.Cloud != "" && o.Cloud != cloud.Name {
				continue
			}
			vol.healed = append(vol.healed, cloud.ID)
			if err := vol.state.ClearOwes(cloud.ID); err != nil {
				return report, err
			}
			report.Forgive(cloud.Name)
		}
		return report, nil
	})
}

// examine opens a vault, whose log is replayed by that, and its clouds once more
// for the checkup, beside a mirror that nobody uses.
func examine(v *vault.Vault, keys *vault.Keys, o CheckupOptions, do func(*Volume, checkup.Config) (*Report, error)) (*Report, error) {
	if o.Cloud != "" && !slices.ContainsFunc(v.Clouds, func(c vault.Cloud) bool { return c.Name == o.Cloud }) {
		keys.Wipe()
		return nil, &Error{What: "cloud " + o.Cloud, Dir: v.Dir, Err: ErrNoSuchCloud}
	}
	id := keys.VaultID
	clouds, err := openClouds(v, keys, nil)
	if err != nil {
		keys.Wipe()
		return nil, err
	}
	vol, err := Open(v, keys, Options{Logger: o.Logger, Quiet: true})
	if err != nil {
		return nil, errors.Join(err, closeClouds(clouds))
	}
	report, err := do(vol, vol.checkup(id, clouds, o))
	return report, errors.Join(err, closeClouds(clouds), vol.Close())
}

func (vol *Volume) checkup(id cipher.ID, clouds []mirror.CloudConfig, o CheckupOptions) checkup.Config {
	behind := map[cipher.ID]string{}
	for id, b := range maps.All(vol.state.Owes()) {
		behind[id] = b.Reason
	}
	return checkup.Config{
		Clouds: clouds, Behind: behind, Vault: id, Owners: os.Geteuid() == 0, Only: o.Cloud, Under: o.Paths,
		Read: o.Read, Plan: o.Plan, Logger: o.Logger,
		Draw: func(n int, above uint64) (writer uint32, first uint64, err error) {
			first, err = vol.state.Reserve(n, above)
			return vol.state.Writer(), first, err
		},
	}
}
