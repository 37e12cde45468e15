// Package audit reads one cloud by the format alone: without the mirror, its
// memory, its redo log and the other clouds. It answers whether a file, as it
// lies in that cloud now, could be got back if nothing else were left.
//
// It trusts only what verifies, and it changes nothing.
package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// readAtOnce is how much plaintext is verified in one step, in bytes.
const readAtOnce = 1 << 20

// A Cloud is one backing directory under its keys. It is safe for concurrent
// use, and owns neither.
type Cloud struct {
	dir  cloud.Dir
	keys *cipher.Cloud
}

// New returns the audit of one cloud.
func New(dir cloud.Dir, keys *cipher.Cloud) *Cloud { return &Cloud{dir: dir, keys: keys} }

// A Sum is the size of a plaintext in bytes, and its SHA-256.
type Sum struct {
	Size   int64
	SHA256 [sha256.Size]byte
}

// Sum reads the whole file at a plain path, its elements separated by '/'. The
// error wraps [io/fs.ErrNotExist] where this cloud has no such file, and
// [cipher.ErrDamaged] where it has one that cannot be got back from it.
func (c *Cloud) Sum(plain string) (Sum, error) {
	entry, err := c.entry(plain)
	if err != nil {
		return Sum{}, fmt.Errorf("%s: %w", plain, err)
	}
	f, err := c.dir.Open(entry, false)
	if err != nil {
		return Sum{}, fmt.Errorf("%s: %w", plain, err)
	}
	sum, err := c.sum(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return Sum{}, fmt.Errorf("%s: %w", plain, err)
	}
	return sum, nil
}

// entry finds the backing path, and holds every sidecar on the way against the
// name that it has to tell.
func (c *Cloud) entry(plain string) (string, error) {
	var entry string
	for element := range strings.SplitSeq(plain, "/") {
		name, err := c.keys.EncodeName(cipher.PlainName(element))
		if err != nil {
			return "", err
		}
		if name.Sidecar != "" {
			if err := c.checkSidecar(path.Join(entry, string(name.Sidecar)), name.SidecarData); err != nil {
				return "", err
			}
		}
		entry = path.Join(entry, string(name.Entry))
	}
	return entry, nil
}

func (c *Cloud) checkSidecar(entry string, want []byte) error {
	got, err := c.sidecar(entry)
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("sidecar: %w", cipher.ErrDamaged)
	}
	return nil
}

func (c *Cloud) sum(f cloud.File) (Sum, error) {
	head, sum, err := c.whole(f, io.Discard)
	if err == nil && head.Type != cipher.TypeFile {
		err = fmt.Errorf("%w: a %v, and not a file", cipher.ErrDamaged, head.Type)
	}
	return sum, err
}

// whole reads a backing file of any type, and gives its content to somebody. Its
// header comes with an error too, if it verified.
func (c *Cloud) whole(f cloud.File, to io.Writer) (*cipher.Header, Sum, error) {
	head, keys, err := c.header(f)
	if err != nil {
		return nil, Sum{}, err
	}
	defer keys.Wipe()
	if head.Flags&cipher.Dirty != 0 {
		return head, Sum{}, fmt.Errorf("%w: a %v with flags %d, and not committed", cipher.ErrDamaged, head.Type, head.Flags)
	}
	r := &reader{file: f, head: head, keys: keys, layout: c.keys.Layout(), hash: sha256.New(), to: to}
	if err := r.readAll(); err != nil {
		return head, Sum{}, err
	}
	return head, Sum{Size: head.Length, SHA256: [sha256.Size]byte(r.hash.Sum(nil))}, nil
}

// A reader goes once through the records of one file.
type reader struct {
	file   cloud.File
	head   *cipher.Header
	keys   *cipher.File
	layout cipher.Layout
	hash   hash.Hash
	to     io.Writer
	acc    cipher.Acc
}

func (r *reader) readAll() error {
	records := r.layout.Records(r.head.Length)
	step := max(1, readAtOnce/r.layout.ChunkSize())
	plain := make([]byte, min(step*r.layout.ChunkSize(), r.head.Length))
	sealed := make([]byte, len(plain)+int(min(step, records))*cipher.RecordOverhead)
	for first := int64(0); first < records; first += step {
		n := min(step, records-first)
		size := min((first+n)*r.layout.ChunkSize(), r.head.Length) - first*r.layout.ChunkSize()
		if err := r.read(first, plain[:size], sealed[:size+n*cipher.RecordOverhead]); err != nil {
			return err
		}
	}
	if r.acc != r.head.Acc {
		return fmt.Errorf("%w: a mixture of versions", cipher.ErrDamaged)
	}
	return nil
}

// read verifies the records from first on that plain and sealed have room for.
func (r *reader) read(first int64, plain, sealed []byte) error {
	if _, err := r.file.ReadAt(sealed, r.layout.RecordOffset(first)); err != nil {
		return fmt.Errorf("read chunk %d and on: %w", first, err)
	}
	n := (len(sealed) - len(plain)) / cipher.RecordOverhead
	ids, states := make([]cipher.WriteID, n), make([]cipher.RecordState, n)
	if err := r.keys.Open(plain, sealed, first, ids, states); err != nil {
		return err
	}
	for i, state := range states {
		hole := state == cipher.RecordHole && r.head.Flags&cipher.Sparse != 0
		if !hole && (state != cipher.RecordOK || !r.head.Version.Covers(ids[i])) {
			return fmt.Errorf("%w: chunk %d", cipher.ErrDamaged, first+int64(i))
		}
	}
	r.keys.Terms(&r.acc, first, ids, states)
	r.hash.Write(plain)
	_, err := r.to.Write(plain)
	return err
}
