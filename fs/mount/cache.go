package mount

// wholeFile and attributesOnly are offsets of an invalidation.
const (
	wholeFile      = 0
	attributesOnly = -1
)

// forgetAttr makes the kernel ask for a node's attributes again.
func (f *filesystem) forgetAttr(n *node) {
	// An error means that the kernel does not know the node any more.
	_ = f.server.Load().InodeNotify(n.id, attributesOnly, 0)
}

// flushPages makes the kernel pass on what it holds back of a file: it drops
// the file's pages, for which it must write the dirty ones first. It returns
// when they have arrived, so no lock that a write needs may be held.
func (f *filesystem) flushPages(n *node) {
	if n.writers.Load() > 0 {
		_ = f.server.Load().InodeNotify(n.id, wholeFile, 0)
	}
}
