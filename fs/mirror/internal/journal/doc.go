// Package journal is what the redo log says: one entry for an operation, and
// what a list of entries comes to. It is pure: it reads no log and no cloud.
//
//	entry.go  Entry, and how it lies in the log
//	spans.go  Spans, a set of chunk indices
package journal
