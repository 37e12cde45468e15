// Package cloud is one cloud's backing directory: the folder that some sync
// client carries to a provider. It knows entry names and bytes, and nothing of
// keys, plaintext or other clouds.
//
// [Dir] and [File] are the contract. [OpenDir] gives the real thing;
// cloudtest holds doubles that inject errors, tear writes and crash after any
// operation, and conformance is the suite that all of them must pass.
//
//	cloud.go    the contract, its types and sentinels
//	path.go     what is a path
//	dir.go      the real directory: opening, Check, statfs, syncs
//	resolve.go  from a path to a descriptor, through no symbolic link
//	parents.go  the directories that stay open for the next operation
//	entries.go  operations on names
//	attrs.go    attributes, by path
//	file.go     an open file
//	handle.go   what names an inode for good
//	errors.go   errors with what and where
//	bounded.go  Bounded, a directory that may stop to answer, and its files
//	probe.go    Probe: what a directory's filesystem can do
//	limited.go  Limited, a directory of which that is known
//	answer.go   how its calls are made, given up and waited for
//
// What the package promises:
//
//   - Nothing outside the directory is ever touched, and no symbolic link
//     inside it is ever followed, whoever planted it and however it races. A
//     link on the way is ENOTDIR. FIFOs, sockets and devices are never handed
//     out as a [File]. A directory inside that somebody else moves away, even
//     out of it, can still be acted in for a second (parents.go).
//   - The directory is held open. Renaming or unmounting it, or mounting over
//     it, does not redirect an operation; [Dir.Check] notices.
//   - An operation that fails has changed nothing, except that a failed
//     WriteAt may have written any part of its bytes, and that after a failed
//     Sync, SyncDir or Syncfs nothing written since the last good one is
//     certain, not even when a later one succeeds.
//
// With [Bounded] there is a third way to fail, [ErrNoAnswer], after which an
// operation may be done or not, or may yet be.
//
// What it never does: create, repair or delete anything by itself; retry;
// remember anything about entries or bytes; log.
//
// # Locks, in the order in which they are taken
//
//	dir.modes   lending a file's owner permission bits, against what reads or sets them
//	parents.mu  which directories are open
//
// line.mu, which session calls go through and what that one holds, is taken with
// none of them; no call of a directory is made under it.
package cloud
