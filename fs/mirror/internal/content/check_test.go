package content

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
)

// nowhere is a file without a name.
type nowhere struct{}

func (nowhere) Ino() uint64                                                    { return 1 }
func (nowhere) Kind() uint32                                                   { return unix.S_IFREG }
func (nowhere) Path(int) (string, bool)                                        { return "", false }
func (nowhere) Parent() (Dir, bool)                                            { return nil, false }
func (nowhere) Plain() (string, bool)                                          { return "", false }
func (nowhere) Search()                                                        {}
func (nowhere) Known(*cipher.Header)                                           {}
func (nowhere) Committed(*cipher.Header, []*cloud.Info, []*clouds.Cloud) error { return nil }
func (nowhere) Choose(set *copies.Set) *cipher.Header                          { return set.Compare() }
func (nowhere) Shows(int, cloud.Info)                                          {}
func (nowhere) Length(int, cloud.Info, int64)                                  {}
func (nowhere) Replaced(int, uint64)                                           {}
func (nowhere) Shared(int, uint64) bool                                        { return false }
func (nowhere) Ref()                                                           {}
func (nowhere) Forget()                                                        {}

// bare is a file of three chunks, two of them stored.
func bare() *File {
	s := &Store{}
	s.Env.Env = &copies.Env{Clouds: &clouds.Clouds{}, Layout: cipher.Layout{ChunkLog2: 12}}
	f := s.newFile(&Object{Place: nowhere{}, s: s})
	f.Sealed.Head = cipher.Header{Type: cipher.TypeFile, CommitID: cipher.ID{1}, Length: 2 * 4096, Version: cipher.Vector(nil).With(1, 1)}
	f.Copies.Stored = f.Sealed
	f.Length, f.Covered, f.ref = 3*4096, 2, 1
	return f
}

// breaks are the ways in which a file can be what it never is, by a part of what check says of it.
var breaks = map[string]func(f *File){
	"the memory of the layers":     func(f *File) { f.Reserved = 1 },
	"a sealed version covers":      func(f *File) { f.Covered = 1 },
	"direct records lie":           func(f *File) { f.Layers.Direct.Add(1, 3) },
	"and not synced lies before":   func(f *File) { f.Unsynced.Add(2, 4) },
	"not counted as direct":        func(f *File) { f.Layers.Direct.Add(2, 3); f.Layers.Draft.Chunks[2] = &layer.Chunk{} },
	"belong to a version":          func(f *File) { f.Layers.Sealed.Chunks[0] = &layer.Chunk{} },
	"acc is asked only":            func(f *File) { f.Sealed.Head.CommitID = cipher.ID{2}; f.Layers.Applying.Cut = 1 },
	"fresh backing files":          func(f *File) { f.beside, f.Copies.Changing = nowhere{}, true },
	"a file without a name":        func(f *File) { f.Nameless = true },
	"that has something on its":    func(f *File) { f.ref = 0; f.Layers.Draft.Cut = 1 },
	"an acc for each cloud, and a": func(f *File) { f.Accs = append(f.Accs, cipher.Acc{}) },
}

// TestCheck breaks each of the invariants, and wants it named.
func TestCheck(t *testing.T) {
	if err := bare().check(); err != nil {
		t.Fatalf("nothing is wrong: %v", err)
	}
	for what, breaks := range breaks {
		f := bare()
		breaks(f)
		if err := f.check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestCheckAtUnlock gives back the lock of a file that is broken: under the race detector that panics.
func TestCheckAtUnlock(t *testing.T) {
	for what, breaks := range breaks {
		panics := make(chan bool)
		go func() {
			defer func() { panics <- recover() != nil }()
			f := bare()
			f.lock()
			breaks(f)
			f.unlock()
		}()
		if got := <-panics; got != checked {
			t.Errorf("%s: panics: %v, want %v", what, got, checked)
		}
	}
}
