//go:build !long && !race

package judge

// Every small world is tried.
const (
	worldStep = 1
	liarStep  = 1

	histories = 1500 // of two machines, for each property
)
