package index

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// The file tells no name, and no id.
func TestFileTellsNothing(t *testing.T) {
	b := newBench(t)
	f := File{cipher.NewID(), cipher.TypeFile}
	cloud := cipher.NewID()
	b.apply(func(c *Batch) {
		p := at1(Root, "a very secret name")
		c.SetName(p, Known{Kind: IsFile, File: f, Version: version(1)})
		c.SetCopy(p, Copy{Cloud: cloud, InPlace: version(1)})
		c.Owe(cloud, p, Debt{Why: Away, Had: isGone(1, 1)})
		c.EndDirectory("secret/path", vector(1))
		c.AddWriter(0x73656372)
	})
	must(t, b.Close())
	data, err := os.ReadFile(b.conf.Path)
	must(t, err)
	for _, secret := range [][]byte{[]byte("secr"), f.ID[:], cloud[:]} {
		if bytes.Contains(data, secret) {
			t.Errorf("the file holds %q", secret)
		}
	}
	info, err := os.Stat(b.conf.Path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// prune makes transactions that forget, with the index closed between them, until they have been round.
func (b *bench) prune(age time.Duration) {
	b.t.Helper()
	for range 10 {
		b.apply(func(c *Batch) { c.Prune(age) })
		b.reopen()
	}
}

func TestPrune(t *testing.T) {
	b := newBench(t)
	keep, old, young := at1(Root, "keep"), at1(Root, "old"), at1(Root, "young")
	vanished := Known{Kind: Vanished, File: fileN(4), Version: version(1)}
	b.apply(func(c *Batch) {
		c.SetName(old, isGone(1, 1))
		c.End(fileN(1), vector(1))
		c.End(fileN(2), vector(1)) // it lives again below
		c.EndDirectory("old", vector(1))
		c.SetName(keep, isFile(2, 2))
		c.SetName(at1(Root, "vanished"), vanished)
		for i := range 3 * sweepStride {
			c.SetName(at1(Root, fmt.Sprint(i)), isGone(100+i, 1))
		}
	})
	b.clock.pass(time.Hour)
	b.apply(func(c *Batch) { c.SetName(young, isGone(3, 1)); c.End(fileN(3), vector(1)) })
	b.clock.pass(time.Minute)
	b.prune(2 * time.Hour)
	equal(t, "what was over for less", b.known(old).Kind, Gone)
	b.apply(func(c *Batch) { c.Owe(cipher.ID{1}, keep, Debt{Why: Away}) })
	b.prune(time.Hour)
	equal(t, "while a cloud owes something", b.known(old).Kind, Gone)
	b.apply(func(c *Batch) { c.Pay(cipher.ID{1}, keep) })

	b.prune(time.Hour)
	for i := range 3 * sweepStride {
		equal(t, "one of many", b.known(at1(Root, fmt.Sprint(i))), Known{})
	}
	equal(t, "old", b.known(old), Known{})
	equal(t, "young", b.known(young).Kind, Gone)
	equal(t, "vanished", b.known(at1(Root, "vanished")).Kind, Vanished)
	equal(t, "one that lives", b.known(keep), isFile(2, 2))
	equal(t, "an ended id", b.id(fileN(1)), ID{})
	equal(t, "the records of one that lives", len(b.id(fileN(2)).Ended), 1)
	equal(t, "a young one", len(b.id(fileN(3)).Ended), 1)
	b.look(func(v *View) {
		ended, err := v.EndedDirectory("old")
		must(t, err)
		equal(t, "a record of a directory", ended, nil)
	})
	must(t, b.Check(t.Context()))
	equal(t, "told", b.told, nil)
}

// A file may have rows that tell nothing any more. They harm nobody, and are forgotten.
func TestIdleRows(t *testing.T) {
	b := newBench(t)
	count := func() (n int) {
		b.look(func(v *View) {
			all, err := v.some(inRest, []byte{idleDomain}, 10)
			must(t, err)
			n = len(all)
		})
		return n
	}
	b.writing.Lock()
	must(t, b.write(func(x *txn) error {
		return x.put(inRest, x.keys.rest(idleDomain, "a file's id", 0), []byte{rowVersion, 1, 2, 3})
	}))
	b.writing.Unlock()
	b.reopen()
	must(t, b.Check(t.Context()))
	equal(t, "rows", count(), 1)
	b.prune(time.Hour)
	equal(t, "rows", count(), 0)
	must(t, b.Check(t.Context()))
	equal(t, "told", b.told, nil)
}

func TestViewsSeeOneState(t *testing.T) {
	b := newBench(t)
	x, y := at1(Root, "x"), at1(Root, "y")
	b.apply(func(c *Batch) { c.SetName(x, isFile(1, 1)); c.SetName(y, isFile(2, 1)) })
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				b.look(func(v *View) {
					one, err := v.Name(x)
					must(t, err)
					two, err := v.Name(y)
					must(t, err)
					if one.Known.Version.Sec != two.Known.Version.Sec {
						t.Errorf("versions %d and %d", one.Known.Version.Sec, two.Known.Version.Sec)
					}
				})
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 40 {
		b.apply(func(c *Batch) {
			c.SetName(x, isFile(1, i+2))
			c.SetName(y, isFile(2, i+2))
			for range 50 {
				c.SetName(at1(Root, fmt.Sprint(rng.IntN(1000))), isFile(rng.IntN(1000)+10, i+1))
			}
		})
	}
	close(stop)
	group.Wait()
}

func TestNewDir(t *testing.T) {
	seen := map[Dir]bool{}
	for range 1000 {
		d := NewDir()
		if d <= Root || seen[d] {
			t.Fatalf("directory %x", d)
		}
		seen[d] = true
	}
}

// What somebody puts in the place of the file is never followed: root may open a user's vault.
func TestFollowsNoSymlink(t *testing.T) {
	b := newBench(t)
	must(t, b.Close())
	target := filepath.Join(t.TempDir(), "target")
	must(t, os.Rename(b.conf.Path, target))
	must(t, os.Symlink(target, b.conf.Path))
	before, err := os.ReadFile(target)
	must(t, err)
	if ix, err := Open(b.conf); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a symlink in its place: %v, %v", ix, err)
	}
	after, err := os.ReadFile(target)
	must(t, err)
	if !bytes.Equal(after, before) {
		t.Error("what it leads to has changed")
	}
}
