// Package missed says what is to be done in a cloud that has missed changes, by the
// names of which it has and what it had there when it began to: which directories
// stand elsewhere by now, in an order in which each can be moved, and which names are
// brought over alone, or with all that is below. It is pure.
//
//	missed.go  Name, Deep
//	moves.go   Arrange: directories are moved to where they are by now
//	renames.go Move: where a name was before renames, and where it is now
//
// A directory is known by its number, and so are names by that of the directory that
// they are in. So what was changed in a directory that was moved as well is there
// wherever that stands, and nothing else in it is looked at.
package missed
