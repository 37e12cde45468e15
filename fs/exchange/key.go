package exchange

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/overcast-fs/overcast/cipher/pycrypto"
)

const (
	// TagSuffix is what follows the name of a file in the name of its HMAC's.
	TagSuffix = ".hmac"

	// EncryptedPrefix is what such scripts put before the name of a file that they encrypt.
	EncryptedPrefix = "encrypted_"
)

// A KeyError is a file that holds no key.
type KeyError struct {
	Path string
	Text bool // what it holds looks like the text of a key, or ends with a line's end
	Err  error
}

// Error gives one line.
func (e *KeyError) Error() string { return fmt.Sprintf("key %s: %v", e.Path, e.Err) }

// Unwrap gives the reason.
func (e *KeyError) Unwrap() error { return e.Err }

// ReadKey reads a raw key from a file, or from a pipe that a shell names like one; look, if it is not nil, sees the file
// before. Of a file that can be read and holds no key the error is a [*KeyError].
func ReadKey(path string, look func(f *os.File)) (*pycrypto.Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	defer f.Close()
	if look != nil {
		look(f)
	}
	raw, err := io.ReadAll(io.LimitReader(f, 4096))
	defer clear(raw)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	key, err := pycrypto.NewKey(raw)
	if err != nil {
		text := len(bytes.TrimSpace(raw)) < len(raw) || len(raw) == 48 || len(raw) == 64
		return nil, &KeyError{Path: path, Text: text, Err: err}
	}
	return key, nil
}

// WriteKey draws a key of so many bytes and writes it to a new file, which nobody else may read.
func WriteKey(path string, size int) error {
	f, err := createOutput(path, 0o600, false)
	if err != nil {
		return err
	}
	defer f.Discard()
	raw := make([]byte, size)
	defer clear(raw)
	rand.Read(raw)
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return f.commit()
}

// ReadTag finds the HMAC of a file; nil if there is none and none is demanded.
func ReadTag(of string, demanded bool) (*pycrypto.Tag, error) {
	text, err := os.ReadFile(of + TagSuffix)
	if errors.Is(err, fs.ErrNotExist) && !demanded {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tag := new(pycrypto.Tag)
	if err := tag.UnmarshalText(text); err != nil {
		return nil, fmt.Errorf("%s: %w", of+TagSuffix, err)
	}
	return tag, nil
}
