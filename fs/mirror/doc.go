// Package mirror is the encrypted filesystem over all clouds of a vault,
// complete without FUSE: names, open files, reading, writing, commits,
// versions and recovery.
//
// It promises that committed bytes are safe at every instant, with one cloud
// as with five. Records that no committed version covers go straight to every
// cloud. Every other change is kept in memory and, sealed, in the redo log
// until a commit applies it to cloud after cloud, never to two at a time. A
// cloud that fails while another one works goes out of use, and owes from then
// on, durably, while work goes on; when it is back it is brought up to date and
// takes part again. Nothing is served that did not verify.
//
// It never parses a FUSE request, never knows an errno number, and gives
// no change to a cloud that is not in use. Which those are, and what becomes of
// a change that one of them does not make, is package clouds'.
//
// # Where things are
//
//	mirror.go    Config, New, Close: the parts put together
//	node.go      Node: files and directories as who uses the mirror has them; lookup
//	create.go    create, mkdir, link
//	special.go   symlink, mknod, readlink
//	remove.go    unlink, rmdir
//	rename.go    rename, with takeover of the replaced file's identity
//	exchange.go  rename that exchanges two names
//	renew.go     new versions of what has left a name, or has one more
//	setattr.go   chmod, chown, utimens
//	xattr.go     extended attributes
//	handle.go    what an opener holds
//	tell.go      what was done in the clouds is told to what this machine knows
//	returns.go   what is told of clouds that lack changes, and tending them
//	status.go    what can be told of the mirror without asking a cloud
//	host.go      the mirror as the rooms below know it
//	beside.go    what is looked at, and healed, while the mirror works
//	errors.go    the errors of the merged view
//
// And in rooms of their own, from the top down, each importing only what is below
// it:
//
//	internal/recovery  at mount: what the redo log says is brought to the clouds
//	internal/view      what programs see of names: lookup, lists, attributes
//	internal/nodes     the files and directories that somebody knows
//	internal/belief    which clouds are believed at a name
//	internal/listing   one directory as all clouds show it
//	internal/content   one open file: the life of a write
//	internal/rounds    when commits happen, and from where on the log is kept
//	internal/rejoin    clouds that missed changes are brought up to date
//	internal/toolcopy  what sync tools make of names
//	internal/pace      how far that is, and how fast: pure
//	internal/missed    the names that they have missed changes of: pure
//	internal/rival     two versions of an open file, and both are kept
//	internal/special   symlinks and devices that are being made
//	internal/notice    what is noticed in passing, for who asks how the vault is
//	internal/draft     a file as programs see it now
//	internal/copies    the copies of a file, reading them, what is believed of each
//	internal/repair    what the log says should be, against what each cloud shows
//	internal/level     what the log does not tell: two clouds get the same names
//	internal/step      one change of the names of a cloud
//	internal/telling   what the index is told at mount, and its transactions
//	internal/memory    what this machine knows: the index, and what was done since
//	internal/judge     what should be: pure
//	internal/clouds    which clouds are up, and what is done in one after the other
//	internal/removals  what was removed, on record in every cloud
//	internal/replica   one cloud: its names, one backing file, its records
//	internal/entries   the redo log as the mirror uses it
//	internal/layer     changes in memory: pure
//	internal/journal   what the redo log says: pure
//	internal/lock      the locks of all of them, in their order
//
// # Locks, in the order in which they are taken
//
//	Mirror.gate     read by every operation; written to close
//	Mirror.names    written by operations on names, read by everything that
//	                needs a path to stay what it is
//
// Package lock has the whole order, with the locks of the rooms, and checks it
// under the race detector.
package mirror
