package draft_test

import (
	"bytes"
	"fmt"
	mrand "math/rand/v2"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// refusing is a log that takes nothing.
type refusing struct{}

func (refusing) Append(*journal.Entry, ...[]byte) error { return syscall.EDQUOT }
func (refusing) Sync() error                            { return syscall.EDQUOT }

// commit makes what a draft is now the version that all clouds have.
func commit(t *testing.T, d *draft.Draft) {
	t.Helper()
	d.Nameless, d.Reserved, d.Sealed.Head.Type = true, d.Reserved+1<<20, cipher.TypeFile
	log := d.Log
	must(t, draft.Spill(d))
	d.Nameless, d.Reserved, d.Log = false, d.Reserved-1<<20, log
}

// TestRefusedByTheLog changes a file at random, and between the changes are some that the log does not take: the file is as
// it was then, and its acc is that of its records.
func TestRefusedByTheLog(t *testing.T) {
	refused := 0
	for seed := range uint64(60) {
		rng := mrand.New(mrand.NewPCG(seed, 3))
		d, q := newDraft(t, 1+int(seed%2))
		var want []byte
		for range 12 {
			want = change(t, rng, d, want, 6*chunk)
			if rng.IntN(4) == 0 {
				commit(t, d)
			}
			d.Log = refusing{}
			off, n := rng.Int64N(6*chunk), 1+rng.Int64N(2*chunk)
			var err error
			switch rng.IntN(3) {
			case 0:
				err = d.Write(make([]byte, n), off)
			case 1:
				_, err = d.Allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, off+n)
			default:
				err = d.Resize(off)
			}
			if err != nil {
				refused++
			}
			d.Log = q
			compare(t, seed, d, want)
		}
	}
	if refused < 300 {
		t.Errorf("only %d changes were refused", refused)
	}
}

// TestUnreadableWhileItShrinks makes a file shorter of which a record cannot be read, be it one that stays or one that goes: it
// is as it was then, for as long as it has to be.
func TestUnreadableWhileItShrinks(t *testing.T) {
	for _, to := range []int64{0, 1, chunk, 700 * chunk, 700*chunk + 1, 1200 * chunk} {
		for fails := 1; fails <= 3; fails++ {
			t.Run(fmt.Sprintf("to %d, read %d fails", to, fails), func(t *testing.T) {
				d, _ := newDraft(t, 1)
				want := bytes.Repeat([]byte("0123456789abcdef"), 1300*chunk/16)
				must(t, d.Write(want, 0))
				c := d.Copies.List[0]
				sound := c.File
				rigged := &unreadable{File: sound, fails: fails}
				c.File = rigged
				err := d.Resize(to)
				c.File = sound
				if err == nil {
					want = want[:to]
				} else if rigged.fails > 0 {
					t.Fatalf("%v, and no read failed", err)
				}
				compare(t, 0, d, want)
			})
		}
	}
}

// unreadable is a file of which one read fails.
type unreadable struct {
	cloud.File
	fails int
}

func (u *unreadable) ReadAt(p []byte, off int64) (int, error) {
	if u.fails--; u.fails == 0 {
		return 0, syscall.EIO
	}
	return u.File.ReadAt(p, off)
}
