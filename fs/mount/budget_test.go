//go:build !race || long

package mount

// How much is done.
const (
	rewritten = 120 << 20 // bytes, far more than a commit holds
	sought    = 2000      // entries of a directory
	removed   = 1500
	racing    = true // the test of go-fuse that makes and opens symlinks a thousand times
)
