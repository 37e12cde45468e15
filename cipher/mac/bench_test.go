package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"testing"
)

func benchMessages(n int) []Message {
	msgs := make([]Message, n)
	buf := make([]byte, n*(4096+48))
	for i := range msgs {
		msgs[i].Body = buf[i*(4096+48):][:4096+16]
	}
	return msgs
}

func BenchmarkSum(b *testing.B) {
	for _, im := range implementations {
		if !im.available {
			continue
		}
		for _, n := range []int{1, 2, 4, 6, 8, 16, 32} {
			b.Run(fmt.Sprintf("%s/%dx4KiB", im.name, n), func(b *testing.B) {
				k := im.new(make([]byte, 32))
				msgs := benchMessages(n)
				b.SetBytes(int64(4096 * n))
				b.ReportAllocs()
				for b.Loop() {
					k.Sum(msgs)
				}
			})
		}
	}
}

func BenchmarkStd(b *testing.B) {
	h := hmac.New(sha256.New, make([]byte, 32))
	msgs := benchMessages(1)
	b.SetBytes(4096)
	for b.Loop() {
		h.Reset()
		h.Write(msgs[0].Prefix[:])
		h.Write(msgs[0].Body)
		h.Sum(msgs[0].Sum[:0])
	}
}
