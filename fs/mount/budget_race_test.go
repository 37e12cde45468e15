//go:build race && !long

package mount

// How much is done with the race detector, which makes each round trip six times as long. The same tests run without it.
const (
	rewritten = 40 << 20 // bytes, more than a commit holds
	sought    = 400      // entries of a directory
	removed   = 300
	racing    = false
)
