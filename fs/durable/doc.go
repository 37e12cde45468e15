// Package durable replaces a file so that whoever finds it finds a whole one.
//
// It is the one place where this is done for files outside of the clouds: the
// new content grows under a temporary name in the same directory, is written,
// synced and closed, and only then takes its name, whose directory is synced
// last. After a power cut at any instant the name leads to what was there
// before or to all of the new content, and after a return without error
// certainly to the new content.
//
//	durable.go  Replace, for bytes; Create, Commit and Discard, for a stream
//	disk.go     the steps, one method for each that can fail
//
// It never leaves a temporary file behind, unless the process is killed; the
// names of those are ones that sync tools skip, and [RemoveTemps] finds them.
package durable
