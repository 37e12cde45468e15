package exchange

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
)

// Options say how files in this layout are written.
type Options struct {
	Padding pycrypto.Padding
	HMAC    bool // write an HMAC beside each file
	Force   bool // replace files that exist
}

// An Encryption turns one plaintext into an output for each of several keys. All of them are complete before the first takes
// its name.
type Encryption struct {
	options Options
	outputs []pycrypto.Output
	files   Outputs
	tags    []fileTag
}

// A fileTag is the HMAC of a file, which has it at the end of an encryption.
type fileTag struct {
	path string
	tag  *pycrypto.Tag
}

// NewEncryption begins one, which Commit or Discard ends.
func NewEncryption(o Options) *Encryption { return &Encryption{options: o} }

// Add adds a file for a key. The HMAC of an earlier file of that name must not stay: decrypting would demand it.
func (e *Encryption) Add(path string, key *pycrypto.Key) error {
	if err := checkFree(path+TagSuffix, e.options.Force); err != nil {
		return err
	}
	w, err := e.files.Create(path, e.options.Force)
	if err != nil {
		return err
	}
	out := pycrypto.Output{W: w, Key: key}
	if e.options.HMAC {
		out.Tag = new(pycrypto.Tag)
	}
	e.outputs = append(e.outputs, out)
	e.tags = append(e.tags, fileTag{path + TagSuffix, out.Tag})
	return nil
}

// AddWriter adds a stream for a key. It holds nothing back and has no HMAC.
func (e *Encryption) AddWriter(w io.Writer, key *pycrypto.Key) {
	e.outputs = append(e.outputs, pycrypto.Output{W: w, Key: key})
}

// Encrypt reads the plaintext and returns its length in bytes.
func (e *Encryption) Encrypt(plain io.Reader) (int64, error) {
	return pycrypto.Encrypt(plain, pycrypto.EncryptOptions{Padding: e.options.Padding}, e.outputs...)
}

// Commit gives the outputs their names: first the tags, so that an output is never without its own.
func (e *Encryption) Commit() error {
	for _, t := range e.tags {
		if err := e.commitTag(t); err != nil {
			return err
		}
	}
	return e.files.Commit()
}

// Discard removes what was not committed; after Commit it does nothing.
func (e *Encryption) Discard() { e.files.Discard() }

func (e *Encryption) commitTag(t fileTag) error {
	if t.tag == nil {
		if err := os.Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := t.tag.MarshalText()
	if err != nil {
		return err
	}
	return writeOutput(t.path, text, e.options.Force)
}
