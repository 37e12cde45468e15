// Package redo is the log of changes on their way to the clouds: append, sync, retire, and replay after a crash.
//
// An entry is opaque to the log. It gets a sequence number that rises by one with each entry of a run, and never falls over
// the life of the directory; a directory that Close has emptied begins again at 1. The log promises:
//
//   - an entry whose Append returned survives a kill of the process;
//   - an entry appended before a Sync that returned nil survives a power cut;
//   - Replay yields the entries not retired, in order and without a gap: it ends at the first entry that is missing or
//     does not open, and what was written after it in the same run is never yielded;
//   - an entry whose Append returned an error is not yielded once a later Append has succeeded; after a crash between the
//     two it may be.
//
// It never appends to a segment of an earlier run, never yields a byte that did not authenticate, and never leaves
// plaintext on the disk.
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
//	kind 1, head     u64 after ‖ u64 first ‖ u64 mark; exactly entry 0
//	kind 2, data     a payload, or the last part of one
//	kind 3, part     1 MiB of a payload that the next entry continues
//	kind 4, retire   u64 mark
//
// A payload of up to 1 MiB is one entry and one write; a larger one is one write for each MiB, so that sealing it takes
// little memory. Data entries are numbered from the head's first.
//
// # Continuity
//
// The head says: I follow directly on everything below after; the first payload in me is number first; everything below
// mark was retired before me. Segments are read by ascending number. One is followed only if everything below its after is
// there or retired, and then nothing at or above after counts in any segment before it. Both cases that matter come from
// this one rule. After a kill, the next run reads a torn tail up to its last whole entry, and its own first segment names
// that place as after: it is followed, whatever lies behind the tear. After a power cut that took the tail of a segment but
// not the segment after it, that one's after lies beyond what is left: it is not followed, nor is any later one of that run.
package redo
