// Package conformance is the contract of [cloud.Dir] as a suite of tests. The real directory, every double and whatever wraps
// one of them must pass it.
//
//	conformance.go  Run, and what fits nowhere else: paths, modes, concurrent use
//	names.go        entries: listing, removing, renaming, exchanging, linking
//	attrs.go        attributes, times, extended attributes; statfs, Check and Close
//	data.go         reading, writing, holes, syncing
//	handles.go      handles, also of inodes whose numbers were given again
//	helpers.go      calls that must succeed, or be refused in the one right way
package conformance
