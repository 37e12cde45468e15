package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
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
	pass     passphraseFlags
}

func newImportCmd() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import VAULT --key FILE SRC… DEST",
		Short: "Bring files of a PyCrypto script into a vault",
		Long:  importLong,
		Example: "  overcast import ~/vault --key old.key encrypted_may.odt /letters\n" +
			"  overcast import ~/vault --key old.key --manifest list.tsv ~/Dropbox/old/ /",
		Args: minArgs("VAULT", "SRC", "DEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			im, err := f.check(cmd)
			if err != nil {
				return err
			}
			defer im.key.Wipe()
			sources, dest := args[1:len(args)-1], tree.Clean(args[len(args)-1])
			for _, typed := range sources {
				im.plan.add(typed, dest)
			}
			if im.manifest != nil {
				im.plan.hold(im.manifest)
			}
			return f.run(im, args[0], dest)
		},
	}
	cmd.Flags().StringVar(&f.key, "key", "", "read the raw AES key from `FILE`")
	cmd.Flags().StringVar(&f.pad, "pad", "none", "take off the padding of `MODE`: pkcs7, space or none")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "take sizes and checksums from `FILE`")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace files with another content")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.register(cmd.Flags())
	return cmd
}

// check reads the command line, the key and the manifest.
func (f *importFlags) check(cmd *cobra.Command) (*importer, error) {
	im := &importer{cmd: cmd, force: f.force, bar: &progress{}}
	im.plan = importPlan{targets: make(map[string]string), failed: im.fail}
	var err error
	im.options.Padding, err = pycrypto.ParsePadding(f.pad)
	switch {
	case err != nil:
		return nil, usageError(cmd, fmt.Errorf("--pad %s: pkcs7, space or none", f.pad))
	case f.key == "":
		return nil, usageError(cmd, errors.New("--key is missing"))
	case f.manifest != "" && cmd.Flags().Changed("pad"):
		return nil, usageError(cmd, errors.New("--pad and --manifest exclude each other: the manifest has the sizes"))
	}
	if f.manifest != "" {
		if im.manifest, err = readManifest(f.manifest); err != nil {
			return nil, fmt.Errorf("import: %w", err)
		}
	}
	if im.key, err = readKey(f.key); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return im, nil
}

func (f *importFlags) run(im *importer, dir, dest string) error {
	return withAuditedVault(im.cmd, dir, &f.pass, func(v *auditedVault) error {
		im.vault = v
		if err := im.copyAll(dest); err != nil {
			return err
		}
		lines, err := v.lacking()
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if err := im.verify(); err != nil {
			return err
		}
		if f.asJSON {
			err = printJSON(im.cmd, im.done)
		} else {
			_, err = fmt.Fprintln(im.cmd.OutOrStdout(), im.done)
		}
		if err != nil {
			return err
		}
		if im.unproven {
			noteIntegrity(im.cmd, "a manifest or .hmac files would show it")
		}
		return im.outcome(lines)
	})
}

// outcome is the error of an import that went to its end. lacking has a line for each cloud that got nothing.
func (im *importer) outcome(lacking []string) error {
	if im.done.Failed > 0 {
		return fmt.Errorf("import: %d could not be imported", im.done.Failed)
	}
	if im.done.Unverified > 0 {
		return failf(exitPartial, "import: done, but %d could not be read back from every cloud", im.done.Unverified)
	}
	if len(lacking) > 0 {
		return failf(exitPartial, "import: done, but not on every cloud: %s", strings.Join(lacking, "; "))
	}
	return nil
}

// auditedVault is an open vault of which every available cloud can also be read by itself.
type auditedVault struct {
	*openVault
	clouds   []volume.Copy
	patience time.Duration // how long what was written may take to reach all of them
}

// withAuditedVault is withVault for a command that reads each cloud by itself, too, and so always needs the passphrase.
func withAuditedVault(cmd *cobra.Command, dir string, pass *passphraseFlags, f func(*auditedVault) error) error {
	v, err := loadVault(dir)
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
		err = checkUsable(v)
	}
	if err != nil {
		return err
	}
	keys, err := unlock(cmd, v, pass)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	copies, err := volume.OpenCopies(v, keys)
	if err != nil {
		return err
	}
	if mounted {
		err = f(&auditedVault{mountedVault(v, m.Mountpoint), copies.List, auditPatience})
	} else {
		err = withKeys(cmd, v, keys, func(o *openVault) error { return f(&auditedVault{o, copies.List, 0}) })
	}
	return errors.Join(err, copies.Close())
}
