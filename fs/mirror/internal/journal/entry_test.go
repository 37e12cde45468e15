package journal_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

func sample() (*journal.Entry, []byte) {
	id, cut, mode, now := cipher.ID{1, 2, 3}, int64(4), uint32(0o640), time.Unix(1_600_000_000, 5).UTC()
	version := journal.Sealed{Head: cipher.Header{
		Type: cipher.TypeFile, FileID: id, CommitID: cipher.ID{9}, Length: 4100, Mode: 0o640, Version: cipher.Vector(nil).With(7, 12),
	}, Accs: []cipher.Acc{{1}, {2}}}
	return &journal.Entry{
		Op: journal.OpCommit, Ref: 5, Path: []byte("a/b\xff"), File: &id, Attrs: &journal.Attrs{Mode: &mode, Mtime: &now}, Salts: [][]byte{{1}, nil},
		Commit: &journal.Commit{
			Base: journal.NewHead(&journal.Sealed{}), Head: journal.NewHead(&version), Cut: &cut, Direct: journal.Spans{{Lo: 1, Hi: 3}},
			Chunks: []journal.Chunk{{Index: 0, N: 3, ID: make([]byte, 16)}, {Index: 2}, {Index: 3, N: 2, ID: make([]byte, 16)}},
		},
	}, []byte("abcde")
}

func encode(t testing.TB, e *journal.Entry, data []byte) []byte {
	parts, err := e.Encode(data)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join(parts, nil)
}

func TestEntry(t *testing.T) {
	want, data := sample()
	got, err := journal.Parse(encode(t, want, data))
	if err != nil {
		t.Fatal(err)
	}
	if want.Data = data; !reflect.DeepEqual(got, want) {
		t.Errorf("read back as %+v, want %+v", got, want)
	}
	head := want.Commit.Head.Sealed(2)
	if again := journal.NewHead(&head); !reflect.DeepEqual(again, want.Commit.Head) {
		t.Errorf("the version became %+v", again)
	}
	var chunks []string
	err = got.Commit.EachChunk(got.Data, func(_ journal.Chunk, plain []byte) error {
		chunks = append(chunks, string(plain))
		return nil
	})
	if err != nil || !reflect.DeepEqual(chunks, []string{"abc", "", "de"}) {
		t.Errorf("the chunks are %q (%v)", chunks, err)
	}
	if err := got.Commit.EachChunk(got.Data[:4], func(journal.Chunk, []byte) error { return nil }); err == nil {
		t.Error("data that is too short is no error")
	}
}

// FuzzParse wants an error or an entry of whatever the log holds, never a panic.
func FuzzParse(f *testing.F) {
	e, data := sample()
	whole := encode(f, e, data)
	f.Add(whole)
	f.Add(whole[:3])
	f.Add([]byte{0, 0, 0, 200, '{', '}'})
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := journal.Parse(payload)
		if err != nil || e.Commit == nil {
			return
		}
		_ = e.Commit.EachChunk(e.Data, func(journal.Chunk, []byte) error { return nil })
	})
}
