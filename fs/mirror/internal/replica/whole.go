package replica

import (
	"errors"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// AsItIs changes nothing of a header.
func AsItIs(*cipher.Header) {}

// Whole writes a whole copy of another cloud's file under a temporary name, with
// its header as it is or changed. It is clean only when all of it has verified.
func (c *Cloud) Whole(temp string, o *Copy, as func(h *cipher.Header), owners bool, now time.Time) (*cipher.Header, error) {
	head := *o.Head
	acc, bad, err := o.Check(&head)
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 || acc != head.Acc {
		return nil, cipher.ErrDamaged
	}
	as(&head)
	cp, err := c.Build(temp, head)
	if err != nil {
		return nil, err
	}
	defer cp.Close()
	if err := cp.Fit(head.Length); err != nil {
		return nil, err
	}
	if err := o.EachData(head.Length, cp.WriteRun); err != nil {
		return nil, err
	}
	return cp.Clean(head, owners, now)
}

// Clean verifies a copy that was written whole, and gives it its header.
func (c *Copy) Clean(head cipher.Header, owners bool, now time.Time) (*cipher.Header, error) {
	acc, bad, err := c.Check(&head)
	if err != nil || len(bad) > 0 {
		return nil, errors.Join(cipher.ErrDamaged, err)
	}
	head.Acc = acc
	if err := c.File.Sync(); err != nil {
		return nil, err
	}
	if err := c.WriteHeader(&head); err != nil {
		return nil, err
	}
	return c.Head, c.Show(nil, owners, now)
}

// Plain is the plaintext path of a backing path, each element as Decode tells it.
func (c *Cloud) Plain(path string) (plain string, ok bool) {
	at := ""
	for entry := range strings.SplitSeq(path, "/") {
		d, ok := c.Decode(at, entry)
		if !ok {
			return "", false
		}
		at, plain = Join(at, entry), Join(plain, string(d.Name))
	}
	return plain, true
}

// Decode tells the plain name of an entry of a directory. A sync tool's copy is
// none.
func (c *Cloud) Decode(dir, entry string) (d cipher.Decoded, ok bool) {
	d, err := c.DecodeEntry(dir, entry)
	return d, err == nil && !d.Copy
}
