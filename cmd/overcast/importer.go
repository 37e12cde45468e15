package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/volume"
)

// importTemp names, in each directory, the file that is being written. It is always the same, so that an import that goes on
// replaces what the one before it left.
const importTemp = ".overcast-import.tmp"

// A mount brings what was synced to its further clouds a moment later: so long, and so often, import looks again.
const (
	auditPatience = time.Minute
	auditInterval = 200 * time.Millisecond
)

// imported counts what an import did.
type imported struct {
	Files      int   `json:"files"`      // written now
	Already    int   `json:"already"`    // there already, with the same content
	Bytes      int64 `json:"bytes"`      // of plaintext, in all of them
	Unverified int   `json:"unverified"` // could not be read back from every cloud
	Failed     int   `json:"failed"`
}

func (d imported) String() string {
	return fmt.Sprintf("%d files imported, %d there already, %s in all", d.Files, d.Already, humanSize(d.Bytes))
}

// importer brings files in, then reads them back. What cannot be imported is told and counted, and the rest goes on.
type importer struct {
	cmd      *cobra.Command
	key      *pycrypto.Key
	options  pycrypto.DecryptOptions
	manifest manifest // nil without one
	force    bool
	plan     importPlan
	vault    *auditedVault
	bar      *progress
	done     imported
	present  []present
	unproven bool // something came in that neither a manifest nor an HMAC vouched for
}

// present is a file that is in the vault now.
type present struct {
	name string
	sum  audit.Sum
}

func (im *importer) fail(name string, err error) {
	im.done.Failed++
	im.complain(name, err)
}

func (im *importer) complain(name string, err error) {
	im.bar.clear()
	fmt.Fprintf(im.cmd.ErrOrStderr(), "overcast: %s\n", printable(pathFailure("import", name, err).Error()))
}

// copyAll writes everything. The error is one that ends the import.
func (im *importer) copyAll(dest string) error {
	total := int64(0)
	for _, job := range im.plan.files {
		total += job.entry.Size * int64(1+len(im.vault.clouds))
	}
	im.bar = newProgress(im.cmd.ErrOrStderr(), total)
	defer im.bar.clear()
	if err := im.makeDirs(dest); err != nil {
		return pathFailure("import", dest, err)
	}
	for _, job := range im.plan.dirs {
		if err := im.makeDirs(job.to); err != nil {
			im.fail(job.from, err)
		}
	}
	for _, job := range im.plan.files {
		err := im.copyFile(job)
		if im.cmd.Context().Err() != nil {
			return errInterrupted
		}
		if err != nil {
			im.fail(job.from, err)
		}
	}
	for _, job := range slices.Backward(im.plan.dirs) {
		if err := im.vault.tree.SetMeta(job.to, job.entry); err != nil {
			im.fail(job.from, err)
		}
	}
	return nil
}

// makeDirs makes a directory of the vault and those that it is in, as far as they are missing.
func (im *importer) makeDirs(name string) error {
	for i, c := range name + "/" {
		if c != '/' || i == 0 {
			continue
		}
		err := im.vault.tree.Mkdir(name[:i])
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// copyFile brings in one file, unless it is there already.
func (im *importer) copyFile(job importJob) error {
	switch there, err := im.vault.tree.Lstat(job.to); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case there.IsDir():
		return fmt.Errorf("/%s is a directory", quoteName(job.to))
	default:
		same, err := im.compare(job)
		if same || err != nil {
			return err
		}
		if !im.force {
			return fmt.Errorf("/%s is there with another content; --force replaces it", quoteName(job.to))
		}
	}
	temp := path.Join(path.Dir(job.to), importTemp)
	if err := im.vault.tree.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sum, err := im.write(job, temp)
	if err == nil {
		err = im.vault.tree.Rename(temp, job.to)
	}
	if err != nil {
		if removeErr := im.vault.tree.Remove(temp); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
		return err
	}
	im.done.Files++
	im.arrived(job, sum)
	return nil
}

func (im *importer) arrived(job importJob, sum audit.Sum) {
	im.done.Bytes += sum.Size
	im.present = append(im.present, present{job.to, sum})
}

// compare reports whether the vault has the file already.
func (im *importer) compare(job importJob) (bool, error) {
	want, err := im.decrypt(io.Discard, job)
	if err != nil {
		return false, err
	}
	f, err := im.vault.tree.Open(job.to)
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
	im.done.Already++
	im.arrived(job, want)
	return true, nil
}

// write decrypts a file into a new one of the vault.
func (im *importer) write(job importJob, to string) (audit.Sum, error) {
	f, err := im.vault.tree.Create(to)
	if err != nil {
		return audit.Sum{}, err
	}
	sum, err := im.decrypt(io.NewOffsetWriter(f, 0), job)
	if err := errors.Join(err, f.Close()); err != nil {
		return audit.Sum{}, err
	}
	return sum, im.vault.tree.SetMeta(to, job.entry)
}

// decrypt gives the plaintext of a file, as far as anything vouches for it verified.
func (im *importer) decrypt(dst io.Writer, job importJob) (audit.Sum, error) {
	f, err := os.Open(job.from)
	if err != nil {
		return audit.Sum{}, err
	}
	defer f.Close()
	if err := pycrypto.CheckLength(job.entry.Size); err != nil {
		return audit.Sum{}, err
	}
	o := im.options
	if o.Tag, err = readTag(job.from, false); err != nil {
		return audit.Sum{}, err
	}
	listed, vouched := im.manifest[job.listed]
	if vouched {
		o.Padding, o.Size = pycrypto.Exact, listed.Size
	}
	h := sha256.New()
	src := &observedReader{ctx: im.cmd.Context(), r: f, bar: im.bar}
	n, err := pycrypto.Decrypt(io.MultiWriter(dst, h), src, im.key, o)
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

// verify reads everything back from every cloud. What one lacks is told and counted.
func (im *importer) verify() error {
	defer im.bar.clear()
	deadline := time.Now().Add(im.vault.patience)
	for _, p := range im.present {
		var lacking []string
		for _, c := range im.vault.clouds {
			err := im.verifyFile(c, p, deadline)
			if im.cmd.Context().Err() != nil {
				return errInterrupted
			}
			if err != nil {
				lacking = append(lacking, fmt.Sprintf("cloud %s: %v", c.Name, err))
			}
			im.bar.add(p.sum.Size)
		}
		if lacking != nil {
			im.done.Unverified++
			im.complain("/"+p.name, errors.New(strings.Join(lacking, "; ")))
		}
	}
	return nil
}

// verifyFile reads one file from one cloud, until it is there or the deadline is over.
func (im *importer) verifyFile(c volume.Copy, p present, deadline time.Time) error {
	for {
		sum, err := c.Sum(p.name)
		if err == nil && sum != p.sum {
			err = errors.New("has another content")
		}
		if err == nil || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-time.After(auditInterval):
		case <-im.cmd.Context().Done():
			return errInterrupted
		}
	}
}
