// Package repair makes each cloud what the redo log says. It asks nowhere how
// far an operation came before: it looks at what is there, and the difference
// to what should be is the plan. So it can be killed at any moment and started
// again, and doing it twice is doing it once.
//
// In one cloud after the other:
//
//  1. places    every file and directory that the log names is found, wherever
//     it is, and brought to its place; what is in the way is parked
//  2. content   the last version of each file is finished from the log and, where
//     records were lost, from other clouds; its clean header comes last,
//     after all of its records have verified
//  3. conflicts where another machine changed what the log has, too, both contents
//     are kept, and the judgement says which has the name
//  4. copies    what one cloud lacks comes whole from another
//  5. removals  only then goes what is not to be there
//  6. names     after a power cut, what one cloud has and another has lost,
//     anywhere
//
// Nothing is removed or replaced that the log does not name, or that is of a
// version that it does not know.
//
//	observe.go  what one cloud shows at the names that the log touches
//	search.go   files that are at none of those, after a power cut
//	follow.go   what was moved or removed without a word of the log
//	exchange.go which of two directories that were exchanged is which
//	plan.go     the steps, of package step, that bring names to their places, and those that remove
//	aside.go    names beside their own, where somebody else has something there
//	strangers.go what is in the way and the log does not tell of, after a power cut
//	content.go  one file's last version on its way to one cloud
//	inplace.go  a finished backing file takes the place of the one before it
//	settle.go   another version, or another file, in the place of what the log has
//	ask.go      what is nowhere but in clouds that lack changes
//	copies.go   whole copies from other clouds
//	tidy.go     what is not to be there goes; sidecars, attributes
//	replay.go   Replay: all of it
package repair
