// Package level makes two clouds show the same names, where nothing but the clouds
// tells any more what was to be: a power cut can take the end of the redo log, and
// of what that told one cloud has kept more than another.
//
// In the order of an operation the lead comes first, so what it has is the later
// state of a name, and what both have under different names gets the lead's. What
// only one has is brought to the other. Nothing is removed, and no content that
// verifies is replaced.
//
//	level.go Leveller: names of two clouds, side by side
package level
