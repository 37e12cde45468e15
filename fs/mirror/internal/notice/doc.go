// Package notice gathers what the mirror notices in passing and somebody should be
// told: copies of which records do not verify, and what was kept of conflicts.
// Nothing waits for it, and of very much the first is kept.
//
//	notice.go  Board: what was noticed, until somebody takes it
//
// # Locks
//
//	Board.mu  what was noticed
package notice
