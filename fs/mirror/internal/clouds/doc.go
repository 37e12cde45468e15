// Package clouds is the clouds of one vault together: which of them are up, what
// is done in one after the other, and whose an error is that one of them gives.
// It knows no files and no names.
//
// # Words
//
// A cloud is up, or in use, when it is asked and gets changes; else it is out.
// Why, its [Condition] tells: suspended (it failed, or does not answer), taking
// nothing (full, over quota, read-only), absent (its directory or marker was not
// there), or returning. One that is out is asked again, soon at first and then
// every half minute, and is in use again when it was brought up to date. A cloud
// that misses a change owes, which the vault's state holds durably: by
// [Clouds.Admit] before the first change that an absent one misses, by
// [Clouds.Drop] for one that does not do what another one does, by [Clouds.Owe]
// for one in use that has something else at single names. What a cloud misses while
// it is out is named, in rows of whoever keeps them, where it owed nothing before
// ([Aways]); any other one is compared whole before it is in use again. A witness
// ([Witnesses]) is a cloud that was there from the start and is being brought what it
// misses: it tells of all other names, and its copies are read. The lead is the first
// that is up. A change is made when each cloud has done it, or gone out, or
// has nothing there to be changed, or when it is taken back everywhere; a lapse
// is a cloud that did not do what another one did.
//
// # How a change is made
//
//	Admit             before anything: enough clouds are up, and who misses it is known
//	Make(c, these)  c.Do in one after the other, in the vault's order
//	  failed, full    drop that cloud where another one makes the change
//	  strayed         it goes without: c.Skip
//	  anything else   c.Undo where it is made, and the error is the program's
//	Each(c)         Make in all that are up
//	Reach(what, ask)  a question: who cannot answer is forgiven while another can
//
// The last cloud that is up never goes out: its error is the program's. Nothing
// may be acknowledged while the state cannot hold that a cloud owes;
// [Clouds.MarkDropped] tries again and says so.
//
// # Where things are
//
//	clouds.go  Clouds, what is asked of all of them, admission
//	cloud.go   Cloud: one of them, and its state
//	drop.go    how a cloud goes out, durably, and what it owes
//	named.go   clouds of which rows name what they miss, and that tell of all else
//	probe.go   how it is asked again, and comes back
//	change.go  Change, and what becomes of its errors
//	fault.go   whose an error is: the cloud's, the program's, the process's
//
// # Locks, in the order in which they are taken
//
//	Clouds.dropping one cloud at a time goes out, so that one stays
//	standing.mu     how one cloud stands
package clouds
