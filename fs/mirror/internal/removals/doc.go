// Package removals is records of what was removed, which tell those who cannot see this machine's index: batches in the
// directory z-gone of every cloud, as the format has them.
//
//	book.go     Book: what this mount has removed, until it is on record
//	gathered.go what that is, and the records that it makes
//	batch.go    Batch: made of records, read, and written to a cloud
//	list.go     which batches a cloud has
//	records.go  Records: what batches say, all of them together
//
// It promises that a batch is the same in every cloud, that it is in stable storage when [Batch.Put] returns, and that nothing
// is believed of one that does not verify to its last byte. With one writer, and all clouds there, it writes nothing.
//
// # Locks
//
// In this order; neither is held while anything of the mirror above is called, but for clouds that go out:
//
//	Book.writing  one batch at a time is written, or brought to a cloud
//	Book.mu       what was gathered
package removals
