package rejoin

import (
	"context"
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// Beside is how clouds are looked at, and healed, whole while programs go on: what
// packages compare and heal are to know, and whom they are to keep from what.
type Beside struct {
	r     *Returner
	known Known
}

// Known is what this machine knows. It can be read to its end, which finds what is damaged.
type Known interface {
	compare.Memory
	Check(ctx context.Context) error
}

// Beside makes one, by what this machine knows.
func (r *Returner) Beside(known Known) *Beside { return &Beside{r, known} }

// CheckMemory reads all that this machine knows. Where that is damaged it begins anew, which is told, and is no error.
func (b *Beside) CheckMemory(ctx context.Context) error {
	err := b.known.Check(ctx)
	if errors.Is(err, index.ErrLost) {
		b.r.Logger.Error("what this machine knows is damaged, and begins anew", "error", err)
		return nil
	}
	return err
}

// Names implements [compare.Still], as does Content.
func (b *Beside) Names() (done func()) {
	b.r.Names.RLock()
	return b.r.Names.RUnlock
}

// Content holds a file between two commits.
func (b *Beside) Content(path string) (done func(), held bool) { return b.r.Host.Still(path) }

// Healing calls do while no cloud returns and no debt is paid. What changes from
// then on no guard gives away. What do is given ends it.
func (b *Beside) Healing(ctx context.Context, do func(stop func() error) error) error {
	select {
	case b.r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.r.turn }()
	if err := b.r.stopped(); err != nil {
		return err
	}
	if b.r.Clouds.ReadOnly() {
		return clouds.ErrReadOnly
	}
	if err := b.r.Host.Commit(); err != nil {
		b.r.Logger.Warn("not everything is committed before the clouds are healed", "error", err)
	}
	b.r.watch(true)
	defer b.r.watch(false)
	return do(func() error { return errors.Join(ctx.Err(), b.r.stopped()) })
}

// Owe has a cloud in use be given a name, as soon as debts are paid.
func (b *Beside) Owe(k int, path string) error {
	c := b.r.Clouds.All()[k]
	if !c.Up() {
		return nil // it is looked at when it comes back
	}
	if err := b.r.Clouds.Owe(c, "a file that is in use is not as it should be"); err != nil {
		return err
	}
	b.r.owe(k, b.r.Clock(), false, path)
	return nil
}

// Hurry has debts paid at once, and looked over what owes nobody knows what:
// somebody waits for it.
func (b *Beside) Hurry() { b.r.hurry(b.r.Clock()) }

// InUse tells of each cloud whether it is in use.
func (b *Beside) InUse() (list []bool) {
	for _, c := range b.r.Clouds.All() {
		list = append(list, c.Up())
	}
	return list
}

// Owed lists at most n names that a cloud in use lacks, or has wrongly.
func (b *Beside) Owed(k, n int) []string { return b.r.owed(k, n) }

// Gone reports whether this machine knows that there is nothing at a path any
// more.
func (b *Beside) Gone(path string) bool {
	for at := path; at != ""; at, _ = cloud.SplitPath(at) {
		if is, err := b.known.At(at); err == nil && (is.Has == judge.Gone || is.Has == judge.Vanished) {
			return true
		}
	}
	return false
}

// Guard keeps programs from a name while it is healed in a cloud. A name that has
// changed is left, and so is a file that is open under any name that is known,
// and a cloud that went out of use.
func (b *Beside) Guard(k int, path string) (done func(), err error) {
	leave, err := b.r.guard(k, path)
	if err != nil {
		return nil, err
	}
	if !b.r.Clouds.All()[k].Up() || b.isOpen(path) {
		leave()
		return nil, errBusy
	}
	return func() {
		b.r.Host.Renewed(k, path)
		leave()
	}, nil
}

// isOpen reports whether a file is open under another name. The caller holds
// Mirror.names.
func (b *Beside) isOpen(path string) bool {
	at, err := b.known.At(path)
	if err != nil || at.Has != judge.File {
		return err != nil
	}
	of, err := b.known.Of(at.Version.Identity)
	for _, name := range of.Live {
		if string(name) != path && b.r.Host.IsOpen(string(name)) {
			return true
		}
	}
	return err != nil
}

// Memory is what this machine knows, where some clouds lack changes, by the
// vault's order: what was removed meanwhile has ended.
func (b *Beside) Memory(owing []bool) compare.Memory {
	m := &memory{Memory: b.known, past: b.r.Past, owing: owing}
	for _, owes := range owing {
		m.any = m.any || owes
	}
	return m
}

// memory is what this machine knows where clouds lack changes.
type memory struct {
	compare.Memory
	past  Past
	owing []bool
	any   bool
}

// Owes reports whether a cloud lacks changes, or owes the path.
func (m *memory) Owes(k int, path string) (bool, error) {
	if m.owing[k] {
		return true, nil
	}
	return m.Memory.Owes(k, path)
}

// Of knows of a file without a name that it has ended.
func (m *memory) Of(id judge.Identity) (judge.Facts, error) {
	f, err := m.Memory.Of(id)
	if err != nil || !m.any || len(f.Live) > 0 {
		return f, err
	}
	v, err := m.past.Ended(index.File{ID: id.ID, Type: id.Type})
	f.Ended = append(f.Ended, v...)
	return f, err
}

// Ended knows of a directory that was removed that it has ended.
func (m *memory) Ended(dir string) ([]cipher.Vector, error) {
	ended, err := m.Memory.Ended(dir)
	if err != nil || !m.any {
		return ended, err
	}
	at, err := m.Memory.At(dir)
	if err != nil || at.Has == judge.Dir {
		return ended, err
	}
	left, err := m.past.LeftDir(dir)
	if left {
		ended = append(ended, nil)
	}
	return ended, err
}
