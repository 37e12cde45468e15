//go:build race && !long

package index

// Sizes under the race detector, in the run that everybody waits for.
const (
	room  = 8 << 20
	flips = 2
)
