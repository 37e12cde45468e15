//go:build !long

package mirror_test

// How much is tried: with the race detector, all of it in a minute.
const (
	everyNth        = 5 // operation of a fixed story is a crash
	crashesPerStory = 6
	cutsPerCrash    = uint64(2)
)

// storySeeds are the seeds of the random stories, from first up to below stop.
func storySeeds() (first, stop uint64) { return 0, 6 }
