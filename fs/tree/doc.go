// Package tree copies trees of files in and out of a vault, as cp -a does: with
// modes, mtimes, symlinks, hard links, holes and, for root, owners.
//
//	tree.go      Tree, and what is at one name of it
//	local.go     the local file system, and a vault that is mounted
//	mirror.go    a vault that is open and not mounted
//	resolve.go   paths of a tree: symlinks are followed and never lead out
//	copy.go      copying from one tree to another
//	side.go      what the paths that a user types mean, on either side
//	transfer.go  what a user asked to be copied, as jobs
//	quote.go     names in messages and lists
//
// A copy takes its name when it is complete; what cannot be copied is told, and
// the rest is copied all the same. Nothing is ever removed but a copy that
// failed half-way.
package tree
