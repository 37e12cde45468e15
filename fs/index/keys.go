package index

import (
	"bytes"
	"crypto/aes"
	stdcipher "crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
)

const (
	saltSize = 32
	tagSize  = 16
	overhead = 12 + tagSize // what sealing adds to a row
)

// The domains of the HMACs: the byte before what is hashed.
const (
	dirDomain     = 'd'
	nameDomain    = 'n'
	fileDomain    = 'f'
	cloudDomain   = 'c'
	pathDomain    = 'p'
	writerDomain  = 'w'
	checkedDomain = 'k'
	idleDomain    = 'v' // a file may have rows of it, which tell nothing
)

// The keys of rows.
type (
	dirKey   [8]byte
	nameKey  [24]byte // begins with the directory's
	fileKey  [16]byte
	cloudKey [8]byte
	debtKey  [8 + 24]byte
	linkKey  [16 + 24]byte
)

// keys makes the keys of rows and seals rows, for one database file.
type keys struct {
	macs sync.Pool // of *macer
	aead stdcipher.AEAD
}

// A macer is an HMAC that is used again and again.
type macer struct {
	h   hash.Hash
	in  []byte
	out []byte
}

// newKeys derives the keys from a vault's state key. The salt is the file's, so that no row of one file opens in another and
// no key is ever used for more rows than random nonces allow.
func newKeys(stateKey *[32]byte, vault cipher.ID, salt []byte) (*keys, error) {
	context := append(bytes.Clone(vault[:]), salt...)
	macKey, err := hkdf.Key(sha256.New, stateKey[:], context, "index keys", 32)
	if err != nil {
		return nil, err
	}
	rowKey, err := hkdf.Key(sha256.New, stateKey[:], context, "index rows", 32)
	if err != nil {
		return nil, err
	}
	defer clear(rowKey)
	block, err := aes.NewCipher(rowKey)
	if err != nil {
		return nil, err
	}
	aead, err := stdcipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	k := &keys{aead: aead}
	k.macs.New = func() any { return &macer{h: hmac.New(sha256.New, macKey)} }
	return k, nil
}

// sum writes the beginning of the HMAC of a domain, up to two numbers and text to dst.
func (k *keys) sum(dst []byte, domain byte, text string, numbers ...uint64) {
	m := k.macs.Get().(*macer)
	m.in = append(m.in[:0], domain)
	for _, n := range numbers {
		m.in = binary.BigEndian.AppendUint64(m.in, n)
	}
	m.in = append(m.in, text...)
	m.h.Reset()
	m.h.Write(m.in)
	m.out = m.h.Sum(m.out[:0])
	copy(dst, m.out)
	k.macs.Put(m)
}

func (k *keys) dir(d Dir) (key dirKey) {
	k.sum(key[:], dirDomain, "", uint64(d))
	return key
}

func (k *keys) name(p Place) (key nameKey) {
	dir := k.dir(p.Dir)
	return k.nameIn(&dir, p)
}

// nameIn is name where the directory's key is at hand.
func (k *keys) nameIn(dir *dirKey, p Place) (key nameKey) {
	copy(key[:], dir[:])
	k.sum(key[8:], nameDomain, string(p.Name), uint64(p.Dir))
	return key
}

func (k *keys) file(f File) (key fileKey) {
	k.sum(key[:], fileDomain, string(f.ID[:]), uint64(f.Type))
	return key
}

func (k *keys) cloud(id cipher.ID) (key cloudKey) {
	k.sum(key[:], cloudDomain, string(id[:]))
	return key
}

func (k *keys) debt(cloud cipher.ID, p Place) (key debtKey) {
	c, n := k.cloud(cloud), k.name(p)
	copy(key[:], c[:])
	copy(key[8:], n[:])
	return key
}

func (k *keys) link(f *fileKey, n *nameKey) (key linkKey) {
	copy(key[:], f[:])
	copy(key[16:], n[:])
	return key
}

// rest returns the key of a row of the bucket of that name.
func (k *keys) rest(domain byte, text string, numbers ...uint64) []byte {
	key := make([]byte, 1+16)
	key[0] = domain
	k.sum(key[1:], domain, text, numbers...)
	return key
}

// seal appends the sealed row to dst. Its last bytes are its tag.
func (k *keys) seal(dst []byte, in bucket, key, row []byte) []byte {
	var ad [64]byte
	return k.aead.Seal(dst, nil, row, in.bind(ad[:0], key))
}

// open appends the row that seal has sealed to dst.
func (k *keys) open(dst []byte, in bucket, key, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead || len(sealed) > maxRow+overhead {
		return nil, fmt.Errorf("a row of %d bytes", len(sealed))
	}
	var ad [64]byte
	row, err := k.aead.Open(dst, nil, sealed, in.bind(ad[:0], key))
	if err != nil {
		return nil, fmt.Errorf("a row does not open")
	}
	return row, nil
}

// bind returns what a row is bound to.
func (in bucket) bind(b, key []byte) []byte { return append(append(b, byte(in)), key...) }
