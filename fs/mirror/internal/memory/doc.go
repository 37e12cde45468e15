// Package memory is what this machine knows while it works: the index, and over it what was done since its last
// transaction. The mirror tells it of each change after that is done in the clouds; once in a while it makes all of that one
// transaction of the index, with which the redo log may be cut.
//
//	memory.go   Memory, and its answers: what was told, before the index
//	recall.go   what the index has of names that were asked for lately
//	row.go      Rows: a name with what each cloud has there, paths
//	debts.go    what clouds owe at names, and when that is paid
//	missed.go   what a cloud misses while it is out of use, name by name
//	tell.go     what the mirror tells
//	writers.go  who has ever written here
//	past.go     what it knows of names that are not any more, by paths
//	changes.go  what was told, and the index's batch that it makes
//	apply.go    transactions: when one is due, what one takes, and an index that is lost
//
// It promises that telling costs a few entries of maps and no I/O; that a transaction that fails loses nothing, since what
// it was to take is kept and taken by the next one; and that it never makes the index know what the log was not told to
// make durable first, as long as the caller keeps to the order:
//
//  1. [Memory.Begin], with no change of names under way
//  2. the log is synced, and the clouds that can be reached
//  3. [Memory.Apply]
//  4. the log is cut
//
// A kill between any two of these leaves a log that tells the rest: what the index has by then of changes that are still in
// the log is the same when it is told again.
//
// Names that were only seen are told by [Memory.Saw], which knows nothing better of them; today's lookups do not tell.
//
// # Locks
//
// In this order: Memory.numbering, held by whoever finds or draws a directory's number; Memory.mu, which guards what was
// told; the index's own. Nothing calls back into the mirror.
package memory
