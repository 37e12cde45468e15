//go:build long && !race

package judge

// With the tag long, two machines do more.
const (
	worldStep = 1
	liarStep  = 1

	histories = 20000 // of two machines, for each property
)
