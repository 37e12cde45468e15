package mirror

// Opening reports whether somebody is opening the node.
func (n Node) Opening() bool { return n.live.Content.Opening() }
