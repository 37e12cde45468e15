package speed

import (
	"crypto/aes"
	stdcipher "crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// stdlib does the same work as anybody would with the standard library, one
// chunk after another.
type stdlib struct {
	block stdcipher.Block
	hmac  hash.Hash
}

func newStdlib() (*stdlib, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return &stdlib{block, hmac.New(sha256.New, make([]byte, 32))}, nil
}

func (s *stdlib) encrypt(l cbc.Lane) {
	stdcipher.NewCBCEncrypter(s.block, l.IV[:]).CryptBlocks(l.Dst, l.Src)
}

func (s *stdlib) decrypt(l cbc.Lane) {
	stdcipher.NewCBCDecrypter(s.block, l.IV[:]).CryptBlocks(l.Dst, l.Src)
}

func (s *stdlib) sum(m *mac.Message) {
	s.hmac.Reset()
	s.hmac.Write(m.Prefix[:])
	s.hmac.Write(m.Body)
	s.hmac.Sum(m.Sum[:0])
}

// tag returns the tag of a record's IV and ciphertext.
func (s *stdlib) tag(index int, body []byte) [mac.Size]byte {
	m := mac.Message{Body: body}
	binary.BigEndian.PutUint64(m.Prefix[:], uint64(index))
	binary.BigEndian.PutUint64(m.Prefix[8:], chunk)
	s.sum(&m)
	return m.Sum
}

func (s *stdlib) seal(records, plain []byte, ids []cipher.WriteID) {
	for i := range ids {
		r := records[i*record:][:record]
		iv, ct, tag := r[:cipher.IVSize], r[cipher.IVSize:][:chunk], r[cipher.IVSize+chunk:]
		s.block.Encrypt(iv, ids[i][:])
		s.encrypt(cbc.Lane{IV: (*[16]byte)(iv), Dst: ct, Src: plain[i*chunk:][:chunk]})
		sum := s.tag(i, r[:cipher.IVSize+chunk])
		copy(tag, sum[:])
	}
}

// open reports whether every record verified.
func (s *stdlib) open(plain, records []byte, ids []cipher.WriteID) bool {
	for i := range ids {
		r := records[i*record:][:record]
		iv, ct, tag := r[:cipher.IVSize], r[cipher.IVSize:][:chunk], r[cipher.IVSize+chunk:]
		sum := s.tag(i, r[:cipher.IVSize+chunk])
		if subtle.ConstantTimeCompare(sum[:], tag) != 1 {
			return false
		}
		s.block.Decrypt(ids[i][:], iv)
		s.decrypt(cbc.Lane{IV: (*[16]byte)(iv), Dst: plain[i*chunk:][:chunk], Src: ct})
	}
	return true
}
