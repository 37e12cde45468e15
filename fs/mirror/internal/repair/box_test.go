package repair_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/repair"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

const chunk = 4096

var layout = cipher.Layout{ChunkLog2: 12}

// lacks says what a cloud's filesystem has not.
type lacks struct{ handles, exchange, links bool }

// box is the clouds of a vault on one crash disk. Its keys are the same in every
// run, so that a seed tells all.
type box struct {
	t     testing.TB
	disk  *cloudtest.Disk
	keys  []*cipher.Cloud
	lacks []lacks

	warnings []string // of the last replay
}

func newBox(t testing.TB, n int, reuse bool) *box {
	b := &box{t: t, disk: cloudtest.NewDisk(), lacks: make([]lacks, n)}
	b.disk.ReuseInodes(reuse)
	for k := range n {
		keys, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{2, byte(k)}, Suite: cipher.AES256, ChunkLog2: 12})
		b.must(err)
		b.keys = append(b.keys, keys)
		b.disk.Dir(cloudName(k))
	}
	return b
}

func cloudName(k int) string { return "cloud" + strconv.Itoa(k) }

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// clone is the same clouds on a copy of the disk.
func (b *box) clone() *box {
	c := *b
	c.disk = b.disk.Clone()
	return &c
}

func (b *box) cloud(k int) *replica.Cloud {
	return &replica.Cloud{Index: k, Name: cloudName(k), Dir: limited{b.disk.Dir(cloudName(k)), b.lacks[k]}, Keys: b.keys[k]}
}

// limited is a directory on a filesystem that lacks something.
type limited struct {
	cloud.Dir
	lacks lacks
}

func (l limited) Handle(path string) ([]byte, error) {
	if l.lacks.handles {
		return nil, cloud.ErrUnsupported
	}
	return l.Dir.Handle(path)
}

func (l limited) Exchange(a, b string) error {
	if l.lacks.exchange {
		return cloud.ErrUnsupported
	}
	return l.Dir.Exchange(a, b)
}

func (l limited) Link(old, new string) error {
	if l.lacks.links {
		return cloud.ErrUnsupported
	}
	return l.Dir.Link(old, new)
}

// replay is one run of the code under test.
type replay struct {
	events   []*event
	sameBoot bool
	revoked  bool                               // between any two there is one that was revoked
	steps    *[]string                          // what it planned, where somebody wants to know
	away     func(k int) bool                   // which clouds take no part
	wrap     func(k int, d cloud.Dir) cloud.Dir // what fails
}

func (b *box) run(r replay) repair.Outcome {
	b.warnings = nil
	var whole, bare []*journal.Entry
	for _, ev := range r.events {
		head := *ev.entry
		head.Data = nil
		whole, bare = append(whole, ev.entry), append(bare, &head)
		if r.revoked {
			whole, bare = append(whole, nil), append(bare, nil)
		}
	}
	work := repair.Replay{
		Fold: journal.NewFold(bare), SameBoot: r.sameBoot, Owners: true,
		Clock:  func() time.Time { return time.Unix(1_700_000_000, 0) },
		Logger: slog.New(&listener{steps: r.steps, warnings: &b.warnings}),
		Log: func(do func(at int, e *journal.Entry) error) error {
			for i, e := range whole {
				if e == nil {
					continue
				}
				if err := do(i, e); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for k := range b.keys {
		c := b.cloud(k)
		if r.away != nil && r.away(k) {
			c = nil
		} else if r.wrap != nil {
			c.Dir = r.wrap(k, c.Dir)
		}
		work.Clouds = append(work.Clouds, c)
	}
	return work.Run()
}

// finish replays where nothing can stop it, and wants that nothing is left to do.
func (b *box) finish(r replay) error {
	out := b.run(r)
	for k := range b.keys {
		if out.Errors[k] != nil || out.Missing[k] > 0 {
			return fmt.Errorf("cloud %d: %d not finished: %q (%w)", k, out.Missing[k], b.warnings, out.Errors[k])
		}
	}
	return nil
}

// listener keeps the steps that a replay says it does, and its warnings.
type listener struct{ steps, warnings *[]string }

func (l *listener) Enabled(context.Context, slog.Level) bool { return true }
func (l *listener) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *listener) WithGroup(string) slog.Handler            { return l }

func (l *listener) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "step" && l.steps != nil {
			*l.steps = append(*l.steps, fmt.Sprint(a.Value.Any()))
		}
		text += " " + a.String()
		return true
	})
	if r.Level >= slog.LevelWarn {
		*l.warnings = append(*l.warnings, text)
	}
	return nil
}

// mutations are the operations in a trace that are more than a sync.
func mutations(trace string) (list []string) {
	for line := range strings.Lines(trace) {
		if !strings.Contains(line, "sync") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// since is what a disk's trace says from an operation on.
func since(d *cloudtest.Disk, ops int) string {
	lines := strings.SplitAfter(d.Trace(), "\n")
	return strings.Join(lines[min(ops, len(lines)):], "")
}

func readAll(d cloud.Dir, path string) ([]byte, error) {
	f, err := d.Open(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
}

func writeFile(d cloud.Dir, path string, data []byte) error {
	f, err := d.Create(path, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Close())
}
