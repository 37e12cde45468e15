package cipher

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// An ID is 16 random bytes that name a vault, a cloud, a file or a commit. It
// is not secret. Its text form is 32 hexadecimal digits.
type ID [16]byte

// NewID draws a random ID.
func NewID() ID {
	var id ID
	rand.Read(id[:])
	return id
}

// IsZero reports whether no ID was set; a random one is never zero.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the ID as 32 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements [encoding.TextMarshaler] as [ID.String] writes it.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. On an error the ID is
// left as it was.
func (id *ID) UnmarshalText(text []byte) error {
	var parsed ID
	if len(text) != hex.EncodedLen(len(parsed)) {
		return fmt.Errorf("cipher: id of %d characters, want %d hexadecimal digits", len(text), hex.EncodedLen(len(parsed)))
	}
	if _, err := hex.Decode(parsed[:], text); err != nil {
		return fmt.Errorf("cipher: id: %w", err)
	}
	*id = parsed
	return nil
}

// A WriteID names one write of one chunk, the same in every cloud:
//
//	writer u32 ‖ counter u48 ‖ 6 random bytes
//
// No two writes ever share one: encrypted, it is the IV of the chunk's record.
type WriteID [16]byte

// NewWriteID puts a write id together. The counter is cut to its 48 bits; a
// counter of 0 or of [MaxCounter] and more is refused when it is sealed.
func NewWriteID(writer uint32, counter uint64, random [6]byte) WriteID {
	var id WriteID
	var c [8]byte
	binary.BigEndian.PutUint32(id[:4], writer)
	binary.BigEndian.PutUint64(c[:], counter)
	copy(id[4:10], c[2:])
	copy(id[10:], random[:])
	return id
}

// NewWriter draws what names one machine in the versions of one vault. It is
// never 0.
func NewWriter() (writer uint32) {
	for writer == 0 {
		var random [4]byte
		rand.Read(random[:])
		writer = binary.BigEndian.Uint32(random[:])
	}
	return writer
}

// Writer returns the machine that wrote the chunk.
func (id WriteID) Writer() uint32 { return binary.BigEndian.Uint32(id[:4]) }

// Counter returns the writer's counter at that write.
func (id WriteID) Counter() uint64 {
	return uint64(binary.BigEndian.Uint16(id[4:6]))<<32 | uint64(binary.BigEndian.Uint32(id[6:10]))
}

// IsZero reports whether no write id was set, as for a hole.
func (id WriteID) IsZero() bool { return id == WriteID{} }

// String returns writer, counter and randomness in hexadecimal.
func (id WriteID) String() string {
	return fmt.Sprintf("%08x.%012x.%x", id.Writer(), id.Counter(), id[10:])
}
