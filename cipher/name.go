package cipher

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/overcast-fs/overcast/cipher/siv"
)

// A PlainName is a file's name as the user sees it: one path element.
type PlainName string

// An EntryName is a directory entry in a cloud.
type EntryName string

const (
	// MaxName is the length in bytes of the longest plain name.
	MaxName = 255
	// MaxSidecar is the size in bytes of the longest sidecar. Whoever reads one
	// reads a byte more at most.
	MaxSidecar = 256 + siv.Overhead
)

const (
	maxShortName = 112 // bytes of a padded name that needs no sidecar

	longPrefix    = "x" // entries whose name lies in a sidecar
	sidecarPrefix = "y"
	metaPrefix    = "z" // the marker, batches of removals, and what later formats add

	letterSpecial = "w" // ends the entries of types 3 to 7

	longHash   = 25 // bytes of SHA-256 in a long entry
	longDigits = 40 // the characters they make
)

// digits is the alphabet of entries: a file's name never needs another
// character, and w to z are left to mark what is not simply a file.
const digits = "0123456789abcdefghijklmnopqrstuv"

var (
	entryEncoding = base32.NewEncoding(digits).WithPadding(base32.NoPadding)
	nameContext   = []byte("name")
)

// A Name is how a plain name is stored in one cloud.
type Name struct {
	Entry EntryName
	// A name of more than 112 bytes, padded, has a sidecar, which is written
	// before the entry and never changes. Otherwise these are empty.
	Sidecar     EntryName
	SidecarData []byte
}

// For returns the entry of a backing file of the type: with the letter w
// behind it for types 3 to 7. A directory's is Entry.
func (n Name) For(t Type) EntryName { return n.Spelt(t.Special()) }

// Spelt returns the one or the other entry that the name can have.
func (n Name) Spelt(special bool) EntryName {
	if special {
		return n.Entry + letterSpecial
	}
	return n.Entry
}

// IsSpecial reports whether a canonical entry is spelt as those of types 3 to 7
// are.
func (e EntryName) IsSpecial() bool { return strings.HasSuffix(string(e), letterSpecial) }

// A Decoded is what an entry stands for.
type Decoded struct {
	Name    PlainName
	Special bool // the letter w: the header's type is 3 to 7
	// Copy: not the name's own entry but one that a sync tool made of it, as
	// "ENTRY (1)" or in capitals. Suffix is what it put behind, to be reported
	// and never shown as part of a name.
	Copy   bool
	Suffix string
}

// check tells whether a file can have the name.
func (n PlainName) check() error {
	switch {
	case n == "" || n == "." || n == "..":
		return fmt.Errorf("%w: %q", ErrName, string(n))
	case len(n) > MaxName:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrName, len(n), MaxName)
	case strings.ContainsAny(string(n), "\x00/"):
		return fmt.Errorf("%w: %q has a NUL or a slash", ErrName, string(n))
	}
	return nil
}

// EncodeName returns how the cloud stores a name: always in the same way, in
// every directory. It fails with [ErrName] on a name that no file can have.
func (c *Cloud) EncodeName(name PlainName) (Name, error) {
	if err := name.check(); err != nil {
		return Name{}, fmt.Errorf("cipher: %w", err)
	}
	padded := make([]byte, (len(name)+blockSize-1)/blockSize*blockSize)
	copy(padded, name)
	return encodeSealed(c.names.Seal(nil, padded, nameContext)), nil
}

// encodeSealed spells a sealed name.
func encodeSealed(ct []byte) Name {
	if len(ct) <= maxShortName+siv.Overhead {
		return Name{Entry: EntryName(entryEncoding.EncodeToString(ct))}
	}
	hash := sidecarHash(ct)
	return Name{Entry: EntryName(longPrefix + hash), Sidecar: EntryName(sidecarPrefix + hash), SidecarData: ct}
}

// sidecarHash addresses a sidecar by its content.
func sidecarHash(ct []byte) string {
	sum := sha256.Sum256(ct)
	return entryEncoding.EncodeToString(sum[:longHash])
}

// DecodeEntry tells the plain name of an entry. For a long name it calls
// sidecar with the sidecar's entry, for that file's content.
//
// It fails with [ErrMetadata] for the format's own entries, which are passed
// over; with [ErrSidecar] where a long name's sidecar is missing or not the
// one meant, the error of sidecar wrapped with it; and with [ErrForeign] for
// everything else that is not one of this cloud's names.
func (c *Cloud) DecodeEntry(entry EntryName, sidecar func(EntryName) ([]byte, error)) (Decoded, error) {
	d, err := c.decodeEntry(entry, sidecar)
	if err != nil {
		return Decoded{}, fmt.Errorf("cipher: entry %q: %w", string(entry), err)
	}
	return d, nil
}

func (c *Cloud) decodeEntry(entry EntryName, sidecar func(EntryName) ([]byte, error)) (Decoded, error) {
	if entry.isMetadata() {
		return Decoded{}, ErrMetadata
	}
	p := parseEntry(entry)
	ct, err := p.sealed(sidecar)
	if err != nil {
		return Decoded{}, err
	}
	name, err := c.openName(ct)
	if err != nil {
		return Decoded{}, err
	}
	d := Decoded{Name: name, Suffix: p.rest}
	if letter, rest, ok := p.letter(); ok {
		if letter != letterSpecial {
			return Decoded{}, fmt.Errorf("%w: reserved letter %s", ErrMetadata, letter)
		}
		d.Special, d.Suffix = true, rest
	}
	own := encodeSealed(ct).Entry
	if d.Special {
		own += letterSpecial
	}
	d.Copy = entry != own
	return d, nil
}

// openName authenticates a sealed name, and checks it all the same: a tag does
// not say that whoever made it kept to the format.
func (c *Cloud) openName(ct []byte) (PlainName, error) {
	padded, err := c.names.Open(nil, ct, nameContext)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrForeign, err)
	}
	name := PlainName(strings.TrimRight(string(padded), "\x00"))
	if name.check() != nil {
		return "", fmt.Errorf("%w: it authenticates, but no file can have the name", ErrForeign)
	}
	if len(padded)%blockSize != 0 || len(padded)-len(name) >= blockSize {
		return "", fmt.Errorf("%w: %d bytes of padding", ErrForeign, len(padded)-len(name))
	}
	return name, nil
}

// parsedEntry is an entry cut where the provider's text may begin.
type parsedEntry struct {
	long bool
	body string // in [0-9a-v]
	rest string
}

// parseEntry cuts off the longest prefix in the alphabet, or x and forty of
// them. Capitals are folded: some providers keep no case.
func parseEntry(entry EntryName) parsedEntry {
	s := string(entry)
	if len(s) > longDigits && strings.EqualFold(s[:1], longPrefix) {
		body := strings.ToLower(s[1 : 1+longDigits])
		return parsedEntry{long: true, body: body, rest: s[1+longDigits:]}
	}
	n := countDigits(s)
	return parsedEntry{body: strings.ToLower(s[:n]), rest: s[n:]}
}

// countDigits returns the length of the longest prefix in the alphabet, in
// whatever case.
func countDigits(s string) int {
	for i := range len(s) {
		if c := s[i] | 0x20; (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'v') {
			return i
		}
	}
	return len(s)
}

// IsCopyOfLong reports whether an entry is a sync tool's copy of a long name's: one can tell without the sidecar.
func (e EntryName) IsCopyOfLong() bool {
	p := parseEntry(e)
	letter, rest, special := p.letter()
	if !special {
		rest = p.rest
	}
	return p.long && countDigits(p.body) == longDigits && rest != "" && (!special || letter == letterSpecial)
}

// letter returns the letter from w to z that follows the body, if one does.
func (p parsedEntry) letter() (letter, rest string, ok bool) {
	if p.rest == "" {
		return "", "", false
	}
	letter = strings.ToLower(p.rest[:1])
	return letter, p.rest[1:], letter >= "w" && letter <= "z"
}

// sealed returns the sealed name that the body stands for.
func (p parsedEntry) sealed(sidecar func(EntryName) ([]byte, error)) ([]byte, error) {
	if !p.long {
		return decodeBody(p.body)
	}
	if countDigits(p.body) != longDigits {
		return nil, ErrForeign
	}
	ct, err := sidecar(EntryName(sidecarPrefix + p.body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSidecar, err)
	}
	if len(ct) > MaxSidecar || sidecarHash(ct) != p.body {
		return nil, fmt.Errorf("%w: its content is another", ErrSidecar)
	}
	return ct, nil
}

// decodeBody undoes base32hex. Stray bits in the last character are let pass:
// such a spelling is not the name's own, and so a copy.
func decodeBody(body string) ([]byte, error) {
	n := entryEncoding.DecodedLen(len(body))
	if entryEncoding.EncodedLen(n) != len(body) || n > maxShortName+siv.Overhead {
		return nil, fmt.Errorf("%w: %d characters", ErrForeign, len(body))
	}
	ct, err := entryEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return ct, nil
}

// CheckSidecar tells whether a file with this entry and this content is a
// sidecar that the cloud needs for one of its names, whether or not a file has
// that name now. It fails with [ErrForeign] on everything else; so nothing is
// taken for a sidecar, and removed, only because it is named like one.
func (c *Cloud) CheckSidecar(entry EntryName, content []byte) error {
	err := fmt.Errorf("%w: its content is another", ErrForeign)
	if len(content) <= MaxSidecar && entry != "" && entry == encodeSealed(content).Sidecar {
		_, err = c.openName(content)
	}
	if err != nil {
		return fmt.Errorf("cipher: sidecar %q: %w", string(entry), err)
	}
	return nil
}

// IsSidecar reports whether an entry is named as a sidecar is. A sync tool's
// copy of one is not.
func (e EntryName) IsSidecar() bool {
	s, ok := strings.CutPrefix(string(e), sidecarPrefix)
	return ok && len(s) == longDigits && strings.Trim(s, digits) == ""
}

// isMetadata tells the format's own entries from names, with the copies that
// sync tools make of them.
func (e EntryName) isMetadata() bool {
	s := string(e)
	switch {
	case strings.HasPrefix(s, metaPrefix), e.IsTemp():
		return true
	case strings.HasPrefix(s, sidecarPrefix):
		return countDigits(s[1:]) >= longDigits
	}
	return false
}
