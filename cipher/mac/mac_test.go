package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// RFC 4231, sections 4.2 to 4.8, as far as the data has the 16 bytes of the
// prefix.
var rfc4231 = []struct{ name, key, data, want string }{
	{"4.3", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{"4.4", strings.Repeat("aa", 20), strings.Repeat("dd", 50),
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{"4.5", "0102030405060708090a0b0c0d0e0f10111213141516171819", strings.Repeat("cd", 50),
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{"4.7", strings.Repeat("aa", 131), hex.EncodeToString([]byte("Test Using Larger Than Block-Size Key - Hash Key First")),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{"4.8", strings.Repeat("aa", 131), hex.EncodeToString([]byte("This is a test using a larger than block-size key and a larger than block-size data. " +
		"The key needs to be hashed before being used by the HMAC algorithm.")),
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
}

func TestKnownAnswers(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		for _, v := range rfc4231 {
			key, _ := hex.DecodeString(v.key)
			data, _ := hex.DecodeString(v.data)
			for _, n := range []int{1, 2, 3, 16, 17} {
				msgs := make([]Message, n)
				for i := range msgs {
					msgs[i] = Message{Prefix: [16]byte(data), Body: data[16:]}
				}
				im.new(key).Sum(msgs)
				for i := range msgs {
					if got := hex.EncodeToString(msgs[i].Sum[:]); got != v.want {
						t.Errorf("section %s, message %d of %d: %s", v.name, i, n, got)
					}
				}
			}
		}
	})
}

func reference(key []byte, m *Message) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(m.Prefix[:])
	h.Write(m.Body)
	return h.Sum(nil)
}

func TestRedacted(t *testing.T) {
	k := New(make([]byte, 32))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "[redacted]" {
			t.Errorf("%s printed %q", verb, got)
		}
	}
}
