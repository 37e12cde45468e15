// Package notes is what is remembered of a vault for who asks how it is, with the
// names of files: what the last verifying or healing has left, what a mount has
// noticed since, and what was kept of conflicts.
//
//	notes.go  Notes: what is remembered, and what becomes of it when something new is found
//	book.go   Book: the notes of a vault in use, and their file
//
// Notes are small: a thousand findings, and as many conflicts, are kept by name,
// and the rest is counted. The file is one that durable replaces, sealed with
// AES-256-GCM under a key of its own that follows from the vault's state key. It
// holds nothing that a verifying could not find again: a damaged one counts as
// none.
//
// # Locks
//
//	Book.mu  the notes, and writing the file
package notes
