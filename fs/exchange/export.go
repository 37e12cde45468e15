package exchange

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

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/tree"
)

// Exported counts what an export did.
type Exported struct {
	Files  int   `json:"files"`
	Bytes  int64 `json:"bytes"` // of plaintext
	Failed int   `json:"failed"`
}

// ExportOptions say where an export goes, and how its files are written.
type ExportOptions struct {
	Options
	Key *pycrypto.Key
	Dir string // local

	Progress func(n int64)                // told about bytes of plaintext that were read
	Failed   func(name string, err error) // told about each path of the vault that could not be exported
}

// An Exporter writes files of a vault. What cannot be exported is told and counted, and the rest goes on.
type Exporter struct {
	Done Exported

	options ExportOptions
	src     tree.Tree
	list    strings.Builder // the manifest
}

// NewExporter returns one.
func NewExporter(o ExportOptions) *Exporter { return &Exporter{options: o} }

// WriteManifest writes a list of what was exported.
func (ex *Exporter) WriteManifest(path string) error {
	return writeOutput(path, []byte(ex.list.String()), ex.options.Force)
}

func (ex *Exporter) fail(name string, err error) {
	ex.Done.Failed++
	ex.options.Failed("/"+name, err)
}

// Export writes what is at some paths of a tree. The error is one that ends the export as a whole.
func (ex *Exporter) Export(ctx context.Context, src tree.Tree, paths []string) error {
	ex.src = src
	if err := os.MkdirAll(ex.options.Dir, 0o777); err != nil {
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
		} else if err := ex.export(ctx, from, to, e); err != nil {
			return err
		}
	}
	return nil
}

// export writes what is at a path of the vault to a path below DIR.
func (ex *Exporter) export(ctx context.Context, from, to string, e tree.Entry) error {
	if ctx.Err() != nil {
		return tree.ErrInterrupted
	}
	if e.IsDir() {
		return ex.exportDir(ctx, from, to, e)
	}
	var err error
	if e.Is(unix.S_IFREG) {
		err = ex.exportFile(ctx, from, to, e)
	} else {
		err = fmt.Errorf("is a %s, which this layout does not have", e.Kind())
	}
	if errors.Is(err, tree.ErrInterrupted) || errors.Is(err, context.Canceled) {
		return tree.ErrInterrupted
	}
	if err != nil {
		ex.fail(from, err)
	}
	return nil
}

func (ex *Exporter) exportDir(ctx context.Context, from, to string, e tree.Entry) error {
	local := filepath.Join(ex.options.Dir, to)
	if err := os.Mkdir(local, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		ex.fail(from, err)
		return nil
	}
	entries, err := ex.src.ReadDir(from)
	if err != nil {
		ex.fail(from, err)
	}
	for _, child := range entries {
		if err := ex.export(ctx, path.Join(from, child.Name), path.Join(to, child.Name), child); err != nil {
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

func (ex *Exporter) exportFile(ctx context.Context, from, to string, e tree.Entry) error {
	f, err := ex.src.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	out := filepath.Join(ex.options.Dir, path.Dir(to), EncryptedPrefix+path.Base(to))
	enc := NewEncryption(ex.options.Options)
	defer enc.Discard()
	if err := enc.Add(out, ex.options.Key); err != nil {
		return err
	}
	h := sha256.New()
	plain := Observe(ctx, io.NewSectionReader(f, 0, math.MaxInt64), ex.options.Progress)
	n, err := enc.Encrypt(io.TeeReader(plain, h))
	if err != nil {
		return err
	}
	if err := (tree.Local{}).SetMeta(enc.files[0].Temp(), e); err != nil {
		return err
	}
	if err := enc.Commit(); err != nil {
		return err
	}
	ex.Done.Files++
	ex.Done.Bytes += n
	return writeManifestLine(&ex.list, to, audit.Sum{Size: n, SHA256: [sha256.Size]byte(h.Sum(nil))})
}
