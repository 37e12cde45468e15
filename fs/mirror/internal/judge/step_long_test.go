//go:build long && !race

package judge

// With the tag long, every small world is tried.
const (
	worldStep = 1
	liarStep  = 1

	histories = 20000 // of two machines, for each property
)
