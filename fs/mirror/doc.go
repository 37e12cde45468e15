// Package mirror is the encrypted filesystem over all clouds of a vault,
// complete without FUSE: names, open files, reading, writing, commits,
// versions and recovery.
//
// It promises that committed bytes are safe at every instant, with one cloud
// as with five. Records that no committed version covers go straight to every
// cloud. Every other change is kept in memory and, sealed, in the redo log
// until a commit applies it to cloud after cloud, never to two at a time. A
// cloud that fails while another one works is put behind, durably, and work
// goes on. Nothing is served that did not verify.
//
// It never parses a FUSE request, never knows an errno number, and never
// writes to a cloud that is absent or behind. Which those are, and what becomes of
// a change that one of them does not make, is package clouds'.
//
// # Where things are
//
//	mirror.go    Config, New, Close: the parts put together
//	node.go      files and directories by name, path and inode
//	lookup.go    the merged view of names: lookup, attributes, directories
//	create.go    create, mkdir, link
//	special.go   symlink, mknod, readlink
//	remove.go    unlink, rmdir
//	rename.go    rename, with takeover of the replaced file's identity
//	exchange.go  rename that exchanges two names
//	setattr.go   chmod, chown, utimens
//	xattr.go     extended attributes
//	copies.go    the copies of one file, one in each cloud, and their comparison
//	file.go      an open file: its layers of changes that no cloud has yet
//	read.go      reading, and what is believed
//	check.go     acc: whether a set of records is the one that was committed
//	write.go     direct writes and pending changes
//	truncate.go  length changes, holes, fresh backing files
//	seal.go      a commit's entry in the log
//	apply.go     a commit's way to the clouds
//	committer.go when commits happen, and when log entries retire
//	handle.go    what an opener holds
//	append.go    entries on their way to the log, and their revocation
//	replay.go    at mount: the log is folded, and repair makes the clouds so
//	recover.go   changes without a commit, after a kill of the process
//	waiting.go   what the log keeps for the next mount, and nobody may change
//
// # Locks, in the order in which they are taken
//
//	Mirror.gate     read by every operation; written to close
//	Mirror.rounds   one round of commits at a time
//	Node.opening    loading the copies of one file
//	file.applying   commits of one file on their way to the clouds; where
//	                several are needed, in their order
//	Mirror.names    written by operations on names, read by everything that
//	                needs a path to stay what it is
//	file.mu         the state of one open file
//	file.trust      what is believed of its copies
//	Mirror.tree     the maps of live nodes
//	committer.mu    which files the log is kept for, and what waits for a round
//	Mirror.revoking operations that failed and are in the log
//
// Those of package clouds come after them. Package lock has the whole order, and
// checks it under the race detector.
package mirror
