// Package mount shows a mirror as a mounted filesystem: it is the only package
// that speaks FUSE and the only one that knows errno.
//
// It is thin on purpose. Names, identity, permissions to change and content
// are the mirror's; checking modes and owners is the kernel's
// (default_permissions); what is left is translation, and the kernel's caches:
//
//	mount.go      Mount, Server: mounting and serving
//	unmount.go    unmounting, in use or not; idleness
//	table.go      the kernel's table of mounts, as far as it is about us
//	options.go    from Options to what the kernel and fusermount3 are told
//	filesystem.go the FUSE requests' common ground: attributes, entries, errors
//	nodes.go      node ids: what the kernel knows, and what it forgot
//	evict.go      making the kernel forget, where it knows too much
//	keepsake.go   what a rename replaced, for those who are opening it
//	handles.go    file handles
//	names.go      requests on names
//	files.go      requests on open files
//	dirs.go       open directories
//	attrs.go      attributes, and the set-id bits that a write clears
//	cache.go      what the kernel caches of a file, dropped and passed on
//	xattr.go      extended attributes
//	errno.go      from errors to errno, the one table
//
// # Why the raw protocol
//
// go-fuse offers two layers. Its fs package keeps a tree of inodes of its own,
// with its own identity (inode number, generation, type), and throws a node
// away when another lookup was faster: without telling it, so that a reference
// to the mirror's node that it carried would be lost. The mirror already keeps
// that tree and hands out one pointer for one file, hard links included. So
// this package stands on the raw layer and keeps only what the protocol is
// about: a number for each node and how often the kernel was told of it. A
// number is never used twice, so no generation is needed.
//
// # The kernel's caches
//
// Writes are cached by the kernel and come later, in requests of up to 1 MiB;
// close, fsync and msync wait for them. While a regular file is cached the
// kernel's own idea of its size and times wins over what is answered here.
// Content that changed behind the mount therefore needs a new node: the mirror
// answers an open with an error that becomes ESTALE, the kernel looks the name
// up again, and the mirror gives another node. That is why an open may always
// keep the pages that the kernel has.
//
// Entries and attributes are cached for a second, names that do not exist too.
//
// # Locks
//
//	Server.unmounting  one at a time unmounts
//	dir.mu             listing one open directory; the mirror's are taken under it
//	nodes.mu           which nodes the kernel knows
//	handles.mu         what programs hold open
//	filesystem.mu      what was logged
//
// Under the last three no other is taken.
package mount
