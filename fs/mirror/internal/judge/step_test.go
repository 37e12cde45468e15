//go:build !long && !race

package judge

// Of all small worlds, one in so many is tried.
const (
	worldStep = 5
	liarStep  = 2

	histories = 1500 // of two machines, for each property
)
