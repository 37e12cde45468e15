package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
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
	out      encryptFlags // hmac and force
	pass     passphraseFlags
}

func newExportCmd() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:     "export VAULT --key FILE PATH… DIR",
		Short:   "Write files of a vault in the PyCrypto layout",
		Long:    exportLong,
		Example: "  overcast keygen export.key\n  overcast export ~/vault --key export.key / ~/leaving",
		Args:    minArgs("VAULT", "PATH", "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ex, err := f.check(cmd)
			if err != nil {
				return err
			}
			defer ex.key.Wipe()
			ex.dir = args[len(args)-1]
			return withVault(cmd, args[0], &f.pass, func(v *openVault) error {
				ex.src = v.tree
				return f.run(ex, args[1:len(args)-1])
			})
		},
	}
	cmd.Flags().StringVar(&f.key, "key", "", "read a raw AES key from `FILE`")
	cmd.Flags().StringVar(&f.pad, "pad", "pkcs7", "fill the last block as `MODE`: pkcs7, or space as the script did")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "write sizes and checksums to `FILE`")
	cmd.Flags().BoolVar(&f.out.hmac, "hmac", false, "write an HMAC beside each file, against changes")
	cmd.Flags().BoolVar(&f.out.force, "force", false, "replace files that exist")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.register(cmd.Flags())
	return cmd
}

// check reads the command line and the key.
func (f *exportFlags) check(cmd *cobra.Command) (*exporter, error) {
	padding, err := pycrypto.ParsePadding(f.pad)
	switch {
	case err != nil || padding == pycrypto.Keep:
		return nil, usageError(cmd, fmt.Errorf("--pad %s: pkcs7 or space", f.pad))
	case f.key == "":
		return nil, usageError(cmd, errors.New("--key is missing"))
	}
	key, err := readKey(f.key)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return &exporter{cmd: cmd, key: key, padding: padding, out: f.out, bar: &progress{}}, nil
}

func (f *exportFlags) run(ex *exporter, paths []string) error {
	total := int64(0)
	if isTerminal(ex.cmd.ErrOrStderr()) {
		for _, typed := range paths {
			total += tree.Measure(ex.cmd.Context(), ex.src, tree.Clean(typed))
		}
	}
	ex.bar = newProgress(ex.cmd.ErrOrStderr(), total)
	err := ex.exportAll(paths)
	ex.bar.clear()
	if err == nil && f.manifest != "" {
		err = writeManifest(f.manifest, ex.list.String(), f.out.force)
	}
	if err != nil {
		return fmt.Errorf("export: %w", adviseForce(err))
	}
	if f.asJSON {
		err = printJSON(ex.cmd, ex.done)
	} else {
		_, err = fmt.Fprintf(ex.cmd.OutOrStdout(), "%d files exported, %s in all\n", ex.done.Files, humanSize(ex.done.Bytes))
	}
	if err == nil && !f.out.hmac && ex.done.Files > 0 {
		noteIntegrity(ex.cmd, "--hmac writes files that show it")
	}
	if err == nil && ex.done.Failed > 0 {
		err = fmt.Errorf("export: %d could not be exported", ex.done.Failed)
	}
	return err
}

func writeManifest(path, lines string, replace bool) error {
	f, err := createOut(path, 0o666, replace)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := io.WriteString(f, lines); err != nil {
		return err
	}
	return f.commit()
}

// exported counts what an export did.
type exported struct {
	Files  int   `json:"files"`
	Bytes  int64 `json:"bytes"` // of plaintext
	Failed int   `json:"failed"`
}

// exporter writes files of a vault. What cannot be exported is told and counted, and the rest goes on.
type exporter struct {
	cmd     *cobra.Command
	key     *pycrypto.Key
	padding pycrypto.Padding
	out     encryptFlags
	src     tree.Tree
	dir     string
	bar     *progress
	done    exported
	list    strings.Builder // the manifest
}

func (ex *exporter) fail(name string, err error) {
	ex.done.Failed++
	ex.bar.clear()
	fmt.Fprintf(ex.cmd.ErrOrStderr(), "overcast: %s\n", printable(pathFailure("export", "/"+name, err).Error()))
}

// exportAll returns only what ends the export as a whole.
func (ex *exporter) exportAll(paths []string) error {
	if err := os.MkdirAll(ex.dir, 0o777); err != nil {
		return err
	}
	for _, typed := range paths {
		to := tree.VaultSide{}.Base(typed)
		if strings.HasSuffix(typed, "/") {
			to = ""
		}
		from, e, err := tree.Resolve(ex.src, typed)
		if err != nil {
			ex.fail(tree.Clean(typed), err)
		} else if err := ex.export(from, to, e); err != nil {
			return err
		}
	}
	return nil
}

// export writes what is at a path of the vault to a path below DIR.
func (ex *exporter) export(from, to string, e tree.Entry) error {
	if ex.cmd.Context().Err() != nil {
		return errInterrupted
	}
	if e.IsDir() {
		return ex.exportDir(from, to, e)
	}
	var err error
	if e.Is(unix.S_IFREG) {
		err = ex.exportFile(from, to, e)
	} else {
		err = fmt.Errorf("is a %s, which this layout does not have", e.Kind())
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	if err != nil {
		ex.fail(from, err)
	}
	return nil
}

func (ex *exporter) exportDir(from, to string, e tree.Entry) error {
	local := filepath.Join(ex.dir, to)
	if err := os.Mkdir(local, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		ex.fail(from, err)
		return nil
	}
	entries, err := ex.src.ReadDir(from)
	if err != nil {
		ex.fail(from, err)
	}
	for _, child := range entries {
		if err := ex.export(path.Join(from, child.Name), path.Join(to, child.Name), child); err != nil {
			return err
		}
	}
	if to == "" {
		return nil // DIR is the user's own
	}
	if err := (tree.Local{}).SetMeta(local, e); err != nil {
		ex.fail(from, err)
	}
	return nil
}

func (ex *exporter) exportFile(from, to string, e tree.Entry) error {
	f, err := ex.src.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	out := filepath.Join(ex.dir, path.Dir(to), encryptedPrefix+path.Base(to))
	var files outSet
	defer func() { files.discard() }()
	w, err := ex.out.createOutput(ex.cmd, &files, out)
	if err != nil {
		return err
	}
	h, tags := sha256.New(), make([]pycrypto.Tag, 1)
	src := &observedReader{ctx: ex.cmd.Context(), r: io.NewSectionReader(f, 0, math.MaxInt64), bar: ex.bar}
	n, err := pycrypto.Encrypt(io.TeeReader(src, h), pycrypto.EncryptOptions{Padding: ex.padding},
		pycrypto.Output{W: w, Key: ex.key, Tag: &tags[0]})
	if err != nil {
		return err
	}
	if err := (tree.Local{}).SetMeta(files[0].Temp(), e); err != nil {
		return err
	}
	if err := ex.out.commit(files, []string{out}, tags); err != nil {
		return err
	}
	ex.done.Files++
	ex.done.Bytes += n
	return writeManifestLine(&ex.list, to, audit.Sum{Size: n, SHA256: [sha256.Size]byte(h.Sum(nil))})
}
