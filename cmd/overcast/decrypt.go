package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/exchange"
)

const decryptLong = `Decrypts one file in the layout that PyCrypto scripts use: a 16-byte IV, then AES-CBC. IN and OUT may be "-", standard
input and output. Without OUT the output lies beside IN, as decrypted_IN.

How the last block was filled is not in the file. By default every byte is kept, as the script's own decryption does. --pad
pkcs7 verifies that padding and takes it off, for files of encrypt and of openssl; --pad space takes off at most 15 trailing
spaces, which may be content; --size cuts to a size known from elsewhere.

If IN.hmac exists, IN must match it, or nothing is written; --hmac refuses an IN without one.`

type decryptFlags struct {
	key   string
	pad   string
	size  int64
	hmac  bool
	force bool
}

func newDecryptCmd() *cobra.Command {
	var f decryptFlags
	cmd := &cobra.Command{
		Use:   "decrypt --key FILE IN [OUT]",
		Short: "Decrypt one file in the PyCrypto layout",
		Long:  decryptLong,
		Args:  cli.MinArgs("IN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				args = append(args, exchange.Prefixed(decryptedPrefix, args[0]))
			}
			options, err := f.check(cmd, args)
			if err != nil {
				return cli.UsageError(cmd, err)
			}
			if err := f.run(cmd, args[0], args[1], options); err != nil {
				return fmt.Errorf("decrypt: %w", adviseForce(err))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&f.key, "key", "", "read the raw AES key from `FILE`")
	cmd.Flags().StringVar(&f.pad, "pad", "none", "take off the padding of `MODE`: pkcs7, space or none")
	cmd.Flags().Int64Var(&f.size, "size", 0, "cut the plaintext to `N` bytes")
	cmd.Flags().BoolVar(&f.hmac, "hmac", false, "refuse an IN without IN.hmac")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace an output that exists")
	return cmd
}

// check reads the command line as a whole; args are IN and OUT.
func (f *decryptFlags) check(cmd *cobra.Command, args []string) (pycrypto.DecryptOptions, error) {
	var o pycrypto.DecryptOptions
	var err error
	if o.Padding, err = pycrypto.ParsePadding(f.pad); err != nil {
		return o, fmt.Errorf("--pad %s: pkcs7, space or none", f.pad)
	}
	if cmd.Flags().Changed("size") {
		o.Padding, o.Size = pycrypto.Exact, f.size
	}
	switch {
	case f.key == "":
		return o, errors.New("--key is missing")
	case len(args) > 2:
		return o, fmt.Errorf("unexpected argument %s", cli.QuoteName(args[2]))
	case o.Padding == pycrypto.Exact && cmd.Flags().Changed("pad"):
		return o, errors.New("--pad and --size exclude each other")
	case f.size < 0:
		return o, fmt.Errorf("--size %d: a size is not negative", f.size)
	case f.hmac && args[0] == stdio:
		return o, errors.New("--hmac needs an IN that it lies beside, not standard input")
	}
	return o, exchange.CheckOutputs(args[1:], []string{f.key})
}

func (f *decryptFlags) run(cmd *cobra.Command, in, out string, o pycrypto.DecryptOptions) (err error) {
	key, err := readKey(cmd, f.key)
	if err != nil {
		return err
	}
	defer func() { wipe(err, key) }()
	src, err := openSource(cmd, in)
	if err != nil {
		return err
	}
	defer src.close()
	if src.seekable() {
		if err := pycrypto.CheckLength(src.size); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
	}
	if in != stdio {
		if o.Tag, err = exchange.ReadTag(in, f.hmac); err != nil {
			return err
		}
	}
	if o.Tag != nil && out == stdio {
		if err := verifyFirst(cmd, src, key, *o.Tag); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
	}
	var files exchange.Outputs
	defer func() { files.Discard() }()
	dst := cmd.OutOrStdout()
	if out != stdio {
		if dst, err = files.Create(out, f.force); err != nil {
			return err
		}
	}
	if err := decryptStream(cmd, src, dst, key, o); err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	if err := files.Commit(); err != nil {
		return err
	}
	if o.Tag == nil {
		noteIntegrity(cmd, "only encrypt --hmac shows it")
	}
	return nil
}

// verifyFirst reads the whole file before a byte of it goes down a pipe, from which nothing can be taken back.
func verifyFirst(cmd *cobra.Command, src *source, key *pycrypto.Key, tag pycrypto.Tag) error {
	if !src.seekable() {
		return errors.New("has an HMAC, and a pipe cannot be verified before it is decrypted to standard output")
	}
	r, finish := src.observed(cmd)
	defer finish()
	if err := key.Verify(r, tag); err != nil {
		return err
	}
	return src.rewind()
}

func decryptStream(cmd *cobra.Command, src *source, dst io.Writer, key *pycrypto.Key, o pycrypto.DecryptOptions) error {
	_, err := exchange.Interruptible(cmd.Context(), func() (int64, error) {
		r, finish := src.observed(cmd)
		defer finish()
		return pycrypto.Decrypt(dst, r, key, o)
	})
	if errors.Is(err, pycrypto.ErrPadding) {
		return cli.Failf(cli.ExitFailure, "%w", err).
			Advise("the key is wrong, the file is damaged, or it was not padded so; without --pad every byte is kept")
	}
	return err
}
