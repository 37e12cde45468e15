// Package steps is the steps of a repair: each is one change of one cloud, a value that prints, and can be done again.
//
//	step.go  Step, and Doer, which does it
//
// It promises that nothing is removed with a directory that is not this program's own: what is foreign in it goes into the one
// that takes its place, or keeps the directory.
package steps
