// Package compare holds the trees of all clouds of a vault against each other
// and against what this machine knows, name by name and record by record. It
// finds; it changes nothing. Package heal carries out what it finds.
//
// It goes through the trees three times, side by side, by plain names:
//
//  1. first   every header, and every record of every copy where that is asked
//     for. What all clouds show alike and nothing speaks against is done with;
//     of each file some 16 bytes are kept, which tell an id that is seen twice
//  2. sight   where those ids are seen that a judgement will be about
//  3. judge   what remains: the claims of each cloud, the judgement, and which
//     chunks of which copy are bad
//
// It promises that a verdict rests on what all reachable clouds show of an id,
// anywhere; that what does not answer claims nothing; and that which record is
// right is told by acc and never by how many copies agree. Its memory does not
// grow with content, and by a few dozen bytes for each name.
//
//	compare.go   Config, Comparison, and the three passes
//	memory.go    Memory: what this machine knows
//	paths.go     some places of the tree
//	folder.go    one directory in all clouds, as names
//	sight.go     what one cloud shows at a name
//	first.go     the first pass
//	survey.go    what it remembers
//	temps.go     temporary files: what nobody needs, and what is nowhere else
//	removals.go  batches of removals, and what they prove
//	case.go      Case: one name, its claims and its verdict
//	still.go     looking while others work on the clouds
//	content.go   the records of several copies, side by side
//	name.go      Looker: single names, without a listing
//	truth.go     which of them are right
//	finding.go   what is wrong, in words
//
// # Locks, none of which is taken under another
//
//	Comparison.mu  the numbers of each cloud, and what is reported of no name
//	survey.mu      what the first pass remembers
//	Looker.mu      the batches of removals, as they were read last
//	checker.mu     what the segments of one file's content add up to
package compare
