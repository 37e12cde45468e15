// Package recovery brings, at mount, what the redo log of earlier runs says to the clouds, and empties it, before anybody is
// let in: the log is read and folded, package repair makes the clouds so, package telling tells the index, and after a kill of
// the process the changes that were in no version are done again.
//
//	replay.go   Replay: the order of all that
//	recover.go  changes without a version, after a kill of the process
//	waiting.go  what the log keeps, and nobody may change
//	kept.go     files that wait for a cloud that is away: said again at the log's end, and finished when it is back
//
// It promises that a mount which is killed anywhere leaves the next one to do the same; that the log keeps what no cloud could
// be given; and that a file which cannot be finished keeps nobody from the others.
//
// It has no locks.
package recovery
