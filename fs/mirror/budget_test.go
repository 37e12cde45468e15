//go:build !long && !race

package mirror_test

// How much is tried: 5,000 stories in all.
const (
	everyNth          = 5 // operation of a fixed story is a crash
	everyHard         = 1 // all seeds that have failed
	everyScene        = 4 // scene of those that differ in little
	everyLogged       = 29
	crashesPerHistory = 6
	someHistories     = 140
	faultSeeds        = 8 // of each kind
	attackSeeds       = 12
	closeRounds       = 20
	returnSeeds       = 200
	killedReturns     = 12
	loadedReturns     = 100
	epochSeeds        = 40
)
