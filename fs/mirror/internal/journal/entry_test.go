package journal_test

import (
	"bytes"
	"encoding/binary"
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

// frozenEntry is the head of an entry with everything that one can say, as the log has it: what was once written is read for ever.
const frozenEntry = `{"o":9,"r":5,"p":"YS9i/w==","t":"Yw==","b":"ZA==","f":"01020300000000000000000000000000","k":32768,"y":16384,` +
	`"a":1,"n":2,"x":3,"l":4,"c":5,` +
	`"m":{"m":416,"u":1000,"g":100,"a":"2020-09-13T12:26:40.000000005Z","t":"2020-09-13T12:26:41.000000006Z"},"s":["AQ==",null],` +
	`"i":[6,0],"h":["Bw==",null],"w":[{"Writer":7,"Counter":1}],"z":[{"Writer":7,"Counter":2}],` +
	`"g":{"f":"01020300000000000000000000000000","i":[8],"h":["CQ=="]},"e":[".~x.tmp",""],` +
	`"v":{"b":` + frozenHead + `,"h":` + frozenHead + `,"x":4,"d":[[1,3]],"k":[{"i":0,"n":3,"w":"AAAAAAAAAAAAAAAAAAAAAA=="},{"i":2}],"f":true,"s":true},"q":10}`

const frozenHead = `{"t":1,"f":"01020300000000000000000000000000","c":"09000000000000000000000000000000","b":1,"m":416,"u":1000,"g":100,` +
	`"l":4100,"s":1600000000,"n":5,"v":[{"Writer":7,"Counter":12}],"a":["AQ==","Ag=="]}`

// whole is what frozenEntry says.
func whole() *journal.Entry {
	id, cut, mode, uid, gid := cipher.ID{1, 2, 3}, int64(4), uint32(0o640), uint32(1000), uint32(100)
	atime, mtime := time.Unix(1_600_000_000, 5).UTC(), time.Unix(1_600_000_001, 6).UTC()
	head := journal.Head{
		Type: cipher.TypeFile, File: id, Commit: cipher.ID{9}, Flags: 1, Mode: mode, UID: uid, GID: gid, Length: 4100,
		Sec: 1_600_000_000, Nsec: 5, Version: cipher.Vector(nil).With(7, 12), AccSlice: [][]byte{{1}, {2}},
	}
	return &journal.Entry{
		Op: journal.OpCommit, Ref: 5, Path: []byte("a/b\xff"), To: []byte("c"), Also: []byte("d"), File: &id, Kind: 0o100000, Over: 0o40000,
		Range: journal.Range{First: 1, Count: 2, Off: 3, Length: 4, Counter: 5},
		Attrs: &journal.Attrs{Mode: &mode, UID: &uid, GID: &gid, Atime: &atime, Mtime: &mtime}, Salts: [][]byte{{1}, nil},
		Before: journal.Before{
			Inodes: []uint64{6, 0}, Handles: [][]byte{{7}, nil}, Seen: cipher.Vector(nil).With(7, 1), Had: cipher.Vector(nil).With(7, 2),
			Other: &journal.Identity{File: &id, Inodes: []uint64{8}, Handles: [][]byte{{9}}},
		},
		Temps: []string{".~x.tmp", ""},
		Commit: &journal.Commit{
			Base: head, Head: head, Cut: &cut, Direct: journal.Spans{{Lo: 1, Hi: 3}},
			Chunks: []journal.Chunk{{Index: 0, N: 3, ID: make([]byte, 16)}, {Index: 2}}, Fresh: true, Firm: true,
		},
		Revokes: 10,
	}
}

func TestFrozenEntry(t *testing.T) {
	payload := append(binary.BigEndian.AppendUint32(nil, uint32(len(frozenEntry))), frozenEntry+"abc"...)
	if got := encode(t, whole(), []byte("abc")); !bytes.Equal(got, payload) {
		t.Errorf("written as\n%s, want\n%s", got[4:], payload[4:])
	}
	want := whole()
	want.Data = []byte("abc")
	if got, err := journal.Parse(payload); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %+v (%v), want %+v", got, err, want)
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
