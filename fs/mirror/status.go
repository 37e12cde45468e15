package mirror

import (
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/vault"
)

// Status is a snapshot of the mirror's clouds. Nothing of it comes from asking
// one.
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
		s.Clouds = append(s.Clouds, CloudStatus{cl.Status(), m.returns.Paying(cl.Index)})
	}
	return s
}
