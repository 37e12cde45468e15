package mirror

import (
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/notice"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/vault"
)

// Status is a snapshot of the mirror's clouds. Nothing of it comes from asking one.
type Status struct {
	Lead       string
	ReadOnly   bool
	Held       bool      // what an earlier mirror left cannot be finished in any cloud
	KnowsSince time.Time // the beginning of what this machine knows; zero where it keeps nothing
	Clouds     []CloudStatus
}

// CloudStatus is one cloud: "ok", "absent", "suspended", "full" or "owes", and why;
// and how far it is, where it lacks changes.
type CloudStatus struct {
	clouds.Status
	vault.Paying
}

// Status reports which clouds are in use, and what the others wait for.
func (m *Mirror) Status() Status {
	s := Status{ReadOnly: m.ReadOnly(), Held: m.Held() != nil, KnowsSince: m.memory.Since()}
	if lead := m.clouds.Lead(); lead != nil {
		s.Lead = lead.Name
	}
	for _, cl := range m.clouds.All() {
		paying := m.returns.Paying(cl.Index)
		paying.Wrong, paying.Left = m.repairs.Waiting(cl.Index)
		s.Clouds = append(s.Clouds, CloudStatus{cl.Status(), paying})
	}
	return s
}

// A Finding is what the mirror noticed of one file in passing.
type Finding struct {
	Path  string
	Cloud string
	Cut   bool // the copy ends too soon; else a record does not verify
	Chunk int64
	Lost  bool // no cloud could serve the record
}

// Noticed returns what the mirror has noticed in passing since it was last asked: copies of which records do not verify,
// paths at which the loser of a conflict is kept, and copies that are right by now. A file without a name is left out. It
// waits for no operation.
func (m *Mirror) Noticed() (damaged []Finding, conflicts []string, mended []Finding) {
	found, conflicts, right := m.notices.Take()
	for _, d := range found {
		if path, ok := nameOf(m, &d); ok {
			damaged = append(damaged, Finding{path, m.clouds.All()[d.Cloud].Name, d.Cut, d.Chunk, d.Lost})
		}
	}
	for _, c := range right {
		mended = append(mended, Finding{Path: c.Path, Cloud: m.clouds.All()[c.Cloud].Name})
	}
	return damaged, conflicts, mended
}

// nameOf is a path of a damaged file: one that is known, or that it is used by.
func nameOf(m *Mirror, d *notice.Damage) (path string, ok bool) {
	places, _ := m.memory.Places(d.File)
	for _, p := range places {
		if dir, ok, err := m.memory.Path(p.Dir); ok && err == nil {
			return replica.Join(dir, string(p.Name)), true
		}
	}
	if !m.names.TryRLock() { // the next one who asks is told
		m.notices.Damage(*d, time.Time{})
		return "", false
	}
	defer m.names.RUnlock()
	for _, n := range m.nodes.All() {
		if n.Ino() == d.Ino {
			return n.Plain()
		}
	}
	return "", false
}

// noticeConflicts notices in a list of names those that losers of conflicts have. The caller holds Mirror.names.
func noticeConflicts(m *Mirror, dir *nodes.Node, list []DirEntry) {
	for _, e := range list {
		if !cipher.IsConflictName(cipher.PlainName(e.Name)) {
			continue
		}
		if path, ok := dir.Plain(); ok {
			m.notices.Conflict(replica.Join(path, e.Name))
		}
	}
}
