// Package heal makes every cloud of a vault what it should be: it carries out
// what package compare finds and package judge decides. A copy is built beside
// its place, record by record from whichever copy has each one right, and takes
// the place by rename; single bad records are written in place, under a header
// that stays as it is, since its acc vouches for them. All bytes follow from the
// content and the cloud's key, so every machine makes the same.
//
// A round is, over the whole tree:
//
//  1. batches of removals are brought to every cloud
//  2. losers of conflicts are kept under names of their own; then what is
//     lacking, stale or bad is made good, name after name
//  3. records of removals are left
//  4. headers with the vectors of conflicts are written
//  5. what is not to be there is removed
//
// Rounds follow until one finds nothing to do. So no step asks what was done
// before, and it can be killed anywhere and started again.
//
// It promises that nothing that changed lately is replaced or removed, that what
// is in the way is looked at once more before it goes, and that content of which
// no cloud has every record is left alone and told.
//
//	heal.go    Config, Healer, the rounds, and what they leave
//	step.go    Step: one thing to do, as a value that prints; the plan of a case
//	files.go   copies: built beside, and put in place
//	links.go   one more name for a file that a cloud has, or is being given
//	mend.go    single records, headers
//	places.go  directories, links, removals
//	records.go batches of removals: brought, written, and thrown away
package heal
