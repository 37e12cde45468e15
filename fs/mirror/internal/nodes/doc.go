// Package nodes is the files and directories that somebody knows: the kernel, an
// opener, a child. There is one [Node] of each, hard links included, for as long as
// somebody has a reference to it. It tells where that is now, in each cloud and in
// the index, and what was last seen of it.
//
//	node.go    Node: what it is, references to it, what is remembered of it
//	links.go   Link: the names of a node, and the paths and places that follow
//	table.go   Table: nodes by inode, backing file and path
//	change.go  names that come and go
//	adopt.go   the node of what a lookup found
//	place.go   a node as package content knows it: where a file is now
//
// It asks no cloud anything, and decides nothing: which of the clouds is believed
// is packages belief's and view's, what becomes of a change is the mirror's.
//
// # Locks
//
//	Table.tree  the maps of live nodes, their names and references
//
// Names change only with Mirror.names written as well, or when a lookup adds one;
// so whoever holds Mirror.names can count on a path. Package lock has the whole
// order.
package nodes
