package heal_test

import (
	"errors"
	"maps"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// faulty is a healer to whose cloud 1 something happens.
func (b *box) faulty(rules ...cloudtest.Rule) *heal.Healer {
	c := b.comparison()
	c.Clouds[1].Dir = cloudtest.NewFaulty(c.Clouds[1].Dir, rules...)
	return heal.New(heal.Config{Config: c, Owners: true, Alone: true})
}

// TestFailingCloud: a cloud that fails is told, and neither it nor another one
// is worse off; when it works again, it is healed.
func TestFailingCloud(t *testing.T) {
	for _, op := range []string{"create", "writeat", "rename", "truncate", "chmod", "chtimes", "mkdir", "link", "syncfs", "readdir", "open", "stat", "readat", "change"} {
		for _, errno := range []error{syscall.EIO, syscall.ENOSPC, syscall.ESTALE} {
			for _, from := range []int{1, 3} {
				b := sample(t, 2)
				want := b.tree(0)
				b.does(1, cloudtest.Delete(b.entry(1, "dir")), cloudtest.Delete(b.entry(1, "linked")))
				b.change(0, "small", func(d []byte) []byte { d[600] ^= 1; return d })
				if _, err := b.faulty(cloudtest.Rule{Op: op, From: from, Err: errno}).Run(); err != nil && !errors.Is(err, errno) {
					t.Errorf("%s → %v: %v", op, errno, err)
				}
				for path, text := range b.tree(0) {
					if text != want[path] && path != "small" {
						t.Errorf("%s → %v: cloud 0 has %q at %q", op, errno, text, path)
					}
				}
				b.heal()
				b.healed(want)
				if t.Failed() {
					t.Fatalf("%s → %v from the %d. on", op, errno, from)
				}
			}
		}
	}
}

// TestChangedMeanwhile: what somebody changes between judgement and repair is
// not touched.
func TestChangedMeanwhile(t *testing.T) {
	b := files(t, 2)
	newer := b.raw(1, b.entry(1, "h"))
	b.change(1, "d/f", func(d []byte) []byte { d[100] ^= 1; return d })
	them := cloudtest.NewForeign(b.dir(1))
	act := them.Then(cloudtest.Replace(b.entry(1, "d/f"), newer))
	out, err := b.faulty(cloudtest.Rule{Op: "syncfs", To: 1, Act: act}).Run()
	must(t, err)
	_ = out
	if string(b.raw(1, b.entry(1, "d/f"))) != string(newer) {
		t.Error("it was replaced")
	}
}

// TestUnasked: what nobody has asked for waits where a mass of names is missing,
// and where a directory has just changed.
func TestUnasked(t *testing.T) {
	b := newBox(t, 2)
	m := b.mount()
	for i := range 30 {
		b.write(m, "file"+string(rune('a'+i)), []byte{byte(i + 1)})
	}
	must(t, m.Close())
	want := b.tree(0)
	b.empty(1)
	config := b.comparison()
	config.Asked = false
	for _, settled := range []bool{true, false} {
		if !settled {
			config.Clock = func() time.Time { return time.Date(2020, 1, 1, 0, 0, 1, 0, time.UTC) }
		}
		cases := 0
		must(t, compare.New(config).Run(func(k *compare.Case) error {
			cases++
			if steps := heal.Plan(k); len(steps) > 0 {
				t.Errorf("it would do %v", steps)
			}
			if got := k.Verdict.Clouds[1]; settled && got != (judge.Do{State: judge.Lacks, Action: judge.Wait}) {
				t.Errorf("%q: %v", k.Path, got)
			}
			return nil
		}))
		if cases != 30 {
			t.Errorf("%d cases", cases)
		}
	}
	b.heal() // somebody has asked
	b.healed(want)
}

// TestOnlyOne changes one cloud, though others have something wrong, too.
func TestOnlyOne(t *testing.T) {
	b := files(t, 3)
	want := b.tree(0)
	b.does(1, cloudtest.Delete(b.entry(1, "h")))
	b.does(2, cloudtest.Delete(b.entry(2, "d/f")))
	b.only = 2
	b.heal()
	if got := b.tree(2); !maps.Equal(got, want) {
		t.Errorf("cloud 2: %s", difference(got, want))
	}
	if got := b.tree(1); got["h"] != "" || len(got) != len(want)-1 {
		t.Errorf("cloud 1: %s", difference(got, want))
	}
}
