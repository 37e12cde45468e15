package cipher

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// Temporary files are named so that most sync tools skip them.
const (
	tempPrefix = ".~"
	tempSuffix = ".tmp"
)

// tempRandom is how many random bytes are in the name of a temporary file.
const tempRandom = 10

// NewTempName draws the name of a temporary file: ".~" ‖ random ‖ ".tmp".
func NewTempName() EntryName {
	var random [tempRandom]byte
	rand.Read(random[:])
	return EntryName(tempPrefix + entryEncoding.EncodeToString(random[:]) + tempSuffix)
}

// TempNameOf is the name of the temporary file that a number stands for: what
// is begun under it is found again.
func TempNameOf(n uint64) EntryName {
	return EntryName(fmt.Sprintf("%s%016x%s", tempPrefix, n, tempSuffix))
}

// IsTemp reports whether an entry is named as temporary files are, this
// program's or another's. It is never a file's name.
func (e EntryName) IsTemp() bool {
	_, ok := e.tempMiddle()
	return ok
}

// MayBeOwnTemp reports whether this package has named the entry. Only
// such a file may be removed as litter; other programs' are foreign.
func (e EntryName) MayBeOwnTemp() bool {
	middle, ok := e.tempMiddle()
	return ok && len(middle) == entryEncoding.EncodedLen(tempRandom) && strings.Trim(middle, digits) == ""
}

func (e EntryName) tempMiddle() (middle string, ok bool) {
	middle, ok = strings.CutPrefix(string(e), tempPrefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(middle, tempSuffix)
}
