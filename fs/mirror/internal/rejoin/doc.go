// Package rejoin brings a cloud that missed changes up to date from those that
// did not, while programs go on, and gives clouds in use what they lack at single
// names.
//
// A [Returner] asks clouds that are out whether they are back. Of one that is, the
// names are known of which it has missed changes; or it is compared whole and healed
// (package heal), by what a [Tree] knows: the clouds in use are what should be, and
// what this machine has removed has ended. Then a [Carrier] brings over those names
// and, again and again, the ones that [Changes] has noted since: it makes a name of
// the cloud what the clouds in use have there. Only what is explained goes: an
// earlier version, what was removed, and what is elsewhere by now. Whatever else is
// found is left, and told.
//
// Neither Tree nor Carrier takes a lock, nor knows who works on the clouds
// meanwhile. Every name that changes while it is carried is carried again, and
// the last few when nothing can change. Who works on them is the [Host].
//
//	returner.go Returner, Host: asking clouds, and whose turn it is
//	back.go     a cloud that is back: compared, caught up, taken into use
//	named.go    the names of which it has missed changes, instead of all
//	beside.go   Beside: clouds in use looked at, and healed, whole
//	debts.go    names that a cloud in use lacks, or has wrongly
//	changes.go  Changes: names that change meanwhile, and debts
//	pace.go     how far a cloud is, and how fast
//	tree.go     Tree: what should be, as a memory for the comparison
//	odd.go      what a cloud has that the others do not
//	carrier.go  Carrier: one name after the other
//	clear.go    what is not to be at a name is taken away
//	wanted.go   Wanted: what should be, and whether what a cloud has instead may go
//	sweep.go    temporary files and sidecars that are of no use any more
//	content.go  the content of files: copied, linked, put in place
//
// # Locks
//
//	Changes.mu names that changed, debts, and how far they are paid
package rejoin
