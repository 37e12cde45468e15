//go:build !long && race

package mirror_test

// How much is tried with the race detector, all of it in two minutes: 500 stories.
const (
	everyNth          = 20 // operation of a fixed story is a crash
	everyHard         = 25 // of the seeds that have failed
	everyScene        = 7
	everyLogged       = 400
	crashesPerHistory = 6
	someHistories     = 12
	faultSeeds        = 4 // of each kind
	attackSeeds       = 2
	closeRounds       = 10
	returnSeeds       = 40
	killedReturns     = 4
	loadedReturns     = 40
	epochSeeds        = 4
)
