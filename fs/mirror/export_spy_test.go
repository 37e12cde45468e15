package mirror

// Opening reports whether somebody is opening the node.
func (n *Node) Opening() bool {
	if n.opening.TryLock() {
		n.opening.Unlock()
		return false
	}
	return true
}

// Pending is how many bytes of changes are in memory.
func (m *Mirror) Pending() int64 { return m.pending.Load() }

// SetRoom sets how many bytes of changes may be in memory.
func (m *Mirror) SetRoom(n int64) { m.room = n }
