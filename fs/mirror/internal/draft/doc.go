// Package draft is a file as programs see it now: its present length, attributes
// and plaintext, over layers of changes and the copies in the clouds. It reads
// them and changes them; how a draft becomes a version is package content's.
//
// A chunk that no version covers and no cloud has is written straight to every
// cloud: it is direct. Every other change goes into the layer of the draft, as a
// whole chunk, and as it is into the log. acc is kept up to date with both: a
// chunk of the draft's layer counts for nothing until it is sealed.
//
// A file that nobody can see any more is written in place, as soon as the log durably
// says that its name is gone: what a crash leaves of it is no matter then, so it needs
// no log, and no memory for long. The headers stay as they are, so that no replay
// takes it for newer than what was removed.
//
//	draft.go    Draft, and what it needs
//	read.go     reading plaintext
//	write.go    direct writes, and chunks of the draft's layer
//	filled.go   the chunks that can hold anything; the rest is holes
//	truncate.go length changes and holes
//	version.go  the draft as a version; one that needs no commit
//
// The caller holds the file's lock: shared for what reads, alone for what
// changes, and then the log names the file and the copies can be written.
package draft
