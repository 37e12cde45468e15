// Package cloudtest holds the doubles of package cloud. They pass the suite in
// package conformance, as the real directory does.
//
//   - [Disk] is a crash domain in memory: directories ([Mem]) and logs
//     ([Store]) that share one count of mutating operations, die together
//     after any of them, and come back as a kill ([Disk.Kill]) or a power cut
//     ([Disk.PowerCut]) leaves them.
//     One run can be crashed in many ways ([Disk.SnapshotAfter]). The volumes of
//     a disk lie on disks of their own or on one filesystem ([Disk.Together]),
//     and numbers of inodes can be given again ([Disk.ReuseInodes]).
//   - [Faulty] fails operations by rule, lets them wait ([Stall]), or lets
//     somebody act before them ([Act]); [Without] are the rules of a filesystem
//     that lacks something; [ReadOnly] fails every change.
//   - [Foreign] is what a sync client, or whoever else has access, does to a
//     directory.
//
// Where things are:
//
//	disk.go        Disk: its clock, when it crashes, snapshots
//	trace.go       Op, and what an operation prints as
//	volume.go      a tree of a disk, in two sides: as programs see it, and as it is durable
//	filesystem.go  what volumes share: numbers of inodes, and the order of changes
//	data.go        a file's bytes, page by page, with what they were
//	powercut.go    Disk.PowerCut: what is left of both
//	mem.go         Mem: names
//	memattr.go     Mem: attributes, times, extended attributes, handles
//	memfile.go     an open file of Mem
//	store.go       Store, a directory for logs
//	faulty.go      Rule, Stall and Faulty
//	rules.go       Rules: which rule's turn it is
//	faultydir.go   the operations of Faulty and of its files
//	lacking.go     Feature and Without
//	readonly.go    ReadOnly
//	foreign.go     Foreign and its Moves
//
// # What a crash leaves
//
// After a kill everything done so far is there, the page cache survives the
// process. After a power cut only what was synced is certain, and the rest is
// as bad as the contract of [cloud.Dir] allows:
//
//   - Of a file's bytes each 4 KiB page is, by itself, as last synced or as at
//     any write since (at least the last four are kept). The size lies anywhere
//     between the least and the greatest that the file had since its last
//     sync. What was never written reads as zeros.
//   - Changes of names and attributes (create, mkdir, rename, link, remove,
//     chmod, chown, times, extended attributes, and the times that a write
//     moves) survive as a prefix of their order, for each directory tree by
//     itself, or for all that are Together on one filesystem. A file's bytes and its name know nothing of each other.
//   - File.Sync makes bytes and size certain, and all of the file's attributes
//     if any was set through that File; never a name. SyncDir makes the prefix
//     up to the last change in that directory certain. Syncfs everything.
//
// Every choice comes from the rng, so a seed and the printed trace of
// operations are the whole reproduction.
//
// # Locks
//
//	Segment.mu  where a segment ends; the disk's is taken under it
//	Disk.mu     everything of a disk, its volumes and handles
//	Rules.mu    which rule's turn it is; none is taken under it
package cloudtest
