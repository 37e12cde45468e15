// Package journal is what the redo log says: one entry for an operation, and
// what a list of entries comes to. It is pure: it reads no log and no cloud.
//
//	entry.go  Entry, and how it lies in the log
//	json.go   an Entry's head as JSON
//	fold.go   Fold: what is to be at each name that the entries touch
//	told.go   what the log tells of, and what not
//	again.go  what the log says of one file, said again at its end
//	thing.go  Thing, a file or directory wherever it is; Slot; Backing
//	spans.go  Spans, a set of chunk indices
package journal
