package cipher_test

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"github.com/overcast-fs/overcast/cipher"
)

// A backing file is written from a plaintext and read again, with one cloud's
// key and nothing else.
func Example() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	cloud, err := cipher.NewCloud(cipher.CloudParams{
		Key: cipher.NewKey(), VaultID: cipher.NewID(), CloudID: cipher.NewID(),
		Suite: cipher.AES256, ChunkLog2: cipher.MinChunkLog2,
	})
	must(err)
	defer cloud.Wipe()

	// The writer: records first, then the header that covers them.
	plain := bytes.Repeat([]byte("overcast "), 1000)
	var salt [16]byte
	rand.Read(salt[:])
	file, err := cloud.NewFile(cipher.TypeFile, salt)
	must(err)
	defer file.Wipe()
	ids := make([]cipher.WriteID, file.Layout().Records(int64(len(plain))))
	for i := range ids {
		var random [6]byte
		rand.Read(random[:])
		ids[i] = cipher.NewWriteID(7, uint64(i+1), random)
	}
	size, err := file.Layout().CipherSize(int64(len(plain)))
	must(err)
	backing := make([]byte, size)
	must(file.Seal(backing[cipher.HeaderSize:], plain, 0, ids))
	header := cipher.Header{
		Type: cipher.TypeFile, Salt: salt, FileID: cipher.NewID(), CommitID: cipher.NewID(),
		Mode: 0o644, Length: int64(len(plain)),
		Version: cipher.Vector{{Writer: 7, Counter: uint64(len(ids))}},
	}
	file.Terms(&header.Acc, 0, ids, nil)
	raw, err := file.SealCommitHeader(&header)
	must(err)
	copy(backing, raw)

	// The reader: a record is served if it verifies and the header covers it.
	opened, keys, err := cloud.OpenHeader(backing[:cipher.HeaderSize])
	must(err)
	defer keys.Wipe()
	states := make([]cipher.RecordState, len(ids))
	got := make([]byte, opened.Length)
	must(keys.Open(got, backing[cipher.HeaderSize:], 0, ids, states))
	var acc cipher.Acc
	keys.Terms(&acc, 0, ids, states)
	fmt.Println(bytes.Equal(got, plain), states, opened.Version.Covers(ids[2]), acc == opened.Acc)

	// Output: true [ok ok ok] true true
}
