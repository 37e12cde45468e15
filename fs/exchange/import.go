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
	"slices"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/tree"
)

// importTemp names, in each directory, the file that is being written. It is always the same, so that an import that goes on
// replaces what the one before it left.
const importTemp = ".overcast-import.tmp"

// Imported counts what an import did.
type Imported struct {
	Files      int   `json:"files"`      // written now
	Already    int   `json:"already"`    // there already, with the same content
	Bytes      int64 `json:"bytes"`      // of plaintext, in all of them
	Unverified int   `json:"unverified"` // could not be read back from every cloud
	Failed     int   `json:"failed"`
}

// ImportOptions say what an import takes the files to be.
type ImportOptions struct {
	Key      *pycrypto.Key
	Padding  pycrypto.Padding
	Manifest Manifest // nil without one
	Force    bool     // replace files with another content

	Progress func(n int64)                // told about bytes that were read, from the sources and from each cloud
	Complain func(name string, err error) // told about each name that could not be imported or verified
}

// An Importer brings files in, then reads them back. What cannot be imported is told and counted, and the rest goes on.
type Importer struct {
	Done Imported

	options  ImportOptions
	plan     plan
	to       tree.Tree
	present  []present
	unproven bool
}

// NewImporter finds everything that is to be imported before anything is done. dest is a path of the vault.
func NewImporter(o ImportOptions, sources []string, dest string) *Importer {
	im := &Importer{options: o}
	im.plan = plan{targets: make(map[string]string), failed: im.fail}
	for _, typed := range sources {
		im.plan.add(typed, dest)
	}
	if o.Manifest != nil {
		im.plan.hold(o.Manifest)
	}
	return im
}

// Total is how many bytes Progress will be told of, where so many copies are read back.
func (im *Importer) Total(copies int) (total int64) {
	for _, j := range im.plan.files {
		total += j.entry.Size * int64(1+copies)
	}
	return total
}

// Unproven reports whether something came in that neither a manifest nor an HMAC vouched for.
func (im *Importer) Unproven() bool { return im.unproven }

// present is a file that is in the vault now.
type present struct {
	name string
	sum  audit.Sum
}

func (im *Importer) fail(name string, err error) {
	im.Done.Failed++
	im.options.Complain(name, err)
}

// Copy writes everything below dest, a path of the tree. The error is one that ends the import.
func (im *Importer) Copy(ctx context.Context, to tree.Tree, dest string) error {
	im.to = to
	if err := im.makeDirs(dest); err != nil {
		return err
	}
	for _, j := range im.plan.dirs {
		if err := im.makeDirs(j.to); err != nil {
			im.fail(j.from, err)
		}
	}
	for _, j := range im.plan.files {
		err := im.copyFile(ctx, j)
		if ctx.Err() != nil {
			return tree.ErrInterrupted
		}
		if err != nil {
			im.fail(j.from, err)
		}
	}
	for _, j := range slices.Backward(im.plan.dirs) {
		if err := im.to.SetMeta(j.to, j.entry); err != nil {
			im.fail(j.from, err)
		}
	}
	return nil
}

// makeDirs makes a directory of the vault and those that it is in, as far as they are missing.
func (im *Importer) makeDirs(name string) error {
	for i, c := range name + "/" {
		if c != '/' || i == 0 {
			continue
		}
		err := im.to.Mkdir(name[:i])
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// copyFile brings in one file, unless it is there already.
func (im *Importer) copyFile(ctx context.Context, j job) error {
	switch there, err := im.to.Lstat(j.to); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case there.IsDir():
		return fmt.Errorf("/%s is a directory", tree.Quote(j.to))
	default:
		same, err := im.compare(ctx, j)
		if same || err != nil {
			return err
		}
		if !im.options.Force {
			return fmt.Errorf("/%s is there with another content; --force replaces it", tree.Quote(j.to))
		}
	}
	temp := path.Join(path.Dir(j.to), importTemp)
	if err := im.to.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sum, err := im.write(ctx, j, temp)
	if err == nil {
		err = im.to.Rename(temp, j.to)
	}
	if err != nil {
		if removeErr := im.to.Remove(temp); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
		return err
	}
	im.Done.Files++
	im.arrived(j, sum)
	return nil
}

func (im *Importer) arrived(j job, sum audit.Sum) {
	im.Done.Bytes += sum.Size
	im.present = append(im.present, present{j.to, sum})
}

// compare reports whether the vault has the file already.
func (im *Importer) compare(ctx context.Context, j job) (bool, error) {
	want, err := im.decrypt(ctx, io.Discard, j)
	if err != nil {
		return false, err
	}
	f, err := im.to.Open(j.to)
	if err != nil {
		return false, err
	}
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, math.MaxInt64))
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	if n != want.Size || [sha256.Size]byte(h.Sum(nil)) != want.SHA256 {
		return false, nil
	}
	im.Done.Already++
	im.arrived(j, want)
	return true, nil
}

// write decrypts a file into a new one of the vault.
func (im *Importer) write(ctx context.Context, j job, to string) (audit.Sum, error) {
	f, err := im.to.Create(to)
	if err != nil {
		return audit.Sum{}, err
	}
	sum, err := im.decrypt(ctx, io.NewOffsetWriter(f, 0), j)
	if err := errors.Join(err, f.Close()); err != nil {
		return audit.Sum{}, err
	}
	return sum, im.to.SetMeta(to, j.entry)
}

// decrypt gives the plaintext of a file, as far as anything vouches for it verified.
func (im *Importer) decrypt(ctx context.Context, dst io.Writer, j job) (audit.Sum, error) {
	f, err := os.Open(j.from)
	if err != nil {
		return audit.Sum{}, err
	}
	defer f.Close()
	if err := pycrypto.CheckLength(j.entry.Size); err != nil {
		return audit.Sum{}, err
	}
	o := pycrypto.DecryptOptions{Padding: im.options.Padding}
	if o.Tag, err = ReadTag(j.from, false); err != nil {
		return audit.Sum{}, err
	}
	listed, vouched := im.options.Manifest[j.listed]
	if vouched {
		o.Padding, o.Size = pycrypto.Exact, listed.Size
	}
	h := sha256.New()
	n, err := pycrypto.Decrypt(io.MultiWriter(dst, h), Observe(ctx, f, im.options.Progress), im.options.Key, o)
	if err != nil {
		return audit.Sum{}, err
	}
	sum := audit.Sum{Size: n, SHA256: [sha256.Size]byte(h.Sum(nil))}
	if vouched && sum != listed {
		return audit.Sum{}, fmt.Errorf("has the SHA-256 %x, not the one in the manifest", sum.SHA256)
	}
	im.unproven = im.unproven || !vouched && o.Tag == nil
	return sum, nil
}
