//go:build !race || long

package redo

const (
	crashSeeds = 16 // histories that are crashed at every operation
	cutSeeds   = 20 // power cuts of one state
)
