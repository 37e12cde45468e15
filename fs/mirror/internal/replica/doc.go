// Package replica is one cloud of a vault under its keys: the names in it, one
// backing file, its header and its records. Nothing that did not verify leaves
// it. It knows no other cloud and nothing of what should be there.
//
//	cloud.go   Cloud: entries, sidecars, headers by their path, exchanges
//	copy.go    Copy: one open backing file, its header and attributes
//	errors.go  why a copy does not serve
//	attrs.go   attributes of a directory, and of a device
//	xattr.go   Xattrs: extended attributes of a file
//	whole.go   whole copies from another cloud
//	remake.go  a version made of what the redo log has
//	scan.go    which of its records are read, since holes are not
//	records.go its records: reading, writing, comparing
package replica
