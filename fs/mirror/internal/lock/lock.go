// Package lock is the locks of the mirror, each a type of its own, in the order
// in which they are taken. A type's lock is named as it is here in the list of
// locks of the package that has it.
//
//	Mirror.gate     read by every operation; written to close
//	Store.rounds    one round of commits at a time
//	Store.retiring  one sync of the clouds at a time, with what follows
//	Object.opening  loading the copies of one file
//	File.commit     commits of one file on their way to the clouds; where
//	                several are needed, in their order
//	Mirror.names    written by operations on names, read by everything that
//	                needs a path to stay what it is
//	File.mu         the state of one open file
//	Set.trust       what is believed of its copies
//	Table.tree      the maps of live nodes
//	Committer.mu    which files the log is kept for, and what waits for a round
//	Log.revoking    operations that failed and are in the log
//	Changes.mu      what clouds that lack changes will have to be told
//	Clouds.dropping one cloud at a time goes out
//	standing.mu     how one cloud stands
//	Queue.mu        what waits to be repaired
//	Board.mu        what was noticed in passing
//
// Under the race detector a [Mutex] or [RWMutex] knows its place in that order
// and panics where a goroutine that holds a later one takes it, whether or not
// anybody else is there to deadlock with (race.go); otherwise it is the one of
// package sync (plain.go). The redo log, the vault's state, what this machine knows (package
// memory) and the backing directories have locks of their own and call nothing above them.
//
//	lock.go  the types that stand for places in the order
package lock

// The places in the order, each the parameter of one lock's type.
type (
	Gate      struct{}
	Rounds    struct{}
	Retiring  struct{}
	Opening   struct{}
	Commit    struct{}
	Names     struct{}
	File      struct{}
	Trust     struct{}
	Tree      struct{}
	Committer struct{}
	Revoking  struct{}
	Changes   struct{}
	Dropping  struct{}
	Cloud     struct{}
	Queue     struct{}
	Notices   struct{}
)
