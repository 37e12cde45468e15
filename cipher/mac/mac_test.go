package mac

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
)

// RFC 4231, sections 4.2 to 4.8, as far as the data has 16 bytes to be the
// prefix.
func TestKnownAnswers(t *testing.T) {
	for _, v := range []struct {
		name, key, data, want string
	}{
		{"4.3", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"4.4", hex.EncodeToString(bytes.Repeat([]byte{0xaa}, 20)), hex.EncodeToString(bytes.Repeat([]byte{0xdd}, 50)),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"4.7", hex.EncodeToString(bytes.Repeat([]byte{0xaa}, 131)),
			hex.EncodeToString([]byte("Test Using Larger Than Block-Size Key - Hash Key First")),
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	} {
		t.Run(v.name, func(t *testing.T) {
			key, _ := hex.DecodeString(v.key)
			data, _ := hex.DecodeString(v.data)
			msgs := []Message{{Prefix: [16]byte(data[:16]), Body: data[16:]}}
			New(key).Sum(msgs)
			if got := hex.EncodeToString(msgs[0].Sum[:]); got != v.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func reference(key []byte, m *Message) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(m.Prefix[:])
	h.Write(m.Body)
	return h.Sum(nil)
}

func TestBatchAgainstStandardLibrary(t *testing.T) {
	key := []byte("a key")
	msgs := make([]Message, 40)
	for i := range msgs {
		msgs[i] = Message{Prefix: [16]byte{byte(i)}, Body: bytes.Repeat([]byte{byte(i)}, 13*i)}
	}
	New(key).Sum(msgs)
	for i := range msgs {
		if !bytes.Equal(msgs[i].Sum[:], reference(key, &msgs[i])) {
			t.Errorf("message %d differs", i)
		}
	}
}

func TestRedacted(t *testing.T) {
	k := New(make([]byte, 32))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "[redacted]" {
			t.Errorf("%s printed %q", verb, got)
		}
	}
}
