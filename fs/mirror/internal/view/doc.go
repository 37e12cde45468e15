// Package view is what programs see of names: what is at one, what a directory
// lists, what stat shows and which file that is, merged over all clouds. It finds
// the live node of each (package nodes) by those clouds that are believed (package
// belief).
//
//	view.go      View: the parts put together
//	find.go      one name or file, and who of the clouds is believed
//	lookup.go    the node of a name; names of a file that has none that is known
//	list.go      directories
//	attr.go      what stat shows
//	dirattr.go   whose directories are, and who may use them
//	identify.go  which file or directory a node is, for the log and the index
//	litter.go    what a directory holds that programs see as empty
//
// It promises that it changes nothing in any cloud, and that a lookup opens no file
// where nothing speaks against what the clouds show. It has no locks; its callers
// hold Mirror.names.
package view
