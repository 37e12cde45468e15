// Package telling is how what this machine knows comes to be true: the transactions with which package memory becomes the
// index, and what the index is told at mount of what the redo log says and the clouds show. While the mirror works it tells
// of each change itself.
//
//	keeper.go   Keeper: the memory with its transactions, and an index that is lost
//	record.go   what was removed is on record before the log lets it go
//	past.go     what is known of names that are not any more, also by those records
//	retell.go   at mount: the log of earlier runs becomes rows of the index
//	left.go     what it says of files that have lost a name and have another
//	waits.go    and of which others are not told yet
//	showing.go  what the clouds show of a name that the log tells of
//	version.go  what the index keeps of a header
//
// It promises that nothing is told that neither some cloud shows nor the log alone has; that an index that is lost, or is
// another one than the log knows, has the clouds that owe anything compared whole; and that a transaction that fails loses
// nothing.
//
// # Locks
//
// It is not held while anything of the mirror is called, but for the log:
//
//	Waits.mu  what waits
package telling
