package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/cipher"
)

func fileID(i int) cipher.ID {
	var id cipher.ID
	binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
	return id
}

// commits are n files at counters of their own.
func commits(n int) []Committed {
	batch := make([]Committed, n)
	for i := range batch {
		batch[i] = Committed{fileID(i), cipher.Version{Writer: 9, Counter: uint64(i) + 100}}
	}
	return batch
}

// known counts the commits that a ledger gives back as they were.
func known(t *testing.T, s *State, batch []Committed) int {
	t.Helper()
	n := 0
	for _, c := range batch {
		switch version, ok := s.CommittedBy(c.FileID); {
		case ok && version == c.Version:
			n++
		case ok:
			t.Errorf("file %v is at %v, want %v", c.FileID, version, c.Version)
		}
	}
	return n
}

func TestLedger(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	batch := commits(100)
	if n := known(t, s, batch); n != 0 {
		t.Errorf("an empty ledger knows %d files", n)
	}
	check(t, s.RecordCommitted(nil))
	check(t, s.RecordCommitted(batch))
	batch[3].Version = cipher.Version{Writer: 1<<32 - 1, Counter: cipher.MaxCounter - 1}
	check(t, s.RecordCommitted(batch[3:4]))
	for range 2 {
		if n := known(t, s, batch); n != len(batch) {
			t.Errorf("the ledger knows %d files, want %d", n, len(batch))
		}
		s = reopen(t, s)
	}
	if len(s.Warnings()) != 0 {
		t.Errorf("warned of %v", s.Warnings())
	}
}

func TestLedgerChecked(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	one := Checked{Cloud: fileID(1), Ino: 12, CommitID: fileID(2), Ctime: time.Unix(1700000000, 123456789)}
	check(t, s.RecordChecked([]Checked{one}))
	for _, tt := range []struct {
		name string
		edit func(c *Checked)
		want bool
	}{
		{"itself", func(*Checked) {}, true},
		{"in another zone", func(c *Checked) { c.Ctime = c.Ctime.UTC() }, true},
		{"another cloud", func(c *Checked) { c.Cloud = fileID(3) }, false},
		{"another inode", func(c *Checked) { c.Ino++ }, false},
		{"another commit", func(c *Checked) { c.CommitID = fileID(3) }, false},
		{"another ctime", func(c *Checked) { c.Ctime = c.Ctime.Add(1) }, false},
	} {
		c := one
		tt.edit(&c)
		if got := s.WasChecked(c); got != tt.want {
			t.Errorf("%s: checked %v, want %v", tt.name, got, tt.want)
		}
	}
	later := one
	later.CommitID = fileID(4)
	check(t, s.RecordChecked([]Checked{later}))
	if s.WasChecked(one) || !s.WasChecked(later) {
		t.Error("the later check did not replace the earlier one")
	}
}

func TestLedgerConcurrent(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	batch := commits(40)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := range 10 {
				at := part*10 + i
				if err := s.RecordCommitted(batch[at : at+1]); err != nil {
					t.Error(err)
				}
				if _, ok := s.CommittedBy(batch[at].FileID); !ok {
					t.Errorf("file %d is not known", at)
				}
			}
		})
	}
	group.Wait()
	if n := known(t, s, batch); n != len(batch) {
		t.Errorf("the ledger knows %d files, want %d", n, len(batch))
	}
}

// However the file is damaged, between mounts or under a mount: no panic, no
// wrong answer, one warning, and the ledger goes on.
func TestLedgerDamaged(t *testing.T) {
	page := os.Getpagesize()
	for _, tt := range []struct {
		name   string
		damage func(whole []byte) []byte
	}{
		{"text", func([]byte) []byte { return []byte("this is no database") }},
		{"zeros", func(whole []byte) []byte { return make([]byte, len(whole)) }},
		{"no meta pages", func(whole []byte) []byte { clear(whole[:2*page]); return whole }},
		{"only meta pages", func(whole []byte) []byte { clear(whole[2*page:]); return whole }},
		{"cut off after the meta pages", func(whole []byte) []byte { return whole[:2*page] }},
		{"ones", func(whole []byte) []byte { copy(whole[2*page:], bytes.Repeat([]byte{0xff}, len(whole))); return whole }},
		{"values", func(whole []byte) []byte {
			for i := 2*page + 2048; i < len(whole); i += 16 {
				whole[i] ^= 0x10
			}
			return whole
		}},
	} {
		for _, mounted := range []bool{false, true} {
			name := tt.name
			if mounted {
				name += ", while open"
			}
			t.Run(name, func(t *testing.T) {
				v := stateVault(t, osDisk{})
				s := openState(t, v)
				batch := commits(300)
				check(t, s.RecordCommitted(batch))
				if !mounted {
					check(t, s.Close())
				}
				damageFile(t, v.statePath(ledgerName), tt.damage)
				if !mounted {
					s = openState(t, v)
				}
				if n := known(t, s, batch); n >= len(batch) {
					t.Errorf("the damaged ledger knows %d files", n)
				}
				if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], "rollbacks") || strings.Contains(w[0], "\n") {
					t.Errorf("warnings %q, want one line", w)
				}
				check(t, s.RecordCommitted(batch))
				if n := known(t, s, batch); n != len(batch) {
					t.Errorf("the new ledger knows %d files, want %d", n, len(batch))
				}
				aside := 0
				for path := range tree(t, v.statePath("")) {
					if strings.Contains(path, ledgerName+".damaged-") {
						aside++
					}
				}
				if aside != 1 {
					t.Errorf("%d ledgers set aside, want 1", aside)
				}
			})
		}
	}
}

// An error that is no damage leaves the file where it is.
func TestLedgerBusy(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	check(t, s.RecordCommitted(commits(1)))
	_, err := v.OpenState(testKeys(v))
	if err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("a second state: %v", err)
	}
	if n := known(t, s, commits(1)); n != 1 || len(s.Warnings()) != 0 {
		t.Errorf("the first knows %d files and warned of %v", n, s.Warnings())
	}
}

// An entry that was moved to another's key in the file is not that one's.
func TestLedgerMovedEntry(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	batch := commits(2)
	check(t, s.RecordCommitted(batch))
	one, two := s.ledger.mac(committedKind, batch[0].FileID[:]), s.ledger.mac(committedKind, batch[1].FileID[:])
	check(t, s.ledger.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		return b.Put(one, bytes.Clone(b.Get(two)))
	}))
	if version, ok := s.CommittedBy(batch[0].FileID); ok {
		t.Errorf("the first file is at %v", version)
	}
}

// Where even the damaged file cannot be set aside, that is an error, not a hang,
// and the ledger is tried again with the next call.
func TestLedgerIrreplaceable(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	batch := commits(300)
	check(t, s.RecordCommitted(batch))
	damageFile(t, v.statePath(ledgerName), func(whole []byte) []byte { return whole[:2*os.Getpagesize()] })
	path := s.ledger.path
	s.ledger.path = v.statePath("none/ledger")
	for range 2 {
		if err := s.RecordCommitted(batch); err == nil {
			t.Error("recorded on a damaged ledger")
		}
		if n := known(t, s, batch); n != 0 {
			t.Errorf("the damaged ledger knows %d files", n)
		}
	}
	s.ledger.path = path
	check(t, s.RecordCommitted(batch))
	if n := known(t, s, batch); n != len(batch) {
		t.Errorf("the new ledger knows %d files, want %d", n, len(batch))
	}
}
