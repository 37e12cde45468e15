package life

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const moveLong = `Tell a vault that the folder of a cloud is elsewhere now: its marker is already
there. No file is moved or written. To a mount that goes on the cloud is missing
until the next mount, and heal then gives it what it lacks.`

// NewCloudCmd is the command cloud, with one below it for each thing to do.
func NewCloudCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cloud COMMAND",
		Short: "List a vault's clouds, or tell where one is now",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.UsageError(cmd, fmt.Errorf("unknown command %s", cli.QuoteName(args[0])))
			}
			return cmd.Help()
		},
	}
	const group = "cloud"
	cmd.AddGroup(&cobra.Group{ID: group, Title: "Commands:"})
	for _, below := range []*cobra.Command{newListCmd(), newMoveCmd()} {
		below.GroupID = group
		cmd.AddCommand(below)
	}
	return cmd
}

func newListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list VAULT",
		Short: "Show each cloud's name, state, id and directory",
		Args:  cli.ExactArgs("VAULT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := cli.LoadVault(args[0])
			if err != nil {
				return err
			}
			s, err := volume.StatusOf(cmd.Context(), v, nil)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(cmd, s.Clouds)
			}
			rows := [][]string{{"CLOUD", "STATE", "ID", "DIRECTORY"}}
			for _, c := range s.Clouds {
				dir := "-"
				if c.Dir != "" {
					dir = cli.QuoteName(c.Dir)
				}
				rows = append(rows, []string{c.Name, string(c.State), c.ID.String(), dir})
			}
			return output.Table(cmd.OutOrStdout(), "", rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// moveResult is what cloud move prints as JSON.
type moveResult struct {
	Vault   string `json:"vault"`
	Name    string `json:"name"`
	Dir     string `json:"dir"`
	Was     string `json:"was"`
	Mounted bool   `json:"mounted"` // with the folder of before, until the next mount
}

func newMoveCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "move VAULT NAME DIR",
		Short:   "Tell where the folder of a cloud is now",
		Long:    moveLong,
		Example: "  mv ~/Dropbox/private /mnt/big/private\n  overcast cloud move ~/vault alpha /mnt/big/private",
		Args:    cli.ExactArgs("VAULT", "NAME", "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMove(cmd, args[0], args[1], args[2], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runMove(cmd *cobra.Command, vaultDir, name, dir string, asJSON bool) error {
	v, err := cli.LoadVault(vaultDir)
	if err != nil {
		return err
	}
	r := moveResult{Vault: v.Dir, Name: name}
	if _, r.Mounted, err = v.Mounted(); err != nil {
		return err
	}
	stays := false // the folder of before is a cloud's still
	for _, c := range v.Clouds {
		if c.Name == name {
			r.Was, stays = c.Dir, c.Dir != "" && v.CheckMarker(c.Dir, c.ID, nil) == nil
		}
	}
	if r.Mounted && stays {
		return cli.Failf(cli.ExitUnusable, "cloud move: %s has its marker still, and the mount writes there: the other folder would lack that", cli.QuoteName(r.Was)).
			Advise("unmount first; or move the folder instead of copying it")
	}
	moved, err := v.MoveCloud(name, dir)
	if err != nil {
		return moveFailure(err, dir)
	}
	for _, c := range moved.Clouds {
		if c.Name == name {
			r.Dir = c.Dir
		}
	}
	if stays && r.Was != r.Dir {
		cli.Warn(cmd.ErrOrStderr(), "%s still has the marker of cloud %s: it is a copy now, which nothing keeps up to date", cli.QuoteName(r.Was), name)
	}
	if asJSON {
		return cli.PrintJSON(cmd, r)
	}
	when := ""
	if r.Mounted {
		when = ", from the next mount on"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Cloud %s of %s is %s%s.\n", name, cli.QuoteName(v.Dir), cli.QuoteName(r.Dir), when)
	return err
}

// moveFailure adds the way out.
func moveFailure(err error, dir string) error {
	f := cli.Failf(cli.ExitUnusable, "cloud move: %w", err)
	switch {
	case errors.Is(err, vault.ErrNoSuchCloud):
		f.Code = cli.ExitUsage
	case errors.Is(err, vault.ErrNoMarker):
		return f.Advise("move the whole folder first, with %s; then tell where it is", cipher.MarkerName)
	case errors.Is(err, vault.ErrWrongCloud):
		return f.Advise("overcast cloud list tells the ids; %s in %s tells whose it is", cipher.MarkerName, cli.QuoteName(dir))
	}
	return f
}
