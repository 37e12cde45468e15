package cipher

import (
	"crypto/aes"
	stdcipher "crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

// stdlibSealer seals and opens full chunks as anybody would with the standard
// library: CBC, then HMAC, chunk after chunk. It is what the ratios are to.
type stdlibSealer struct {
	block stdcipher.Block
	key   []byte
}

func newStdlibSealer(b *testing.B) *stdlibSealer {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	return &stdlibSealer{block, make([]byte, 32)}
}

func (s *stdlibSealer) seal(records, plain []byte, chunk int) {
	tag := hmac.New(sha256.New, s.key)
	for len(plain) > 0 {
		record := records[:chunk+RecordOverhead]
		body := record[:IVSize+chunk]
		stdcipher.NewCBCEncrypter(s.block, body[:IVSize]).CryptBlocks(body[IVSize:], plain[:chunk])
		tag.Reset()
		tag.Write(body)
		tag.Sum(body)
		records, plain = records[len(record):], plain[chunk:]
	}
}

func (s *stdlibSealer) open(plain, records []byte, chunk int) {
	var sum [sha256.Size]byte
	tag := hmac.New(sha256.New, s.key)
	for len(plain) > 0 {
		record := records[:chunk+RecordOverhead]
		body := record[:IVSize+chunk]
		tag.Reset()
		tag.Write(body)
		tag.Sum(sum[:0])
		stdcipher.NewCBCDecrypter(s.block, body[:IVSize]).CryptBlocks(plain[:chunk], body[IVSize:])
		records, plain = records[len(record):], plain[chunk:]
	}
}

// benchmarkBeside runs ours for as long as the benchmark asks, and the standard
// library's for a moment, and reports how many times faster ours is.
func benchmarkBeside(b *testing.B, bytes int, ours, theirs func()) {
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		ours()
	}
	perCall := b.Elapsed() / time.Duration(b.N)
	best := time.Duration(1 << 62)
	for range 20 {
		start := time.Now()
		theirs()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best)/float64(perCall), "x-stdlib")
}

func BenchmarkRecords(b *testing.B) {
	for _, shape := range []struct {
		chunkLog2 uint8
		count     int
	}{{12, 1}, {12, 32}, {12, 256}, {16, 1}, {16, 16}, {20, 16}} {
		f := testFile(b, AES256, shape.chunkLog2)
		chunk := int(f.layout.ChunkSize())
		records, want := sealed(b, f, shape.count*chunk, 0)
		other, std := make([]byte, len(records)), newStdlibSealer(b)
		name := fmt.Sprintf("%dx%dKiB", shape.count, chunk>>10)
		b.Run("seal-"+name, func(b *testing.B) {
			benchmarkBeside(b, len(want.plain),
				func() { _ = f.Seal(records, want.plain, 0, want.ids) },
				func() { std.seal(other, want.plain, chunk) })
		})
		b.Run("open-"+name, func(b *testing.B) {
			benchmarkBeside(b, len(want.plain),
				func() { _ = f.Open(want.plain, records, 0, want.ids, want.states) },
				func() { std.open(want.plain, other, chunk) })
		})
	}
}

func BenchmarkHeader(b *testing.B) {
	c := testCloud(b, AES256, MinChunkLog2)
	f := testFile(b, AES256, MinChunkLog2)
	raw, err := f.SealCommitHeader(testHeader())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("new-file", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.NewFile(TypeFile, [16]byte{5})
		}
	})
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = f.SealCommitHeader(testHeader())
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = c.OpenHeader(raw)
		}
	})
}

func BenchmarkNames(b *testing.B) {
	c := testCloud(b, AES256, MinChunkLog2)
	for _, name := range []PlainName{"report.pdf", PlainName(strings.Repeat("n", 255))} {
		n := encode(b, c, name)
		sidecar := sidecarOf(n)
		b.Run(fmt.Sprintf("encode-%d", len(name)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.EncodeName(name)
			}
		})
		b.Run(fmt.Sprintf("decode-%d", len(name)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.DecodeEntry(n.Entry, sidecar)
			}
		})
	}
}
