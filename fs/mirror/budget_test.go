//go:build !long

package mirror_test

// How much is tried: with the race detector, all of it in a minute.
const (
	everyNth          = 5 // operation of a fixed story is a crash
	crashesPerHistory = 6
	someHistories     = 12
	faultSeeds        = 8 // of each kind
	attackSeeds       = 12
	closeRounds       = 20
)
