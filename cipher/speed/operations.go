package speed

import (
	"bytes"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// A batch is 32 chunks of 4 KiB, as one large write makes it.
const (
	chunk  = 4096
	count  = 32
	record = chunk + cipher.RecordOverhead
)

// operations prepares all rows, with AES-256 throughout. The data does not
// matter, since nothing is as fast or as slow as it is.
func operations() ([]operation, error) {
	std, err := newStdlib()
	if err != nil {
		return nil, err
	}
	c, err := cbc.New(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	other, err := cbc.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return nil, err
	}
	seal, open, err := records(std)
	if err != nil {
		return nil, err
	}
	return []operation{
		decrypt("cbc-decrypt-4KiB", c, std, chunk),
		decrypt("cbc-decrypt-64KiB", c, std, 64<<10),
		encrypt(c, std),
		twoKeys(c, other, std),
		authenticate(std),
		seal,
		open,
	}, nil
}

func decrypt(name string, c *cbc.Cipher, std *stdlib, n int) operation {
	lanes := []cbc.Lane{{IV: new([16]byte), Dst: make([]byte, n), Src: make([]byte, n)}}
	return operation{name, n,
		func() { c.Decrypt(lanes) },
		func() { std.decrypt(lanes[0]) },
	}
}

// newLanes makes n lanes from chunks side by side into records side by side.
func newLanes(n int) []cbc.Lane {
	plain, records := make([]byte, n*chunk), make([]byte, n*record)
	lanes := make([]cbc.Lane, n)
	for i := range lanes {
		lanes[i] = cbc.Lane{
			IV: new([16]byte), Dst: records[i*record+cipher.IVSize:][:chunk], Src: plain[i*chunk:][:chunk],
		}
	}
	return lanes
}

func encrypt(c *cbc.Cipher, std *stdlib) operation {
	lanes := newLanes(count)
	return operation{"cbc-encrypt-32x4KiB", count * chunk,
		func() { c.Encrypt(lanes) },
		func() {
			for _, l := range lanes {
				std.encrypt(l)
			}
		},
	}
}

func twoKeys(one, two *cbc.Cipher, std *stdlib) operation {
	lanes := newLanes(2)
	keyed := []cbc.KeyLane{{Cipher: one, Lane: lanes[0]}, {Cipher: two, Lane: lanes[1]}}
	return operation{"cbc-encrypt-2keys-4KiB", 2 * chunk,
		func() { cbc.EncryptKeys(keyed) },
		func() {
			std.encrypt(lanes[0])
			std.encrypt(lanes[1])
		},
	}
}

func authenticate(std *stdlib) operation {
	records := make([]byte, count*record)
	msgs := make([]mac.Message, count)
	for i := range msgs {
		msgs[i].Body = records[i*record:][:cipher.IVSize+chunk]
	}
	k := mac.New(make([]byte, 32))
	return operation{"mac-32x4KiB", count * chunk,
		func() { k.Sum(msgs) },
		func() {
			for i := range msgs {
				std.sum(&msgs[i])
			}
		},
	}
}

// records are the two operations on a batch as package cipher does them.
func records(std *stdlib) (seal, open operation, err error) {
	cloud, err := cipher.NewCloud(cipher.CloudParams{
		Key: new(cipher.Key), Suite: cipher.AES256, ChunkLog2: cipher.MinChunkLog2,
	})
	if err != nil {
		return seal, open, err
	}
	f, err := cloud.NewFile(cipher.TypeFile, [16]byte{})
	if err != nil {
		return seal, open, err
	}
	plain, sealed, stdSealed := make([]byte, count*chunk), make([]byte, count*record), make([]byte, count*record)
	ids, states := make([]cipher.WriteID, count), make([]cipher.RecordState, count)
	for i := range ids {
		ids[i] = cipher.NewWriteID(1, uint64(1+i), [6]byte{})
	}
	if err := f.Seal(sealed, plain, 0, ids); err != nil {
		return seal, open, err
	}
	std.seal(stdSealed, plain, ids)
	// Neither can fail any more: the shapes are the same every time.
	seal = operation{"seal-32x4KiB", count * chunk,
		func() { _ = f.Seal(sealed, plain, 0, ids) },
		func() { std.seal(stdSealed, plain, ids) },
	}
	open = operation{"open-32x4KiB", count * chunk,
		func() { _ = f.Open(plain, sealed, 0, ids, states) },
		func() { std.open(plain, stdSealed, ids) },
	}
	return seal, open, nil
}
