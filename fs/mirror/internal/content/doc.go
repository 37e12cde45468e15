// Package content is one open file over all clouds: its changes, their way to
// the clouds, and when they go it. It knows names only through [Place], which
// tells where a file is now.
//
// # The life of a write
//
// A file has a present state, which programs see (package draft); a sealed
// version, the last one of which the log was told; and a stored version, the one
// that the clouds' headers have. A commit is a value: from the stored version, to
// a next one, by a layer of changes. life.go has the stages as functions, in this
// order:
//
//  1. draft. The log names the file before its first change (begin). Where no
//     version covers a chunk and no cloud has it, its record goes straight to
//     every cloud: it is direct, and the log says so first. Any other change goes
//     into the draft's layer and, as it is, into the log. The log is not synced.
//  2. seal. The draft becomes a version: write ids are drawn, acc and header are
//     computed. Nothing is visible yet.
//  3. log. The version's entry is appended: from, to, and each chunk of the layer,
//     whole. The layer joins the sealed one; the version is underway. Before it
//     goes to a cloud where something committed is at stake, and before an fsync
//     returns, the log is synced; one sync serves a whole round.
//  4. apply. Cloud after cloud, never two at a time: DIRTY header where committed
//     records change, records, sync, clean header, attributes, and the rename into
//     place where the copies are fresh backing files. What becomes of a cloud's
//     error is as in package clouds.
//  5. done. The version is the stored one, and the layer's memory is given back.
//     One that no cloud took stays in the applying layer, which the next commit
//     joins: nothing that the log was told of is forgotten.
//  6. retire. The clouds are synced, what this machine knows becomes durable by a
//     transaction, and the log lets go of what led there. A file that has nothing
//     on its way is no longer named in it.
//
// Between the stages, whenever File.mu is given back, what check.go lists is so;
// under the race detector each unlock checks it. And always:
//
//   - At most one cloud's copy of a file is in change, and the log can finish it.
//   - A chunk's content is in the first layer that has it: draft, sealed,
//     applying; else direct or stored, in the clouds.
//   - Only the holder of File.commit moves a layer to applying or changes what is
//     stored.
//   - What an fsync counts on is promised: until it is stored, the next commits
//     treat the file as a committed one, though it may be new.
//
// # Words
//
// Of a file: bound when the log names it; unsealed when something is in no
// version; underway when its sealed version is not the stored one; unfinished
// when anything of it is not in the clouds, or not durable anywhere; replacing
// while its copies are fresh backing files beside the old ones; new while no
// version was ever stored; nameless when its last name is removed. Of direct writes: unsynced
// when neither the log holds them nor a cloud has synced them. Of a commit: risky
// when something committed is at stake. An entry of the log is appended; a record
// is a chunk's ciphertext.
//
// # Types
//
// An [Object] is a file, open or not; a [File] is its open file, and its progress
// how far that has come. What is done with one takes a type of its own, which is
// the File in that part: a [Holder] works with it for a program; a binder makes it
// ready for its first change; an editor changes what programs see; a sealer makes
// versions, each of which is a [Commit] on its way; a refiller goes on in fresh
// backing files; a [Making] is new, a [Recovery] is done again, and a [Takeover]
// has another one's id.
//
// # Where things are
//
//	object.go    Object: a file, open or not; opening it; Place; Holder
//	file.go      File: an open file; progress: what it is
//	check.go     what is always so of it (check_race.go, check_plain.go: whether
//	             each unlock asks)
//	begin.go     binder: the log names a file, and its copies can be written; editor
//	write.go     reading and changing plaintext
//	fresh.go     refiller: fresh backing files, for what is truncated to nothing
//	attr.go      chmod, chown, utimens
//	new.go       Making: files that are being made
//	takeover.go  going on under the id of a file that was replaced
//	life.go      the six stages
//	commit.go    sealer, Commit: what the log is told, and the steps in one cloud
//	contend.go   what becomes of a version where somebody else's is in its place
//	sync.go      fsync and close
//	store.go     Store: all open files; rounds of commits (package rounds tells when)
//	held.go      locking files against commits, for operations on names
//	rejoin.go    an open file gets the copy of a cloud that is back
//	recover.go   changes that were in no version, after a kill of the process
//
// # Locks, in the order in which they are taken
//
//	Store.rounds    one round of commits at a time
//	Store.retiring  one sync of the clouds at a time, with what follows
//	Object.opening  loading the copies of one file
//	File.commit     commits of one file on their way to the clouds; where
//	                several are needed, in their order
//	File.mu         the state of one open file
//
// Mirror.names comes between File.commit and File.mu. Package lock has the whole
// order.
package content
