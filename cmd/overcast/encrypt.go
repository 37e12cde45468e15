package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/exchange"
)

const encryptLong = `Encrypts one file in the layout that PyCrypto scripts use: a random 16-byte IV, then AES-CBC. openssl opens it with
  openssl enc -d -aes-128-cbc -K KEY-IN-HEX -iv IV-IN-HEX
applied to what follows the IV. With several keys IN is read once and each key gets an OUT of its own, in order.

IN and OUT may be "-", standard input and output. Without OUT the output lies beside IN, as encrypted_IN.

The layout has no integrity. --hmac writes OUT.hmac beside each output, which decrypt then demands.`

type encryptFlags struct {
	keys  []string
	pad   string
	hmac  bool
	force bool
}

func newEncryptCmd() *cobra.Command {
	var f encryptFlags
	cmd := &cobra.Command{
		Use:   "encrypt --key FILE [--key FILE ...] IN [OUT ...]",
		Short: "Encrypt one file in the PyCrypto layout",
		Long:  encryptLong,
		Args:  cli.MinArgs("IN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			padding, outputs, err := f.check(args)
			if err != nil {
				return cli.UsageError(cmd, err)
			}
			if err := f.run(cmd, args[0], outputs, padding); err != nil {
				return fmt.Errorf("encrypt: %w", adviseForce(err))
			}
			if !f.hmac {
				noteIntegrity(cmd, "--hmac writes a file that shows it")
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "read a raw AES key from `FILE`; once for each output")
	cmd.Flags().StringVar(&f.pad, "pad", "pkcs7", "fill the last block as `MODE`: pkcs7, or space as the script did")
	cmd.Flags().BoolVar(&f.hmac, "hmac", false, "write OUT.hmac beside each output, against changes")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace outputs that exist")
	return cmd
}

// check reads the command line as a whole, and names the outputs.
func (f *encryptFlags) check(args []string) (pycrypto.Padding, []string, error) {
	padding, err := pycrypto.ParsePadding(f.pad)
	if err != nil || padding == pycrypto.Keep {
		return 0, nil, fmt.Errorf("--pad %s: pkcs7 or space", f.pad)
	}
	outputs := args[1:]
	switch {
	case len(f.keys) == 0:
		return 0, nil, errors.New("--key is missing")
	case len(outputs) == 0 && len(f.keys) == 1:
		outputs = []string{exchange.Prefixed(exchange.EncryptedPrefix, args[0])}
	case len(outputs) != len(f.keys):
		return 0, nil, fmt.Errorf("%d keys and %d outputs: each key needs an OUT of its own", len(f.keys), len(outputs))
	}
	if f.hmac {
		for _, out := range outputs {
			if out == stdio {
				return 0, nil, errors.New("--hmac needs an OUT to lie beside, not standard output")
			}
		}
	}
	return padding, outputs, exchange.CheckOutputs(f.files(outputs), f.keys)
}

// files is every file that the command writes or, as the stale HMAC of a replaced output, removes.
func (f *encryptFlags) files(outputs []string) []string {
	files := append([]string(nil), outputs...)
	for _, out := range outputs {
		if out != stdio {
			files = append(files, out+exchange.TagSuffix)
		}
	}
	return files
}

func (f *encryptFlags) run(cmd *cobra.Command, in string, outputs []string, padding pycrypto.Padding) (failed error) {
	src, err := openSource(cmd, in)
	if err != nil {
		return err
	}
	defer src.close()
	enc := exchange.NewEncryption(exchange.Options{Padding: padding, HMAC: f.hmac, Force: f.force})
	defer enc.Discard()
	for i, path := range outputs {
		key, err := readKey(cmd, f.keys[i])
		if err != nil {
			return err
		}
		defer func() { wipe(failed, key) }()
		if err := f.add(cmd, enc, path, key); err != nil {
			return err
		}
	}
	_, err = exchange.Interruptible(cmd.Context(), func() (int64, error) {
		r, finish := src.observed(cmd)
		defer finish()
		return enc.Encrypt(r)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	return enc.Commit()
}

// add adds one output.
func (f *encryptFlags) add(cmd *cobra.Command, enc *exchange.Encryption, path string, key *pycrypto.Key) error {
	if path != stdio {
		return enc.Add(path, key)
	}
	if output.IsTerminal(cmd.OutOrStdout()) {
		return errors.New("standard output is a terminal, which ciphertext would upset")
	}
	enc.AddWriter(cmd.OutOrStdout(), key)
	return nil
}
