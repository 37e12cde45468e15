package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/exchange"
	"github.com/overcast-fs/overcast/fs/tree"
	"github.com/overcast-fs/overcast/fs/volume"
)

const importLong = `Decrypt files and trees in the layout of PyCrypto scripts straight into a vault. DEST is a directory of the vault and is made
where it is missing. A SRC that ends in / stands for what is in it. The prefix encrypted_ goes from the names of files; modes
and times stay. A file with its HMAC beside it, as SRC.hmac, must match it.

What the last block was filled with is told by --pad, or by a manifest, which has a line for each file: its path in DEST, its
size and its SHA-256, with tabs between them. Every file must then be listed, and everything listed must be there.

When everything is written, each file is read back from every cloud. An import that was interrupted goes on where it stopped
when it is started again: what is there already is compared and not written again. A file that is there with another content
is refused without --force.

The exit code is 40 if everything was imported, but not to every cloud.`

type importFlags struct {
	key      string
	pad      string
	manifest string
	force    bool
	asJSON   bool
	pass     cli.Passphrase
}

func newImportCmd() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import VAULT --key FILE SRC… DEST",
		Short: "Bring files of a PyCrypto script into a vault",
		Long:  importLong,
		Example: "  overcast import ~/vault --key old.key encrypted_may.odt /letters\n" +
			"  overcast import ~/vault --key old.key --manifest list.tsv ~/Dropbox/old/ /",
		Args: cli.MinArgs("VAULT", "SRC", "DEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.check(cmd)
			if err != nil {
				return err
			}
			defer o.Key.Wipe()
			return f.run(cmd, o, args)
		},
	}
	cmd.Flags().StringVar(&f.key, "key", "", "read the raw AES key from `FILE`")
	cmd.Flags().StringVar(&f.pad, "pad", "none", "take off the padding of `MODE`: pkcs7, space or none")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "take sizes and checksums from `FILE`")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace files with another content")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(cmd.Flags())
	return cmd
}

// check reads the command line, the key and the manifest.
func (f *importFlags) check(cmd *cobra.Command) (o exchange.ImportOptions, err error) {
	o.Force = f.force
	o.Padding, err = pycrypto.ParsePadding(f.pad)
	switch {
	case err != nil:
		return o, cli.UsageError(cmd, fmt.Errorf("--pad %s: pkcs7, space or none", f.pad))
	case f.key == "":
		return o, cli.UsageError(cmd, errors.New("--key is missing"))
	case f.manifest != "" && cmd.Flags().Changed("pad"):
		return o, cli.UsageError(cmd, errors.New("--pad and --manifest exclude each other: the manifest has the sizes"))
	}
	if f.manifest != "" {
		if o.Manifest, err = exchange.ReadManifest(f.manifest); err != nil {
			return o, fmt.Errorf("import: %w", err)
		}
	}
	if o.Key, err = readKey(cmd, f.key); err != nil {
		return o, fmt.Errorf("import: %w", err)
	}
	return o, nil
}

// run imports; args are the vault, the sources and the destination.
func (f *importFlags) run(cmd *cobra.Command, o exchange.ImportOptions, args []string) error {
	dest := tree.Clean(args[len(args)-1])
	bar := &output.Progress{}
	o.Progress, o.Complain = bar.Add, complain(cmd, bar)
	im := exchange.NewImporter(o, args[1:len(args)-1], dest)
	return withAuditedVault(cmd, args[0], &f.pass, func(v *auditedVault) error {
		*bar = *output.NewProgress(cmd.ErrOrStderr(), im.Total(len(v.copies)))
		defer bar.Clear()
		err := im.Copy(cmd.Context(), v.Tree, dest)
		bar.Clear()
		switch {
		case errors.Is(err, cli.ErrInterrupted):
			return err
		case err != nil:
			return cli.PathFailure("import", dest, err)
		}
		lines, err := v.Lacking()
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if err := im.Verify(cmd.Context(), v.copies, v.patience); err != nil {
			return err
		}
		bar.Clear()
		return f.report(cmd, im, lines)
	})
}

// report prints what an import that went to its end did. lacking has a line for each cloud that got nothing.
func (f *importFlags) report(cmd *cobra.Command, im *exchange.Importer, lacking []string) (err error) {
	if f.asJSON {
		err = cli.PrintJSON(cmd, im.Done)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d files imported, %d there already, %s in all\n",
			im.Done.Files, im.Done.Already, output.Size(im.Done.Bytes))
	}
	if err != nil {
		return err
	}
	if im.Unproven() {
		noteIntegrity(cmd, "a manifest or .hmac files would show it")
	}
	return importOutcome(im.Done, lacking)
}

// importOutcome is the error of an import that went to its end.
func importOutcome(done exchange.Imported, lacking []string) error {
	switch {
	case done.Failed > 0:
		return fmt.Errorf("import: %d could not be imported", done.Failed)
	case done.Unverified > 0:
		return cli.Failf(cli.ExitPartial, "import: done, but %d could not be read back from every cloud", done.Unverified)
	case len(lacking) > 0:
		return cli.Failf(cli.ExitPartial, "import: done, but not on every cloud: %s", strings.Join(lacking, "; "))
	}
	return nil
}

// auditPatience is how long a mount may take to bring what was synced to its further clouds.
const auditPatience = time.Minute

// auditedVault is an open vault of which every available cloud can also be read by itself.
type auditedVault struct {
	*cli.OpenVault
	copies   []exchange.Copy
	patience time.Duration // how long what was written may take to reach all of them
}

// withAuditedVault is cli.WithVault for a command that reads each cloud by itself, too, and so always needs the passphrase.
func withAuditedVault(cmd *cobra.Command, dir string, pass *cli.Passphrase, f func(*auditedVault) error) error {
	v, err := cli.LoadVault(dir)
	if err != nil {
		return err
	}
	m, mounted, err := volume.MountOf(v)
	if err != nil {
		return err
	}
	if mounted {
		err = volume.CheckClouds(v)
	} else {
		err = cli.CheckUsable(v)
	}
	if err != nil {
		return err
	}
	keys, err := cli.Unlock(cmd, v, pass)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	copies, err := volume.OpenCopies(v, keys)
	if err != nil {
		return err
	}
	var list []exchange.Copy
	for _, c := range copies.List {
		list = append(list, exchange.Copy{Cloud: c.Name, Sum: c.Sum})
	}
	if mounted {
		err = f(&auditedVault{cli.MountedVault(v, m.Mountpoint), list, auditPatience})
	} else {
		err = cli.WithKeys(cmd, v, keys, func(o *cli.OpenVault) error { return f(&auditedVault{o, list, 0}) })
	}
	return errors.Join(err, copies.Close())
}
