// Package redo is the log of changes on their way to the clouds: append, sync, retire, and replay after a crash.
//
//	log.go     Log: open, append, retire, close
//	chain.go   the segments that are there, and the one that is written
//	sync.go    Log.Sync
//	doubt.go   what follows on a sync that failed
//	replay.go  what earlier runs left: the rule of continuity, Entries, Losses, Lost
//	read.go    Log.ReadFrom
//	format.go  segments and entries as bytes
//	store.go   Store, where segments lie, and the one that is a directory
//
// An entry is opaque to the log. It gets a sequence number that rises by one with each entry of a run, and never falls over
// the life of the log: a log that is all retired keeps one small segment, which remembers the number, and where even that is
// lost, numbers go on from what the caller says that it has applied. The log has an id, which is random and goes with its
// numbers, so that a caller who remembers both knows what it has applied. The log promises:
//
//   - an entry whose Append returned survives a kill of the process;
//   - an entry appended before a Sync that returned nil survives a power cut;
//   - a sync that failed costs no entry as long as what was written can still be read: it is appended again;
//   - Entries yields the entries not retired, in order and without a gap, each with the boot that it was written in: it ends
//     at the first entry that is missing or does not open, and what was written after it in the same run is never yielded;
//   - an entry whose Append returned an error is not yielded once a later Append has succeeded; after a crash between the
//     two it may be.
//
// It never appends to a segment of an earlier run, never yields a byte that did not authenticate, and never leaves
// plaintext on the disk. What it cannot know: after a sync that failed, and a kill before it could be made good, the next run
// finds in the page cache what the disk may not have.
//
// # On disk
//
// A segment is a file named by its number, sixteen hexadecimal digits and ".redo". All integers are big-endian.
//
//	segment = salt[32] ‖ entry_0 ‖ entry_1 ‖ …
//	key     = HKDF-SHA-256(state_key, salt, "redo", 32)
//	entry_i = u32(len(sealed)) ‖ sealed
//	sealed  = AES-256-GCM(key, nonce = u96(i), plaintext = kind u8 ‖ body, associated data = u64(number))
//
// The nonce may be a counter because the key belongs to one segment, which is written by one process from its start to its
// end. The associated data keeps a segment from being read in another's place.
//
//	kind 5, start    u64 after ‖ u64 first ‖ u64 mark ‖ u64 until ‖ id[16] ‖ boot, up to 64 bytes; exactly entry 0
//	kind 1, head     u64 after ‖ u64 first ‖ u64 mark: the same, of earlier versions, without id and boot
//	kind 2, data     a payload, or the last part of one
//	kind 3, part     1 MiB of a payload that the next entry continues
//	kind 4, retire   u64 mark
//
// A payload of up to 1 MiB is one entry and one write; a larger one is one write for each MiB, so that sealing it takes
// little memory. Data entries are numbered from the head's first. "The head" is entry 0 of either kind.
//
// # Continuity
//
// The head says: I follow directly on everything below after; the first payload in me is number first; everything below
// mark was retired before me. Segments are read by ascending number. One is followed only if everything below its after is
// there or retired, and then nothing at or above after counts in any segment before it. Both cases that matter come from
// this one rule. After a kill, the next run reads a torn tail up to its last whole entry, and its own first segment names
// that place as after: it is followed, whatever lies behind the tear. After a power cut that took the tail of a segment but
// not the segment after it, that one's after lies beyond what is left: it is not followed, nor is any later one of that run.
//
// A segment whose until is above its first begins with a copy of what may be lost after a failed sync: it is followed only if
// everything below until is in it. So a kill while it is written leaves in force what it is a copy of.
//
// # Locks, in the order in which they are taken
//
//	Log.syncing  one fdatasync at a time, which serves all who wait for it
//	Log.mu       what the log is, and writing to its end
//
// Neither is held while a caller's function runs, and mu never during an fdatasync, so an Append waits for other Appends
// only, and for the copy that follows on a failed fdatasync.
package redo
