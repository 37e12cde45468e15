package mirror

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
)

// member is one cloud of the mirror.
type member struct {
	index int
	name  string
	id    cipher.ID
	dir   cloud.Dir // nil when absent
	keys  *cipher.Cloud

	out atomic.Bool // gets no changes and is not asked for names

	mu       lock.Mutex[lock.Cloud]
	reason   string
	marked   bool  // behind, durably
	unmarked error // why it is not, though it should be
}

func (m *Mirror) addMembers(clouds []CloudConfig) {
	behind := m.state.Behind()
	for i, c := range clouds {
		mb := &member{index: i, name: c.Name, id: c.ID, dir: c.Dir, keys: c.Cipher, reason: c.Reason}
		if b, ok := behind[c.ID]; ok {
			mb.marked = true
			if c.Dir != nil {
				mb.reason = b.Reason
			}
		}
		mb.out.Store(mb.marked || c.Dir == nil)
		m.members = append(m.members, mb)
	}
}

// up reports whether the cloud gets changes and is asked for names.
func (mb *member) up() bool { return !mb.out.Load() }

func (mb *member) status() CloudStatus {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	s := CloudStatus{Name: mb.name, State: "ok", Reason: mb.reason}
	switch {
	case mb.dir == nil:
		s.State = "absent"
	case !mb.up():
		s.State = "behind"
	}
	if mb.unmarked != nil {
		s.Reason = fmt.Sprintf("%s; changes are refused, since that cannot be recorded: %v", s.Reason, mb.unmarked)
	}
	return s
}

// lead is the first cloud that is up, or nil.
func (m *Mirror) lead() *member {
	for _, mb := range m.members {
		if mb.up() {
			return mb
		}
	}
	return nil
}

// ups returns the clouds that are up, in the vault's order.
func (m *Mirror) ups() []*member {
	var up []*member
	for _, mb := range m.members {
		if mb.up() {
			up = append(up, mb)
		}
	}
	return up
}

func (m *Mirror) allReadOnly() bool {
	for _, mb := range m.ups() {
		if s, err := mb.dir.Statfs(); err != nil || !s.ReadOnly {
			return false
		}
	}
	return true
}

// reach runs a question on every cloud that is up and forgives those that
// cannot answer while another one can. What this process could not ask is no
// answer of anybody.
func (m *Mirror) reach(what string, op func(*member) error) error {
	var first error
	answered := false
	for _, mb := range m.ups() {
		if err := op(mb); err != nil {
			if f := faultOf(err); f == starved || f == closing {
				return fmt.Errorf("%s: cloud %s: %w", what, mb.name, err)
			}
			m.logger.Warn("a cloud does not answer", "cloud", mb.name, "what", what, "error", err)
			if first == nil {
				first = fmt.Errorf("%s: cloud %s: %w", what, mb.name, err)
			}
		} else {
			answered = true
		}
	}
	if answered {
		return nil
	}
	if first == nil {
		first = ErrNoCloud
	}
	return first
}

// drop puts a cloud behind: it gets nothing from now on, and changes are
// refused until that is durable. The last one is never dropped: its error comes
// back.
func (m *Mirror) drop(mb *member, what string, cause error) error {
	m.dropping.Lock()
	defer m.dropping.Unlock()
	mb.mu.Lock()
	defer mb.mu.Unlock()
	if !mb.up() {
		return nil
	}
	others := 0
	for _, o := range m.members {
		if o != mb && o.up() {
			others++
		}
	}
	if others == 0 {
		return fmt.Errorf("%s: cloud %s: %w", what, mb.name, cause)
	}
	// An fsync may have counted on this cloud alone.
	for _, o := range m.members {
		if o != mb && o.up() {
			if err := o.dir.Syncfs(); err != nil {
				m.logger.Warn("a cloud cannot be synced", "cloud", o.name, "error", err)
			}
		}
	}
	mb.reason = failure(what, cause)
	mb.out.Store(true)
	m.logger.Warn("a cloud is behind from now on", "cloud", mb.name, "what", what, "error", cause)
	return m.mark(mb)
}

// mark makes it durable that a cloud is behind. The caller holds
// Mirror.dropping and member.mu.
func (m *Mirror) mark(mb *member) error {
	if mb.marked {
		return nil
	}
	if mb.unmarked = m.state.MarkBehind(mb.id, mb.reason); mb.unmarked != nil {
		m.unmarked.Store(true)
		m.logger.Error("it cannot be recorded that a cloud is behind; changes are refused", "cloud", mb.name, "error", mb.unmarked)
		return fmt.Errorf("cannot record that cloud %s is behind: %w", mb.name, mb.unmarked)
	}
	mb.marked = true
	return nil
}

// markDropped makes good what drop could not record. Until then nothing is
// acknowledged, and the log, which brings such a cloud up to date after the
// next mount, goes on holding everything.
func (m *Mirror) markDropped() error {
	if !m.unmarked.Load() {
		return nil
	}
	m.dropping.Lock()
	defer m.dropping.Unlock()
	for _, mb := range m.members {
		if mb.dir == nil || mb.up() {
			continue
		}
		mb.mu.Lock()
		err := m.mark(mb)
		mb.mu.Unlock()
		if err != nil {
			return err
		}
	}
	m.unmarked.Store(false)
	return nil
}

// failure is the reason that status shows, which anybody may read: what was
// done and the cause at the bottom, but no path.
func failure(what string, cause error) string {
	for {
		next := errors.Unwrap(cause)
		if next == nil {
			return what + ": " + cause.Error()
		}
		cause = next
	}
}

// markAbsent marks a cloud that is not there as behind before the first
// change that it will miss.
func (m *Mirror) markAbsent(mb *member) error {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	if mb.dir != nil || mb.marked {
		return nil
	}
	if err := m.state.MarkBehind(mb.id, "absent while files were changed"); err != nil {
		return fmt.Errorf("cannot mark cloud %s behind: %w", mb.name, err)
	}
	mb.marked = true
	return nil
}
