// Package copies is the copies of one file, one in each cloud: which of them
// have its version, reading it from whichever can, and what is believed of each.
// It knows neither names nor changes that no cloud has.
//
// # Words
//
// A copy serves when its header is that of the file's version and it can be
// read; it writes when it also gets this mount's changes. The stored version is
// the one that the clouds' headers have. A record verifies by its key and its
// place alone, so that one of an older version does, too: acc, which the header
// has, tells whether all of them together are those of its version. The verdict
// is what was found of that: unknown, agrees, differs, or partial where some
// record verifies nowhere. A chunk is marked in a copy when its record is known
// to be of the version; marks and verdict are believed for as long as the backing
// file's ctime stays what it was right after our own write or check.
//
// # Where things are
//
//	copy.go   Copy: one of them, how it is opened and written
//	set.go    Set: all of them, which one is read, their comparison
//	read.go   reading a run of records from whichever copy has them
//	trust.go  belief: marks, what another copy confirms
//	acc.go    the verdict: acc over all records, at once or as reads come along
//	look.go   whether somebody else changed one, before a commit does
//	rejoin.go a copy of a cloud that has come back
//	layer.go  bringing a layer of changes to one copy
//	errors.go why none of them serves
//
// # Locks
//
//	Set.trust what is believed of the copies
//
// Everything else is guarded by the lock of the file that has the set: shared
// for reading, alone for what changes a copy or the list.
package copies
