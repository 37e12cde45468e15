package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"

	"filippo.io/age"

	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// The scrypt work factors, as powers of two. A key derivation takes 2^factor
// KiB of memory; the default is age's own, about a second.
const (
	DefaultWorkFactor = 18
	MinWorkFactor     = 1
	MaxWorkFactor     = 20 // in a file that was not made here, too
)

// Open decrypts and parses what [Keys.Seal] made. The error wraps
// [ErrWrongPassphrase], [ErrWrongIdentity], [ErrIdentity], [ErrWorkFactor],
// [ErrDamaged] or [ErrUnknownFormat]. The caller wipes the keys.
func Open(sealed []byte, identities ...age.Identity) (*Keys, error) {
	reader, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	switch {
	case errors.Is(err, ErrWrongPassphrase), errors.Is(err, ErrWorkFactor), errors.Is(err, ErrIdentity):
		return nil, err
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, ErrWrongIdentity
	case err != nil:
		return nil, fmt.Errorf("%w: %s", ErrDamaged, text.OneLine(err.Error()))
	}
	plain, err := io.ReadAll(reader)
	defer clear(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, text.OneLine(err.Error()))
	}
	return Parse(plain)
}

// Passphrase opens files that are sealed with one passphrase, after it has seen
// what the file asks for.
type Passphrase []byte

// Unwrap implements [age.Identity].
func (p Passphrase) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(p) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrWrongPassphrase)
	}
	if !forPassphrase(stanzas) {
		return nil, errors.New("not encrypted with a passphrase")
	}
	factor, err := strconv.ParseUint(stanzas[0].Args[1], 10, 64)
	if err != nil || factor > MaxWorkFactor {
		return nil, fmt.Errorf("%w: it asks for 2^%s, at most 2^%d is done", ErrWorkFactor, text.OneLine(stanzas[0].Args[1]), MaxWorkFactor)
	}
	scrypt, err := age.NewScryptIdentity(string(p))
	if err != nil {
		return nil, err
	}
	scrypt.SetMaxWorkFactor(MaxWorkFactor)
	defer release(int(factor))
	key, err := scrypt.Unwrap(stanzas)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		err = ErrWrongPassphrase
	}
	return key, err
}

func forPassphrase(stanzas []*age.Stanza) bool {
	return len(stanzas) == 1 && stanzas[0].Type == "scrypt" && len(stanzas[0].Args) == 2
}

// release gives the memory of a key derivation back at once: up to a gigabyte,
// which nothing will ever read and the collector would be slow to return.
func release(workFactor int) {
	const worthwhile = 14 // 16 MiB
	if workFactor >= worthwhile {
		debug.FreeOSMemory()
	}
}

// WorkFactor tells how hard it is to try a passphrase on a file, and 0 of one
// that no passphrase opens.
func WorkFactor(sealed []byte) int {
	_, rest, _ := strings.Cut(string(sealed[:min(len(sealed), 200)]), "\n-> scrypt ")
	line, _, _ := strings.Cut(rest, "\n")
	_, factor, _ := strings.Cut(line, " ")
	n, err := strconv.Atoi(factor)
	if err != nil || n < MinWorkFactor || n > MaxWorkFactor {
		return 0
	}
	return n
}

// Seal is the inverse of [Open], for recipients.
func (k *Keys) Seal(recipients ...age.Recipient) ([]byte, error) {
	plain, err := k.Encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var sealed bytes.Buffer
	writer, err := age.Encrypt(&sealed, recipients...)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// SealPassphrase is the inverse of [Open], for a passphrase.
func (k *Keys) SealPassphrase(passphrase []byte, workFactor int) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(workFactor)
	defer release(workFactor)
	return k.Seal(recipient)
}
