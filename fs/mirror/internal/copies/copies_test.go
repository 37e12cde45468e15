package copies_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/vault"
)

const chunk = 4096

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quiet is the state, the ledger and the owner of one file.
type quiet struct{}

func (quiet) Owes() map[cipher.ID]vault.Owes       { return nil }
func (quiet) MarkOwes(cipher.ID, vault.Owes) error { return nil }
func (quiet) ClearOwes(cipher.ID) error            { return nil }
func (quiet) WasChecked(index.Checked) bool        { return false }
func (quiet) Checked(index.Checked)                {}
func (quiet) Ino() uint64                          { return 1 }
func (quiet) CheckLater(*copies.Check)             {}

// newEnv is n clouds.
func newEnv(t *testing.T, n int) *copies.Env {
	t.Helper()
	var list []clouds.Config
	for k := range n {
		keys, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{byte(k)}, Suite: cipher.AES256, ChunkLog2: 12})
		must(t, err)
		list = append(list, clouds.Config{Name: fmt.Sprint(k), ID: cipher.ID{byte(k)}, Dir: cloudtest.NewMem(), Cipher: keys})
	}
	logger := slog.New(slog.DiscardHandler)
	all, err := clouds.New(list, clouds.Options{State: quiet{}, Logger: logger})
	must(t, err)
	return &copies.Env{Clouds: all, Layout: cipher.Layout{ChunkLog2: 12}, Ledger: quiet{}, Logger: logger}
}

var plain = append(bytes.Repeat([]byte{1}, chunk), append(bytes.Repeat([]byte{2}, chunk), "the end"...)...)

func ids(counter uint64) (list []cipher.WriteID) {
	for i := range uint64(3) {
		list = append(list, cipher.NewWriteID(7, counter+i, [6]byte{byte(counter)}))
	}
	return list
}

// build writes two versions of a file into a cloud, the later one over the earlier, and returns the records of the earlier.
func build(t *testing.T, e *copies.Env, cl *clouds.Cloud) (old []byte) {
	t.Helper()
	c := copies.New(cl, [16]byte{byte(cl.Index)})
	must(t, c.Make("file", 0o600, cipher.ID{9}))
	defer c.Close()
	for _, counter := range []uint64{10, 20} {
		r := &replica.Run{Plain: plain, IDs: ids(counter)}
		raw := make([]byte, r.Raw())
		must(t, c.Put(r, raw))
		if old == nil {
			old = raw
		}
		v := journal.Sealed{Accs: make([]cipher.Acc, e.Clouds.N()), Head: cipher.Header{
			Type: cipher.TypeFile, FileID: cipher.ID{9}, CommitID: cipher.ID{byte(counter)}, Length: int64(len(plain)), Version: cipher.Vector(nil).With(7, counter+3),
		}}
		c.Keys.Terms(&v.Accs[cl.Index], 0, r.IDs, nil)
		must(t, c.WriteVersion(&v))
	}
	return old
}

// load opens the copies in all clouds.
func load(t *testing.T, e *copies.Env) *copies.Set {
	t.Helper()
	s := &copies.Set{Env: e, Owner: quiet{}}
	for _, cl := range e.Clouds.All() {
		s.List = append(s.List, e.Load(cl, "file", true, unix.S_IFREG))
	}
	best := s.Compare()
	if best == nil {
		t.Fatal(s.Unreadable("load"))
	}
	s.Adopt(best)
	return s
}

// overwrite puts bytes into a backing file behind everybody's back.
func overwrite(t *testing.T, d cloud.Dir, p []byte, off int64) {
	t.Helper()
	f, err := d.Open("file", true)
	must(t, err)
	_, err = f.WriteAt(p, off)
	must(t, errors.Join(err, f.Close()))
}

// TestFetch does something to the copy that is read, and wants what was written all the same from two clouds, and an error from
// one.
func TestFetch(t *testing.T) {
	second := cipher.Layout{ChunkLog2: 12}.RecordOffset(1)
	stride := int64(chunk + cipher.RecordOverhead)
	for what, harm := range map[string]func(t *testing.T, d cloud.Dir, old []byte){
		"nothing":           nil,
		"a bit is flipped":  func(t *testing.T, d cloud.Dir, old []byte) { overwrite(t, d, []byte("?"), second+100) },
		"an older record":   func(t *testing.T, d cloud.Dir, old []byte) { overwrite(t, d, old[stride:2*stride], second) },
		"all older records": func(t *testing.T, d cloud.Dir, old []byte) { overwrite(t, d, old, cipher.HeaderSize) },
		"zeros":             func(t *testing.T, d cloud.Dir, old []byte) { overwrite(t, d, make([]byte, stride), second) },
		"the end is missing": func(t *testing.T, d cloud.Dir, old []byte) {
			f, err := d.Open("file", true)
			must(t, err)
			must(t, errors.Join(f.Truncate(second+stride), f.Close()))
		},
	} {
		for n := 1; n <= 2; n++ {
			e := newEnv(t, n)
			var old []byte
			for _, cl := range e.Clouds.All() {
				if records := build(t, e, cl); old == nil {
					old = records
				}
			}
			if harm != nil {
				harm(t, e.Clouds.Lead().Dir, old)
			}
			s := load(t, e)
			got := make([]byte, len(plain))
			err := s.Fetch(replica.NewRun(0, 3, got), copies.Allowed{Version: s.Stored.Head.Version})
			var none *copies.UnreadableError
			switch {
			case harm == nil || n == 2:
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s, %d clouds: %v, right: %v", what, n, err, bytes.Equal(got, plain))
				}
			case !errors.As(err, &none):
				t.Errorf("%s, one cloud: %v", what, err)
			}
			s.Close()
		}
	}
}

// TestCompare: a version that is older, or of another file, does not serve, and which one that is does not depend on the order.
func TestCompare(t *testing.T) {
	e := newEnv(t, 2)
	for _, cl := range e.Clouds.All() {
		build(t, e, cl)
	}
	s := load(t, e)
	newer := *s.List[0].Head
	newer.Version, newer.CommitID = newer.Version.With(8, 1), cipher.ID{0xee}
	for k := range 2 {
		s := load(t, e)
		s.List[k].Head = &newer
		best := s.Compare()
		if best != &newer || s.List[k].Err != nil || !errors.Is(s.List[1-k].Err, replica.ErrOlder) {
			t.Errorf("cloud %d is newer: %v and %v", k, s.List[k].Err, s.List[1-k].Err)
		}
	}
	other := *s.List[1].Head
	other.FileID = cipher.ID{0xff}
	s.List[1].Head = &other
	if s.Compare(); s.List[0].Err != nil || !errors.Is(s.List[1].Err, replica.ErrConflict) {
		t.Errorf("another file: %v and %v", s.List[0].Err, s.List[1].Err)
	}
}
