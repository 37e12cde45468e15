// Package listing reads one directory in all clouds and merges what they show: each
// name once, and whether they show it alike.
//
//	listing.go  Listing, and what an entry stands for
//
// It promises that what is foreign, metadata, temporary or a sync tool's copy is no
// name, though it tells of such copies; and that it changes nothing. It has no locks.
package listing
