// Package index is what this machine knows: what should be at each name, where each file and directory has its names, what
// each cloud owes, and what was checked. It says what should be, not what is: no question about a cloud is answered from here
// alone.
//
//	types.go    the vocabulary: Place, Known, Row, ID, Debt …
//	batch.go    Batch, the changes that one transaction makes
//	apply.go    Index.Apply: the transaction, and the rows of names
//	applied.go  what follows from changed names: places of ids and of directories; then all other rows
//	txn.go      one row at a time inside of a transaction, and the tally of rows
//	view.go     View, a snapshot that is read
//	scan.go     what a snapshot iterates: directories, debts
//	mapped.go   what of the file counts as memory
//	ledger.go   what was checked
//	index.go    Index: open, close, lose
//	upkeep.go   Check, which reads every row; and what Batch.Prune forgets
//	keys.go     keys of rows, and their sealing
//	rows.go     rows as bytes
//	codec.go    the parts of rows as bytes, and what they may be
//	internal/pack    numbers, ids, vectors … as bytes
//	internal/reserve the space that is kept free for a transaction
//	internal/survey  is the file a sound database? asked before bbolt reads it
//
// # What it promises
//
//   - A Batch is applied in one transaction, which is on the disk when Apply returns; after an error all of it is there or
//     nothing, and it can be applied again.
//   - A row that is returned is the row that was last written there. What is damaged is never returned, and never a panic.
//   - The live names of a file and the place of a directory follow from the names: nobody can forget to keep them.
//   - The file tells how many rows there are, and their sizes, and no name, id or version.
//   - On a full disk a transaction of up to 32 MiB still fits.
//
// # When it is lost
//
// An index is a checkpoint of the redo log. Losing it loses no data: all is unknown then, and the first sight is believed as
// far as versions allow. A file that is damaged, cut short or under another key is renamed aside and a new one begins, at
// Open or, where a row does not open, in the middle of a mount: then Apply and View return an error that wraps ErrLost, once,
// and nothing of what they were asked is done. Whoever gets it marks every cloud that owes anything to be compared whole, and
// tries again. [View.Since] tells since when the index knows.
//
// A database file that was put back from a copy is whole, and old. It shows by [View.Applied]: the log has dropped entries
// only after the index had them, so an index that has applied fewer than the log has retired, or another log's, was put
// back; the caller loses it by [Index.Lose].
//
// # On disk
//
// A bbolt file of pages of 4 KiB. Each value is one byte of version and a row (rows.go), sealed with AES-256-GCM under a key
// that is drawn with the file, bound to its bucket and key as associated data. m is HMAC-SHA-256 under another such key, with
// a byte before its input that tells the kinds apart.
//
//	head    salt (in the clear), birth, applied, tally, how far forgetting has come
//	names   m(dir)[0:8]                                a directory: its place, mode and owner
//	        m(dir)[0:8] ‖ m(dir, name)[0:16]           a name: what is known, and each cloud's copy
//	ids     m(file)[0:16]                              versions that no name has, records of removals
//	        … ‖ a name's 24 bytes                      one live name of it
//	debts   m(cloud)[0:8] ‖ a name's 24 bytes          what a cloud owes
//	rest    kind ‖ m(…)[0:16]                          writers, directories' records, counts of debts, what was checked
//
// So a directory is one scan, with its own row first, and all about an id is one. A commit of a file that exists changes the
// row of its name and no other, and names of one directory are neighbours, so that a transaction touches few pages: bbolt
// writes whole ones.
//
// The tally counts the rows of each bucket and adds up their tags, so that a row that is missing shows: the number when the
// file is opened, the tags in Check.
//
// # Locks
//
// In this order: Index.writing, held by whoever writes; Index.mu, shared by whoever uses the database and exclusive for
// replacing it; bbolt's own. No function of a caller runs under writing. A View's function runs under mu, shared: it must not
// call methods of the Index.
package index
