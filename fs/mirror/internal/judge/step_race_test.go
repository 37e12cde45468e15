//go:build race

package judge

// Under the race detector, which has little to find in a pure function, one small world in so many is tried.
const (
	worldStep = 499
	liarStep  = 97

	histories = 50 // of two machines, for each property
)
