//go:build !long

package repair_test

// How much is tried.
const (
	killsPerScene = 25 // at most, over the operations of a replay
	cutsPerScene  = 4
)

// seeds are those of the random scenes, from first up to below stop.
func seeds() (first, stop uint64) { return 0, 60 }
