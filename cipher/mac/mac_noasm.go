//go:build !amd64 || purego

package mac

// Key is a prepared HMAC key. It is safe for concurrent use, except Wipe.
type Key struct {
	std *stdKey
}

// Kernel names the implementation in use.
func Kernel() string { return "standard library" }

func newKey(key []byte) *Key { return &Key{newStdKey(key)} }

// Wipe drops the key. Using it afterwards panics.
func (k *Key) Wipe() { k.std = nil }

func (k *Key) sum(msgs []Message) { k.std.sum(msgs) }
