package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

const initLong = `Make a vault: a directory with the settings and, under your passphrase, the
keys; and in each cloud's directory the marker by which it is known. Every
cloud gets a key of its own. Directories that are missing are created.

The vault stays on this machine, outside of every cloud. Keep a copy of its
keys.age in a safe place: with it and the passphrase any one cloud can be
read; without it, none.`

type initFlags struct {
	clouds     []string
	suite      string
	chunkSize  string
	workFactor int
	asJSON     bool
	pass       cli.Passphrase
}

func newInitCmd() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:     "init VAULT --cloud NAME=DIR [--cloud NAME=DIR …]",
		Short:   "Make a vault over one or more cloud directories",
		Long:    initLong,
		Example: "  overcast init ~/vault --cloud alpha=~/Dropbox/private --cloud beta=~/Sync/private",
		Args:    cli.ExactArgs("VAULT"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.clouds, "cloud", nil, "a cloud, `NAME=DIR`; once for each, the one to read from first")
	fs.StringVar(&f.suite, "suite", cipher.AES256.String(), "the cipher `SUITE`: aes-256 or aes-128")
	fs.StringVar(&f.chunkSize, "chunk-size", "4KiB", "the `SIZE` of the pieces of files: 4KiB to 1MiB")
	fs.IntVar(&f.workFactor, "scrypt-work-factor", vault.DefaultWorkFactor, "how hard it is to try a passphrase: 2 to the power `N`")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.RegisterNew(fs, "", "the passphrase")
	return cmd
}

// initResult is what init prints as JSON.
type initResult struct {
	Vault  string      `json:"vault"`
	ID     cipher.ID   `json:"id"`
	Clouds []initCloud `json:"clouds"`
}

type initCloud struct {
	Name string    `json:"name"`
	Dir  string    `json:"dir"`
	ID   cipher.ID `json:"id"`
}

func (f *initFlags) run(cmd *cobra.Command, dir string) error {
	o, err := f.options(cmd)
	if err != nil {
		return err
	}
	cli.WarnWorkFactor(cmd, f.workFactor)
	if o.Passphrase, err = f.pass.Read(cmd, "New passphrase: ", true); err != nil {
		return err
	}
	defer clear(o.Passphrase)
	lacking, err := volume.Init(dir, o)
	if err != nil {
		return initFailure(err)
	}
	for _, line := range lacking {
		cli.Warn(cmd.ErrOrStderr(), "%s", line)
	}
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	return f.print(cmd, v)
}

// options checks the flags that can be checked by themselves.
func (f *initFlags) options(cmd *cobra.Command) (o vault.InitOptions, err error) {
	if len(f.clouds) == 0 {
		return o, cli.UsageError(cmd, errors.New("--cloud NAME=DIR is missing"))
	}
	for _, arg := range f.clouds {
		spec, err := parseCloud(arg)
		if err != nil {
			return o, cli.UsageError(cmd, err)
		}
		o.Clouds = append(o.Clouds, spec)
	}
	o.WorkFactor = f.workFactor
	if o.Suite, err = cipher.ParseSuite(f.suite); err == nil {
		o.ChunkLog2, err = parseChunkSize(f.chunkSize)
	}
	if err == nil && (f.workFactor < vault.MinWorkFactor || f.workFactor > vault.MaxWorkFactor) {
		err = fmt.Errorf("--scrypt-work-factor %d: must be %d to %d", f.workFactor, vault.MinWorkFactor, vault.MaxWorkFactor)
	}
	if err != nil {
		return o, cli.UsageError(cmd, err)
	}
	return o, nil
}

// parseCloud splits NAME=DIR. Not every shell replaces a '~' that follows a '='.
func parseCloud(arg string) (vault.CloudSpec, error) {
	name, dir, ok := strings.Cut(arg, "=")
	if !ok || name == "" || dir == "" {
		return vault.CloudSpec{}, fmt.Errorf("--cloud %s: must be NAME=DIR", cli.QuoteName(arg))
	}
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return vault.CloudSpec{}, fmt.Errorf("--cloud %s: %w", cli.QuoteName(arg), err)
		}
		dir = filepath.Join(home, rest)
	}
	return vault.CloudSpec{Name: name, Dir: dir}, nil
}

// parseChunkSize takes 4096, 4K or 4KiB, and returns the power of two.
func parseChunkSize(s string) (uint8, error) {
	number := strings.TrimSuffix(strings.ToUpper(s), "IB")
	unit := int64(1)
	switch {
	case strings.HasSuffix(number, "K"):
		number, unit = strings.TrimSuffix(number, "K"), 1<<10
	case strings.HasSuffix(number, "M"):
		number, unit = strings.TrimSuffix(number, "M"), 1<<20
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err == nil {
		var log2 uint8
		if log2, err = vault.ChunkLog2(n * unit); err == nil {
			return log2, nil
		}
	}
	return 0, fmt.Errorf("--chunk-size %s: must be a power of two from 4KiB to 1MiB", cli.QuoteName(s))
}

// initFailure: a wrong option is a matter of usage, everything else one of the directories.
func initFailure(err error) error {
	if errors.Is(err, vault.ErrInvalid) {
		return cli.Failf(cli.ExitUsage, "init: %w", err)
	}
	if errors.Is(err, vault.ErrJoin) {
		return cli.Failf(cli.ExitUnusable, "init: %w", err).
			Advise("to open that vault: overcast join VAULT --keys FILE DIR…, with a copy of its keys.age and the folders of its clouds")
	}
	return cli.Failf(cli.ExitUnusable, "init: %w", err)
}

func (f *initFlags) print(cmd *cobra.Command, v *vault.Vault) error {
	result := initResult{Vault: v.Dir, ID: v.ID}
	var rows [][]string
	for _, c := range v.Clouds {
		result.Clouds = append(result.Clouds, initCloud(c))
		rows = append(rows, []string{c.Name, cli.QuoteName(c.Dir), f.suite})
	}
	if f.asJSON {
		return cli.PrintJSON(cmd, result)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Made the vault %s over:\n", cli.QuoteName(v.Dir))
	if err := output.Table(out, "  ", rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%sNext: overcast mount %s MOUNTPOINT\n", cli.Reminder(v), cli.QuoteName(v.Dir))
	return err
}
