//go:build race && !long

package redo

// Under the race detector, in the run that everybody waits for.
const (
	crashSeeds = 6 // histories that are crashed at every operation
	cutSeeds   = 6 // power cuts of one state
)
