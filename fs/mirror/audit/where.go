package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// A Spot is where one cloud has a path, or would have it.
type Spot struct {
	Entry string         // the backing path
	Dir   bool           // it is a directory
	Head  *cipher.Header // of anything else, if it verified
	Err   error          // what is wrong there; it wraps [io/fs.ErrNotExist] where nothing is
}

// Where finds what one cloud has at a plain path, and looks at its header, not
// at its content. An error is about the path: no file can have it.
func (c *Cloud) Where(plain string) (Spot, error) {
	if plain == "" {
		return Spot{Dir: true}, nil
	}
	regular, special, err := c.spellings(plain)
	if err != nil {
		return Spot{}, err
	}
	s := c.spot(regular, false)
	if errors.Is(s.Err, fs.ErrNotExist) {
		if other := c.spot(special, true); !errors.Is(other.Err, fs.ErrNotExist) {
			s = other
		}
	}
	if s.Err == nil {
		_, s.Err = c.entry(plain)
	}
	return s, nil
}

// spellings are the two backing paths that a plain path can have.
func (c *Cloud) spellings(plain string) (regular, special string, err error) {
	var dir string
	for element := range strings.SplitSeq(plain, "/") {
		name, err := c.keys.EncodeName(cipher.PlainName(element))
		if err != nil {
			return "", "", err
		}
		regular, special = path.Join(dir, string(name.Spelt(false))), path.Join(dir, string(name.Spelt(true)))
		dir = regular
	}
	return regular, special, nil
}

func (c *Cloud) spot(entry string, special bool) Spot {
	s := Spot{Entry: entry}
	info, err := c.dir.Stat(entry)
	if s.Dir = info.Dir && !special; err != nil || s.Dir {
		s.Err = err
		return s
	}
	f, err := c.dir.Open(entry, false)
	if err != nil {
		s.Err = err
		return s
	}
	head, keys, err := c.header(f)
	if keys != nil {
		keys.Wipe()
	}
	if s.Head, s.Err = head, errors.Join(err, f.Close()); s.Err == nil && head.Type.Special() != special {
		s.Err = fmt.Errorf("%w: a %v under the entry of another type", cipher.ErrDamaged, head.Type)
	}
	return s
}

// Plain tells the plain path of a backing path, and whether a part of it is a
// sync tool's copy. Nothing needs to be there but the sidecars of long names.
func (c *Cloud) Plain(entry string) (plain string, toolCopy bool, err error) {
	var dir string
	for element := range strings.SplitSeq(entry, "/") {
		d, err := c.keys.DecodeEntry(cipher.EntryName(element), func(name cipher.EntryName) ([]byte, error) {
			return c.sidecar(path.Join(dir, string(name)))
		})
		if err != nil {
			return "", false, err
		}
		plain, toolCopy = path.Join(plain, string(d.Name)), toolCopy || d.Copy
		dir = path.Join(dir, element)
	}
	return plain, toolCopy, nil
}

// header reads a file's header. The keys are the caller's to wipe.
func (c *Cloud) header(f cloud.File) (*cipher.Header, *cipher.File, error) {
	raw := make([]byte, cipher.HeaderSize)
	n, err := f.ReadAt(raw, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	return c.keys.OpenHeader(raw[:n])
}
