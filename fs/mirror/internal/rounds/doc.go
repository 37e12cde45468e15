// Package rounds is when commits happen, of which files, and from where on the log is kept. It knows files only as something
// that can be held.
//
//	committer.go  Committer: the background's rounds, the queue, and the entries that the log must keep
//
// It promises that a file which is handed to it is held until its round; and that the log keeps every entry of a file from the
// first one on, until nothing of the file is on its way.
//
// # Locks
//
//	Committer.mu    which files the log is kept for, and what waits for a round
package rounds
