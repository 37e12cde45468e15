package mirror

import (
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/queue"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rejoin"
)

// Beside is for who looks at the clouds of the mirror, or heals them, while it works.
func (m *Mirror) Beside() *queue.Beside { return m.repairs.Beside() }

func newRepairer(m *Mirror) *queue.Repairer {
	beside := func() *rejoin.Beside { return m.returns.Beside(m.belief.Known()) }
	r := queue.New(queue.Config{
		Clouds: m.clouds, Beside: beside, Memory: m.belief.Known(), Rows: m.memory.Rows, Unseen: m.returns.Unseen, Draw: drawer(m.state),
		Notices: m.notices, Clock: m.clock, Logger: m.logger, Owners: m.owners,
	})
	m.notices.Tell(r.Damage)
	return r
}

func (m host) Still(path string) (done func(), held bool) {
	n, err := m.Walk(path)
	if err != nil {
		return func() {}, false
	}
	if n.IsDir() {
		return n.Forget, false
	}
	f, err := n.live.Content.Acquire()
	if err != nil {
		return n.Forget, false
	}
	if f.Unfinished() && !m.ReadOnly() {
		if err := f.Flush(); err != nil {
			m.logger.Warn("a file that is being looked at cannot be committed", "file", n.Ino(), "error", err)
		}
	}
	one := content.Held{f.File}
	one.LockAsIs()
	return func() {
		one.Unlock()
		n.Forget()
	}, true
}

func (m host) Renewed(k int, path string) {
	if n := m.nodes.At(path); n != nil && !n.IsDir() {
		at := n.AsPlace()
		at.Replaced(k, 0)
		at.Shows(-1, cloud.Info{})
	}
}
