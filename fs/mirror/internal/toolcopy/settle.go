package toolcopy

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Settler settles copies, while programs work.
type Settler struct {
	Clouds *clouds.Clouds
	Memory compare.Memory
	Draw   removals.Draw
	Guard  func(k int, path string) (done func(), err error) // see heal.Config
	Names  func() (done func())                              // no name changes before done is called
	Old    func(h *cipher.Header) bool                       // a version that is worth nothing any more; called while no name changes
	Stop   func() error
	Clock  func() time.Time
	Logger *slog.Logger
	Owners bool
}

// Settle settles the copies that are due. Where clouds that lack changes are all that is there, they wait.
func (s *Settler) Settle(b *Board) (err error) {
	if s.Clouds.Makeshift() {
		return nil
	}
	paths := map[string][]Copy{}
	for _, c := range b.Due() {
		if !c.Dir {
			paths[c.Path] = append(paths[c.Path], c)
			continue
		}
		moved, err := s.settleDir(c)
		if err != nil {
			s.Logger.Warn("a copy that a sync tool made of a directory is left as it is", "cloud", s.Clouds.All()[c.Cloud].Name, "error", err)
		}
		for _, path := range moved {
			paths[path] = append(paths[path], c)
		}
	}
	for path, of := range paths {
		if err := s.Stop(); err != nil {
			return err
		}
		busy, failed := s.settleName(path)
		err = errors.Join(err, failed)
		for _, c := range of {
			if busy {
				b.again(c)
			}
		}
	}
	return err
}

// config is what is healed: the clouds that are in use.
func (s *Settler) config() compare.Config {
	c := compare.Config{Memory: s.Memory, Clock: s.Clock, SettleTime: settleTime, Only: -1, Stop: s.Stop}
	for _, cl := range s.Clouds.All() {
		one := *cl.Cloud
		if !cl.Up() {
			one.Dir = nil
		}
		c.Clouds = append(c.Clouds, &one)
	}
	return c
}

// settleName judges a name by all that the clouds have of it, and heals it, unless it is in use.
func (s *Settler) settleName(path string) (busy bool, err error) {
	config := s.config()
	at := compare.Where{Path: path}
	for _, c := range config.Clouds {
		dir, ok := backing(c, path)
		at.Dirs, at.Asked = append(at.Dirs, dir), append(at.Asked, ok && c.Dir != nil)
	}
	done := s.Names()
	k, err := compare.NewLooker(config).JudgeListed(at)
	done()
	if err != nil {
		return false, err
	}
	out, err := heal.New(heal.Config{Config: config, Owners: s.Owners, Draw: s.Draw, Guard: s.Guard, Logger: s.Logger}).One(k)
	return slices.ContainsFunc(out.Errs, heal.Changed), err
}

// backing is where the directory of a name is in a cloud.
func backing(c *replica.Cloud, path string) (at string, ok bool) {
	dir, _ := cloud.SplitPath(path)
	for name := range strings.FieldsFuncSeq(dir, func(r rune) bool { return r == '/' }) {
		n, err := c.Keys.EncodeName(cipher.PlainName(name))
		if err != nil {
			return "", false
		}
		at = replica.Join(at, string(n.Entry))
	}
	return at, true
}
