package cipher

// Bits of modes, as stat has them.
const (
	permissions = 0o777
	ownerRead   = 0o400
	setAndStick = 0o7000

	// headerDecides, the sticky bit of a backing file, says that mode and mtime
	// are the header's. A directory's mode is its own.
	headerDecides = 0o1000
)

// BackingMode returns the mode of the backing file of a file with this mode, so
// that stat of the one tells the other, or tells that it does not: the owner can
// always read it, and it is never set to run as somebody. With moved its mtime is
// not the file's either: bytes have changed while size and mtime did not, as
// after a repair, and only another mtime makes sync tools look.
func BackingMode(mode uint32, moved bool) uint32 {
	backing := mode&permissions | ownerRead
	if moved || mode&ownerRead == 0 || mode&setAndStick != 0 {
		backing |= headerDecides
	}
	return backing
}

// HeaderDecides reports whether only the header tells the mode and the mtime of
// a file whose backing file has this mode.
func HeaderDecides(backing uint32) bool { return backing&headerDecides != 0 }
