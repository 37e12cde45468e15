package cipher

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
	"github.com/overcast-fs/overcast/cipher/siv"
)

// CloudParams is what a cloud is made from.
type CloudParams struct {
	Key              *Key // 32 random bytes of this cloud alone
	VaultID, CloudID ID
	Suite            Suite
	ChunkLog2        uint8 // MinChunkLog2 to MaxChunkLog2, the same for the whole vault
}

// A Cloud is everything derived from one cloud's key. It is safe for
// concurrent use until it is wiped.
type Cloud struct {
	vaultID, cloudID ID
	suite            Suite
	layout           Layout
	prk              []byte
	names, xattrs    *siv.SIV
	markerMAC        [sha256.Size]byte
	groups           *sync.Pool // of *group, for every file of this cloud
}

// cloudKeys are the outputs of HKDF that belong to a cloud as a whole.
type cloudKeys struct {
	prk    []byte // 32 bytes
	name   []byte // 64
	xattr  []byte // 64
	marker []byte // 32
}

func deriveCloudKeys(p CloudParams) (k cloudKeys, err error) {
	salt := append([]byte("overcast/v1"), p.VaultID[:]...)
	salt = append(salt, p.CloudID[:]...)
	if k.prk, err = hkdf.Extract(sha256.New, p.Key[:], salt); err != nil {
		return k, err
	}
	for _, out := range []struct {
		key  *[]byte
		info string
		size int
	}{
		{&k.name, "name", 64},
		{&k.xattr, "xattr", 64},
		{&k.marker, "marker", 32},
	} {
		if *out.key, err = hkdf.Expand(sha256.New, k.prk, out.info, out.size); err != nil {
			return k, err
		}
	}
	return k, nil
}

// NewCloud derives a cloud's keys. It fails with [ErrInvalid] where suite or
// chunk size are none of the format's. The key may be wiped afterwards.
func NewCloud(p CloudParams) (*Cloud, error) {
	c := &Cloud{vaultID: p.VaultID, cloudID: p.CloudID, suite: p.Suite, layout: Layout{p.ChunkLog2}}
	if !c.suite.valid() {
		return nil, fmt.Errorf("cipher: %w: %v", ErrInvalid, c.suite)
	}
	if !c.layout.valid() {
		return nil, fmt.Errorf("cipher: %w: chunks of 2^%d bytes", ErrInvalid, p.ChunkLog2)
	}
	keys, err := deriveCloudKeys(p)
	if err != nil {
		return nil, fmt.Errorf("cipher: deriving a cloud's keys: %w", err)
	}
	defer clear(keys.name)
	defer clear(keys.xattr)
	defer clear(keys.marker)
	c.prk = keys.prk
	if c.names, err = siv.New(keys.name); err != nil {
		return nil, fmt.Errorf("cipher: name key: %w", err)
	}
	if c.xattrs, err = siv.New(keys.xattr); err != nil {
		return nil, fmt.Errorf("cipher: attribute key: %w", err)
	}
	c.markerMAC = markerMAC(keys.marker, p.VaultID, p.CloudID)
	c.groups = &sync.Pool{New: func() any { return new(group) }}
	return c, nil
}

// Layout returns the arithmetic of the cloud's chunk size.
func (c *Cloud) Layout() Layout { return c.layout }

// Suite returns the cloud's suite.
func (c *Cloud) Suite() Suite { return c.suite }

// Wipe overwrites the cloud's keys; the files made from it have their own. The
// cloud must not be in use, then or later.
func (c *Cloud) Wipe() {
	clear(c.prk)
	c.names.Wipe()
	c.xattrs.Wipe()
}

// Format writes "[redacted]" for every verb.
func (Cloud) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// A File is the keys of one backing file: those of its type and its salt under
// its cloud's key. It is safe for concurrent use until it is wiped.
type File struct {
	ident  [identSize]byte
	layout Layout
	groups *sync.Pool

	enc       *cbc.Cipher // chunks
	iv        *cbc.Cipher // write ids
	acc       *cbc.Cipher // acc terms
	headerEnc *cbc.Cipher
	tags      *mac.Key // of records
	headerMAC *mac.Key
}

// fileKeys is the 192 bytes F, in the order of its parts.
type fileKeys struct {
	enc, mac, iv, headerEnc, headerMAC, acc []byte // 32 bytes each
}

// deriveFileKeys expands F from a header's bytes 8 to 32. Those bytes are not
// believed: whatever they say, keys come out, and fit nothing if it is false.
func (c *Cloud) deriveFileKeys(ident [identSize]byte) (fileKeys, error) {
	f, err := hkdf.Expand(sha256.New, c.prk, "file"+string(ident[:]), 192)
	if err != nil {
		return fileKeys{}, fmt.Errorf("cipher: deriving a file's keys: %w", err)
	}
	return fileKeys{
		enc: f[0:32], mac: f[32:64], iv: f[64:96],
		headerEnc: f[96:128], headerMAC: f[128:160], acc: f[160:192],
	}, nil
}

func (k *fileKeys) wipe() {
	for _, key := range [][]byte{k.enc, k.mac, k.iv, k.headerEnc, k.headerMAC, k.acc} {
		clear(key)
	}
}

// NewRepairFile derives the keys of a copy that repair writes whole. Its salt is
//
//	HKDF-Expand(PRK, "heal" ‖ file_id ‖ commit_id, 16)
//
// with the copy's own ids; the loser of a conflict has another file id by then
// ([ConflictID]). The records keep their write ids. So the copy is the same
// bytes on every machine, and never those of other content under the same keys:
// a commit id stands for one content, and a write id for one write.
func (c *Cloud) NewRepairFile(t Type, fileID, commitID ID) (*File, error) {
	salt, err := c.repairSalt(fileID, commitID)
	if err != nil {
		return nil, err
	}
	return c.NewFile(t, salt)
}

func (c *Cloud) repairSalt(fileID, commitID ID) (salt [16]byte, err error) {
	info := append([]byte("heal"), fileID[:]...)
	out, err := hkdf.Expand(sha256.New, c.prk, string(append(info, commitID[:]...)), len(salt))
	if err != nil {
		return salt, fmt.Errorf("cipher: deriving a salt: %w", err)
	}
	return [16]byte(out), nil
}

// NewFile derives the keys of a backing file: one that a commit makes, with a
// random salt, never that of another file, or one that is there.
func (c *Cloud) NewFile(t Type, salt [16]byte) (*File, error) {
	if !t.valid() {
		return nil, fmt.Errorf("cipher: new file: %w: %v", ErrInvalid, t)
	}
	ident := makeIdent(c.suite, c.layout, t, salt)
	keys, err := c.deriveFileKeys(ident)
	if err != nil {
		return nil, err
	}
	defer keys.wipe()
	return c.expandFile(ident, c.suite, &keys)
}

// expandFile makes a file from its derived keys, which it does not keep.
func (c *Cloud) expandFile(ident [identSize]byte, suite Suite, keys *fileKeys) (*File, error) {
	f := &File{
		ident: ident, layout: c.layout, groups: c.groups,
		tags: mac.New(keys.mac), headerMAC: mac.New(keys.headerMAC),
	}
	for _, part := range []struct {
		cipher **cbc.Cipher
		key    []byte
	}{
		{&f.enc, keys.enc[:suite.keySize()]},
		{&f.headerEnc, keys.headerEnc[:suite.keySize()]},
		{&f.iv, keys.iv},
		{&f.acc, keys.acc},
	} {
		var err error
		if *part.cipher, err = cbc.New(part.key); err != nil {
			return nil, fmt.Errorf("cipher: a file's keys: %w", err)
		}
	}
	return f, nil
}

// Type returns the type that the keys are for.
func (f *File) Type() Type { return Type(f.ident[identType]) }

// Salt returns the salt that the keys are for.
func (f *File) Salt() [16]byte { return [16]byte(f.ident[identSalt:]) }

// Layout returns the arithmetic of the file's chunk size.
func (f *File) Layout() Layout { return f.layout }

// Wipe overwrites the file's keys. The file must not be in use, then or later.
func (f *File) Wipe() {
	for _, c := range []*cbc.Cipher{f.enc, f.iv, f.acc, f.headerEnc} {
		c.Wipe()
	}
	f.tags.Wipe()
	f.headerMAC.Wipe()
}

// Format writes "[redacted]" for every verb.
func (File) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// markerMAC is HMAC-SHA-256(marker_key, "overcast marker v1" ‖ vault_id ‖ cloud_id).
func markerMAC(key []byte, vault, cloud ID) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, "overcast marker v1")
	h.Write(vault[:])
	h.Write(cloud[:])
	h.Sum(sum[:0])
	return sum
}
