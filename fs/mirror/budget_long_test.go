//go:build long

package mirror_test

// How much is tried.
const (
	everyNth          = 1 // operation of a fixed story is a crash
	everyHard         = 1
	everyScene        = 1
	everyLogged       = 1
	crashesPerHistory = 6
	someHistories     = 12500 // of 24 stories each
	faultSeeds        = 1000  // of each kind
	attackSeeds       = 1000
	closeRounds       = 200
	returnSeeds       = 2000
	killedReturns     = 100
	loadedReturns     = 1000
	epochSeeds        = 3000
)
