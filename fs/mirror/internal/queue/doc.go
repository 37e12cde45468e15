// Package queue is what is repaired unasked while programs work: names at which a
// lookup, an open or a read has found that a cloud has something wrong. Each waits
// for the settle time, so that a sync client can finish what it is about, and until
// there is a turn, together with others: when something is repaired tells nobody
// when it was read.
//
//	queue.go   Queue: which names wait, and which of them are due
//	repair.go  Repairer: has those that are due compared, judged and healed
//	round.go   one round: where to look, and what has come of it
//	beside.go  Beside: what heal and status are told of it
//
// It decides nothing by itself: what should be at a name, and how a cloud comes to
// have it, packages judge and heal tell. It promises that a name at which a cloud
// does not suffer what was done there is left after two repairs, to who heals by hand;
// that no name is brought to a cloud that has lost many at once; and that it works no more than a tenth of the time.
//
// # Locks
//
//	Queue.mu  the names that wait
package queue
