package cipher

import (
	"encoding/binary"
	"fmt"
)

const deviceSize = 8

// A Device is the content of a file of [TypeChar] or [TypeBlock].
type Device struct {
	Major, Minor uint32
}

// Content returns the device as the file's 8 bytes of plaintext: major u32 ‖
// minor u32.
func (d Device) Content() []byte {
	content := binary.BigEndian.AppendUint32(nil, d.Major)
	return binary.BigEndian.AppendUint32(content, d.Minor)
}

// ParseDevice is the inverse of Content. It fails with [ErrDamaged] on another
// length.
func ParseDevice(content []byte) (Device, error) {
	if len(content) != deviceSize {
		return Device{}, fmt.Errorf("cipher: device: %w: %d bytes, want %d", ErrDamaged, len(content), deviceSize)
	}
	return Device{binary.BigEndian.Uint32(content), binary.BigEndian.Uint32(content[4:])}, nil
}
