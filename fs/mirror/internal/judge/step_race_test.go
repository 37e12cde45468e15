//go:build race

package judge

// Under the race detector, one small world in so many is tried.
const (
	worldStep = 61
	liarStep  = 47

	histories = 100 // of two machines, for each property
)
