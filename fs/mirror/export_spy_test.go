package mirror

// Opening reports whether somebody is opening the node.
func (n *Node) Opening() bool {
	if n.opening.TryLock() {
		n.opening.Unlock()
		return false
	}
	return true
}
