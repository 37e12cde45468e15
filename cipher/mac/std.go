package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// stdKey is the standard library's HMAC. Each instance keeps its inner and
// outer state across messages, and instances are reused, so that Sum does not
// allocate.
type stdKey struct {
	instances sync.Pool
}

func newStdKey(key []byte) *stdKey {
	key = append([]byte(nil), key...)
	return &stdKey{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (k *stdKey) sum(msgs []Message) {
	h := k.instances.Get().(hash.Hash)
	defer k.instances.Put(h)
	for i := range msgs {
		m := &msgs[i]
		h.Reset()
		h.Write(m.Prefix[:])
		h.Write(m.Body)
		h.Sum(m.Sum[:0])
	}
}
