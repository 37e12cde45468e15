// Package toolcopy deals with what sync tools make of names: entries of this vault's
// with text behind them, as "ENTRY (1)" or "ENTRY.conflict2". Listings show none of
// them. Where nothing is left at a name's own entry, or a copy has a version that
// is not outdone, that is somebody's content.
//
// Listings tell a [Board] of copies. Those that have stood still for the settle time are
// settled, once:
//
//	files        the name is judged by all that every cloud has of it, and healed:
//	             what is wanted gets the name, and other versions a name of their own,
//	             in every cloud. The copies stay, and are duplicates by then
//	directories  where nothing is at the name any more, the copy gets it back. Else what is
//	             in it, and not outdone, goes into the directory: to its name, or
//	             where that is taken, as a copy of it
//
// It promises that nothing is removed and nothing replaced but by the judgement; and
// that copies of what has ended, or that a later version is known of, are left alone.
//
//	board.go   Board: copies that were noticed, and when they are due
//	settle.go  Settler: what is done about them
//	dirs.go    copies of directories
//
// # Locks
//
//	Board.mu  what was noticed
package toolcopy
