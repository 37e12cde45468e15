// Package cipher is the on-disk format of Overcast, version 1: what one
// encrypted file, one name and one attribute look like in one cloud. It is
// pure: it reads and writes memory only, logs nothing, and keeps nothing but
// keys. The format itself is described in docs/format.md.
//
// # Map
//
//	cloud.go    the key hierarchy: Cloud (a cloud's keys), File (a backing file's)
//	header.go   the 512 bytes that begin a backing file
//	record.go   chunks to records and back: Seal, Open, PeekIDs
//	acc.go      the accumulator that ties a file's write ids to its header
//	version.go  version vectors: compare, cover, raise
//	conflict.go several versions of one file: which goes on, and as what the others do
//	removals.go batches of removals, which tell other machines what is gone
//	layout.go   sizes and offsets, and which of them are impossible
//	name.go     names to directory entries and back, sync tools' copies included
//	temp.go     names of temporary files
//	backing.go  modes of backing files
//	xattr.go    extended attributes
//	marker.go   the file that says whose directory this is
//	device.go   the content of device files
//	id.go       ids and write ids;  key.go  keys;  types.go  suites, types, flags
//	errors.go   the sentinels
//
//	cipher/cbc  AES-CBC for many chunks at once      cipher/siv  AES-SIV
//	cipher/mac  HMAC-SHA-256 for many at once        cipher/pycrypto  another layout
//
// # Commits and repairs
//
// A commit draws: file id, salt, the header's IV, commit id, write ids. A repair
// draws nothing, so that machines which repair the same thing apart from each
// other write the same bytes, and sync tools find nothing to argue about:
// [Cloud.NewRepairFile] derives the salt, [File.SealRepairHeader] the IV,
// [Settle] a conflict's winner, [ConflictID] and [ConflictName] its loser's id and
// name, and commit and write ids stay.
//
// # Rules that are easily taken for others
//
//   - [Settle] joins the headers of one commit first: its vector is the maximum
//     of all that it was seen with. What is then less than another commit can
//     neither win nor lose, whatever its time.
//   - A vector of more than 27 writers drops the smallest counters, of equal ones
//     the smallest writers, so that the order of merging makes no difference. A
//     28th writer's commit is concurrent with the version it came from, since
//     in comparisons what was dropped is absent.
//   - The entry of a batch has 1 to 27 writers; its file id is zero exactly for
//     directories; every name in its path is one that a file can have, so there
//     is no slash at either end. Its time is for people. A batch has at most
//     [MaxGone] bytes, so that it can be read whole.
//   - A kind above the known ends a batch like rubbish does, but is reported as
//     [ErrNewer].
//
// # Two worlds
//
// Plaintext and ciphertext are told apart by type where a mistake would leak:
// [PlainName] and [EntryName]; and by [Layout] where it would corrupt: lengths
// and chunks on one side, sizes and records on the other.
//
// # Promises
//
//   - No chunk and no header is decrypted before its tag verified, and no
//     plaintext is returned that did not verify: a record that is refused
//     leaves zeros. Only [File.PeekIDs] tells something unverified, a write id.
//   - What is sealed also opens: each Seal function refuses what its Open would
//     not take back.
//   - Tags, keys and MACs are compared in constant time, and nothing branches
//     on content that has not verified.
//   - Types that hold keys print as [redacted] and have Wipe.
//   - [File.Seal] and [File.Open] allocate nothing for each chunk.
//   - Errors wrap one of the sentinels and say what was wrong. None holds
//     plaintext, except for a name that the caller gave.
//
// A [Cloud] and a [File] may be used by any number of goroutines at once.
package cipher
