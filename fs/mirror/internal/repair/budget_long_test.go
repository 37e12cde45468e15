//go:build long

package repair_test

import "flag"

// How much is tried.
const (
	killsPerScene = 1 << 20
	cutsPerScene  = 20
)

var (
	firstScene = flag.Uint64("first", 0, "the seed of the first random scene")
	scenes     = flag.Uint64("scenes", 2000, "how many random scenes")
)

// seeds are those of the random scenes, from first up to below stop.
func seeds() (first, stop uint64) { return *firstScene, *firstScene + *scenes }
