//go:build long

package mirror_test

import "flag"

// How much is tried.
const (
	everyNth        = 1 // operation of a fixed story is a crash
	crashesPerStory = 12
	cutsPerCrash    = uint64(2)
)

var (
	firstStory = flag.Uint64("first", 0, "the seed of the first random story")
	stories    = flag.Uint64("stories", 300, "how many random stories")
)

// storySeeds are the seeds of the random stories, from first up to below stop.
func storySeeds() (first, stop uint64) { return *firstStory, *firstStory + *stories }
