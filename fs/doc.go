// Package fs is the map of the filesystem; it holds no code of its own.
//
// One mount shows plaintext. Every file written through it lies, encrypted, in
// several ordinary directories, one for each cloud. The packages below build
// that, and imports point down this list only:
//
//	fs/volume  a vault, open: its lock, keys, state, clouds, redo log and mirror,
//	           put together; mounting and unmounting it; its status
//	fs/exchange
//	           import and export of the layout of PyCrypto scripts
//	fs/tree    copying trees in and out of a mirror, with holes, links and
//	           attributes
//	fs/mount   go-fuse nodes, the one errno table, the kernel's caches
//	fs/mirror  the encrypted filesystem without FUSE: names, reads, writes,
//	           commits, versions, and which cloud is believed
//	fs/mirror/internal/recovery
//	           at mount: what the redo log says is brought to the clouds
//	fs/mirror/internal/content
//	           one open file over all clouds: the life of a write
//	fs/mirror/internal/rounds
//	           when commits happen, and from where on the log is kept
//	fs/mirror/internal/rival
//	           two versions of an open file, of which both are kept
//	fs/mirror/internal/special
//	           symlinks, FIFOs, sockets and devices that are being made
//	fs/mirror/internal/draft
//	           a file as programs see it now, over layers of changes
//	fs/mirror/internal/notice
//	           what is noticed in passing, for who asks how the vault is
//	fs/mirror/internal/copies
//	           the copies of one file, and what is believed of each
//	fs/mirror/internal/repair
//	           replay: what the log says should be, against what each cloud
//	           shows, and the steps between them
//	fs/mirror/internal/level
//	           what the log does not tell after a power cut: two clouds get the
//	           same names
//	fs/mirror/internal/step
//	           one change of a cloud's names, and how it is done
//	fs/mirror/internal/telling
//	           what the index is told at mount, and its transactions
//	fs/mirror/internal/clouds
//	           which clouds are up, what is done in one after the other, and
//	           whose an error is
//	fs/mirror/internal/view
//	           what programs see of names: lookup, lists, attributes, merged
//	fs/mirror/internal/nodes
//	           the files and directories that somebody knows, and where they are
//	fs/mirror/internal/belief
//	           which clouds are believed at a name, and what each owes
//	fs/mirror/internal/listing
//	           one directory as all clouds show it
//	fs/mirror/internal/heal
//	           makes every cloud what it should be, whole or name by name
//	fs/mirror/internal/compare
//	           the trees of all clouds side by side: what differs, what is bad
//	fs/mirror/internal/judge
//	           what should be at a name; pure
//	fs/mirror/internal/queue
//	           what is found wrong in passing, and repaired unasked
//	fs/mirror/internal/rejoin
//	           brings a cloud that missed changes up to date from the others
//	fs/mirror/internal/toolcopy
//	           what sync tools make of names: settled where it is somebody's content
//	fs/mirror/internal/pace
//	           how far a cloud is that is brought up to date, and how fast; pure
//	fs/mirror/internal/missed
//	           names of which a cloud has missed changes, and where directories
//	           that it has stand by now; pure
//	fs/mirror/internal/removals
//	           batches of removals, as clouds have them
//	fs/mirror/internal/replica
//	           one cloud: its names, one backing file, its records
//	fs/mirror/internal/entries
//	           the redo log as the mirror uses it, with revocations
//	fs/mirror/internal/layer
//	           changes of a file in memory; pure
//	fs/mirror/internal/journal
//	           what the redo log says: one entry an operation, and the fold of
//	           all of them; pure
//	fs/mirror/internal/lock
//	           the locks of the mirror, in the order in which they are taken
//	fs/mirror/checkup
//	           verifies and heals all clouds while no mirror is open on them
//	fs/mirror/audit
//	           reads a cloud back by the format alone, to check what was written
//	fs/cloud   one backing directory: the contract, the real one, and doubles
//	           that inject errors, tear writes and crash at any operation
//	fs/index   what this machine knows: names, places, debts, what was checked
//	fs/redo    the redo log: what is on its way to the clouds, sealed
//	fs/vault   the vault directory: settings, keys, the lock, and the state
//	           that makes versions and rollbacks tell themselves apart
//	fs/durable one file outside of the clouds, replaced whole or not at all
//
// fs/cloud, fs/index, fs/redo and fs/vault know nothing of each other. All of
// them stand on package cipher, which knows the format and does no I/O.
package fs
