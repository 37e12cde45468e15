package cipher

import (
	"crypto/rand"
	"strings"
)

// Temporary files are named so that most sync tools skip them.
const (
	tempPrefix = ".~"
	tempSuffix = ".tmp"
)

// NewTempName draws the name of a temporary file: ".~" ‖ random ‖ ".tmp".
func NewTempName() EntryName {
	var random [10]byte
	rand.Read(random[:])
	return EntryName(tempPrefix + entryEncoding.EncodeToString(random[:]) + tempSuffix)
}

// IsTemp reports whether an entry is named as a temporary file.
func (e EntryName) IsTemp() bool {
	return strings.HasPrefix(string(e), tempPrefix) && strings.HasSuffix(string(e), tempSuffix)
}
