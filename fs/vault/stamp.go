package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// deriveKey returns 32 bytes of the state key for one use.
func deriveKey(k *Keys, use string) ([]byte, error) {
	return hkdf.Key(sha256.New, k.StateKey[:], k.VaultID[:], use, 32)
}

// A stamp authenticates one of the state's small files, so that a damaged one,
// or one of another vault, is never taken for what this machine wrote. The file
// is a line of JSON and a line with the hexadecimal HMAC-SHA-256 of the first.
type stamp struct{ key []byte }

// newStamp derives the key for the file of that name.
func newStamp(k *Keys, name string) (stamp, error) {
	key, err := deriveKey(k, "state file "+name)
	return stamp{key}, err
}

func (s stamp) seal(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	sealed := append(line, '\n')
	sealed = hex.AppendEncode(sealed, s.sum(line))
	return append(sealed, '\n'), nil
}

// open checks what seal made, and only then reads it. The error wraps [ErrDamaged].
func (s stamp) open(data []byte, v any) error {
	line, sum, _ := bytes.Cut(data, []byte("\n"))
	want := append(hex.AppendEncode(nil, s.sum(line)), '\n')
	if !hmac.Equal(sum, want) {
		return fmt.Errorf("%w: it is not what this vault wrote", ErrDamaged)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%w: %s", ErrDamaged, text.OneLine(err.Error()))
	}
	return nil
}

func (s stamp) sum(line []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(line)
	return mac.Sum(nil)
}
