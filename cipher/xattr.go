package cipher

import (
	"fmt"
	"strings"
)

const (
	xattrPrefix  = "user.overcast."
	maxXattrName = 128 // bytes

	// xattrValue begins every value, so that an empty one is never stored as
	// an empty plaintext; another first byte is left to later formats.
	xattrValue = 0x01
)

var (
	xattrNameContext  = []byte("xattr name")
	xattrValueContext = []byte("xattr value")
)

// IsXattr reports whether a backing file's attribute has the shape of this
// program's. Others are none of its business.
func IsXattr(backing string) bool { return strings.HasPrefix(backing, xattrPrefix) }

// EncodeXattrName returns the backing file's attribute for an attribute of the
// file. It fails with [ErrName] on a name that is empty, has a NUL or is
// longer than 128 bytes.
func (c *Cloud) EncodeXattrName(name string) (string, error) {
	if err := checkXattrName(name); err != nil {
		return "", fmt.Errorf("cipher: attribute: %w", err)
	}
	return c.encodeXattrName(name), nil
}

func (c *Cloud) encodeXattrName(name string) string {
	return xattrPrefix + entryEncoding.EncodeToString(c.xattrs.Seal(nil, []byte(name), xattrNameContext))
}

// DecodeXattrName is the inverse of EncodeXattrName. It fails with
// [ErrForeign] on every attribute that is not its output.
func (c *Cloud) DecodeXattrName(backing string) (string, error) {
	body, ok := strings.CutPrefix(backing, xattrPrefix)
	if !ok {
		return "", fmt.Errorf("cipher: attribute %q: %w", backing, ErrForeign)
	}
	ct, err := entryEncoding.DecodeString(body)
	if err != nil {
		return "", fmt.Errorf("cipher: attribute %q: %w: %w", backing, ErrForeign, err)
	}
	plain, err := c.xattrs.Open(nil, ct, xattrNameContext)
	if err != nil {
		return "", fmt.Errorf("cipher: attribute %q: %w: %w", backing, ErrForeign, err)
	}
	name := string(plain)
	if checkXattrName(name) != nil || c.encodeXattrName(name) != backing {
		return "", fmt.Errorf("cipher: attribute %q: %w: not its own spelling", backing, ErrForeign)
	}
	return name, nil
}

// SealXattr returns what the backing file stores for an attribute's value,
// bound to the attribute's name; 17 bytes longer.
func (c *Cloud) SealXattr(name string, value []byte) []byte {
	plain := append([]byte{xattrValue}, value...)
	return c.xattrs.Seal(nil, plain, xattrValueContext, []byte(name))
}

// OpenXattr is the inverse of SealXattr. It fails with [ErrDamaged] where the
// backing value is not this cloud's for that name, and with [ErrNewer] where
// it is, and of a kind that is not known here.
func (c *Cloud) OpenXattr(name string, backing []byte) ([]byte, error) {
	plain, err := c.xattrs.Open(nil, backing, xattrValueContext, []byte(name))
	if err != nil || len(plain) == 0 {
		return nil, fmt.Errorf("cipher: value of attribute %q: %w", name, ErrDamaged)
	}
	if plain[0] != xattrValue {
		return nil, fmt.Errorf("cipher: value of attribute %q: %w: kind %d", name, ErrNewer, plain[0])
	}
	return plain[1:], nil
}

func checkXattrName(name string) error {
	switch {
	case name == "" || strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: %q", ErrName, name)
	case len(name) > maxXattrName:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrName, len(name), maxXattrName)
	}
	return nil
}
