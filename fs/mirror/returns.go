package mirror

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/missed"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
)

// Tend does what is due for clouds that lack changes: it asks those that are out whether they are back, brings them up to
// date, and pays the debts of those that are in use, and repairs what was found wrong. It is called in the background, or, of
// a mirror that is Manual, by whoever has it.
func (m *Mirror) Tend() error { return errors.Join(m.returns.Tend(), m.repairs.Tend()) }

// noteCommitted notes, for clouds that lack changes, that a file has another version. Those that have no copy of it owe it.
func (m *Mirror) noteCommitted(n *nodes.Node, lacking []*clouds.Cloud) error {
	if !m.returns.Watches() && len(lacking) == 0 {
		return nil
	}
	m.names.RLock()
	path, ok := n.Plain()
	var names []string
	if ok {
		names = append(host{m}.Links(path), path)
	}
	m.names.RUnlock()
	m.returns.Again(names)
	return m.returns.Owe(lacking, false, names...)
}

// inUse refuses a change of a file that a cloud alone has right which is coming back.
func inUse(m *Mirror, found *belief.Answer) error {
	if belief.InUse(m.belief, found) {
		return nil
	}
	return fmt.Errorf("%w: the one that has the file is coming back", clouds.ErrNoCloud)
}

// mostNames are as many as are brought to a cloud one by one; one that has missed more is compared whole.
const mostNames = 100_000

func (m host) Missed(c *clouds.Cloud) (list []missed.Name, all bool, err error) {
	aways := clouds.Aways(m.clouds)
	k := slices.IndexFunc(aways, func(a clouds.Away) bool { return a.Cloud == c.ID })
	if k < 0 {
		return nil, false, nil
	}
	rows, all, err := m.memory.Missed(memory.Away(aways[k]), mostNames)
	if err != nil || !all {
		return nil, false, err
	}
	for _, row := range rows {
		dir, stands, err := m.memory.Rows.Path(row.Place.Dir)
		if err != nil {
			return nil, false, err
		}
		n := missed.Name{Place: row.Place, Had: row.Debt.Had, Sure: row.Debt.Why != index.Failed, Now: row.Now}
		if stands {
			n.Path = strings.TrimPrefix(dir+"/"+string(row.Place.Name), "/")
		}
		list = append(list, n)
	}
	return list, true, nil
}

func (m host) AsLeft(c *clouds.Cloud, spare func(string) (bool, bool), stop func() error) (bool, error) {
	l := belief.Left{Belief: m.belief, Cloud: c.Cloud, ID: c.ID, Others: clouds.Replicas(m.clouds.Ups()), Spare: spare, Stop: stop}
	return l.Stands()
}

func (m host) Path(d index.Dir) (string, bool) {
	path, ok, err := m.memory.Rows.Path(d)
	return path, ok && err == nil
}

func (m host) Settled(c *clouds.Cloud, but []string) {
	var places []index.Place
	for _, path := range but {
		p, _, err := m.memory.Past().Find(path)
		if err == nil && p.Dir != 0 {
			places = append(places, p)
			continue
		}
		if err := m.clouds.Owe(c, "a name that it lacks has no place"); err != nil {
			m.logger.Error("it cannot be written down that a cloud lacks a name", "cloud", c.Name, "error", err)
		}
	}
	m.memory.Settled(c.ID, places)
}

// refuse is why a file is not opened at a version: it waits for the next mount;
// or only clouds that lack changes are there, and the file was changed since.
func (m *Mirror) refuse(h *cipher.Header) error {
	if err := m.waiting.File(h.FileID); err != nil || !m.clouds.Makeshift() {
		return err
	}
	last, err := m.memory.Of(index.File{ID: h.FileID, Type: h.Type})
	if err == nil && cipher.Compare(h.Version, last.Greatest.Vector) == cipher.Less {
		return fmt.Errorf("%w: the clouds that have the last version are away", ErrOlder)
	}
	return nil
}
