package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/exchange"
	"github.com/overcast-fs/overcast/fs/tree"
)

const exportLong = `Encrypt files and trees of a vault in the layout of PyCrypto scripts, one file for each, into the local directory DIR. A PATH that
ends in / stands for what is in it. Files get the prefix encrypted_; modes and times stay, and names are not encrypted. decrypt,
openssl enc -d and the scripts open what is written.

Symlinks and other special files have no place in this layout: they are told, and the exit code is then 1. --manifest writes
the path, size and SHA-256 of every plaintext, for whoever reads them again.`

type exportFlags struct {
	key      string
	pad      string
	manifest string
	asJSON   bool
	hmac     bool
	force    bool
	pass     cli.Passphrase
}

func newExportCmd() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:     "export VAULT --key FILE PATH… DIR",
		Short:   "Write files of a vault in the PyCrypto layout",
		Long:    exportLong,
		Example: "  overcast keygen export.key\n  overcast export ~/vault --key export.key / ~/leaving",
		Args:    cli.MinArgs("VAULT", "PATH", "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.check(cmd)
			if err != nil {
				return err
			}
			defer o.Key.Wipe()
			o.Dir = args[len(args)-1]
			return cli.WithVault(cmd, args[0], &f.pass, func(v *cli.OpenVault) error {
				return f.run(cmd, o, v.Tree, args[1:len(args)-1])
			})
		},
	}
	cmd.Flags().StringVar(&f.key, "key", "", "read a raw AES key from `FILE`")
	cmd.Flags().StringVar(&f.pad, "pad", "pkcs7", "fill the last block as `MODE`: pkcs7, or space as the script did")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "write sizes and checksums to `FILE`")
	cmd.Flags().BoolVar(&f.hmac, "hmac", false, "write an HMAC beside each file, against changes")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace files that exist")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(cmd.Flags())
	return cmd
}

// check reads the command line and the key.
func (f *exportFlags) check(cmd *cobra.Command) (o exchange.ExportOptions, err error) {
	o.HMAC, o.Force = f.hmac, f.force
	o.Padding, err = pycrypto.ParsePadding(f.pad)
	switch {
	case err != nil || o.Padding == pycrypto.Keep:
		return o, cli.UsageError(cmd, fmt.Errorf("--pad %s: pkcs7 or space", f.pad))
	case f.key == "":
		return o, cli.UsageError(cmd, errors.New("--key is missing"))
	}
	if o.Key, err = readKey(cmd, f.key); err != nil {
		return o, fmt.Errorf("export: %w", err)
	}
	return o, nil
}

func (f *exportFlags) run(cmd *cobra.Command, o exchange.ExportOptions, src tree.Tree, paths []string) error {
	total := int64(0)
	if output.IsTerminal(cmd.ErrOrStderr()) {
		for _, typed := range paths {
			total += tree.Measure(cmd.Context(), src, tree.Clean(typed))
		}
	}
	bar := output.NewProgress(cmd.ErrOrStderr(), total)
	o.Progress, o.Failed = bar.Add, complain(cmd, bar)
	ex := exchange.NewExporter(o)
	err := ex.Export(cmd.Context(), src, paths)
	bar.Clear()
	if err == nil && f.manifest != "" {
		err = ex.WriteManifest(f.manifest)
	}
	if err != nil {
		return fmt.Errorf("export: %w", adviseForce(err))
	}
	if f.asJSON {
		err = cli.PrintJSON(cmd, ex.Done)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d files exported, %s in all\n", ex.Done.Files, output.Size(ex.Done.Bytes))
	}
	if err == nil && !f.hmac && ex.Done.Files > 0 {
		noteIntegrity(cmd, "--hmac writes files that show it")
	}
	if err == nil && ex.Done.Failed > 0 {
		err = fmt.Errorf("export: %d could not be exported", ex.Done.Failed)
	}
	return err
}
