package copies

import (
	"crypto/rand"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Special is what is no regular file. It is whole from the start.
type Special struct {
	Head    cipher.Header
	Entry   *journal.Entry // of the log, without the content
	Content []byte

	ids    []cipher.WriteID
	owners bool
}

// Special is what has a header, and a content of which each record has its write
// id. It draws the salts, and makes the log's entry.
func (e *Env) Special(path string, h cipher.Header, content []byte, ids []cipher.WriteID) *Special {
	h.Length = int64(len(content))
	sealed := &journal.Sealed{Head: h, Accs: make([]cipher.Acc, e.Clouds.N())}
	entry := &journal.Entry{Op: journal.OpSpecial, Path: []byte(path), File: &h.FileID, Kind: replica.Kind(h.Type), Salts: make([][]byte, e.Clouds.N())}
	for _, cl := range e.Clouds.Ups() {
		entry.Salts[cl.Index] = make([]byte, 16)
		rand.Read(entry.Salts[cl.Index])
	}
	entry.Commit = &journal.Commit{Head: journal.NewHead(sealed)}
	for i, id := range ids {
		entry.Commit.Chunks = append(entry.Commit.Chunks, journal.Chunk{Index: int64(i), ID: append([]byte(nil), id[:]...)})
	}
	return &Special{Head: h, Entry: entry, Content: content, ids: ids, owners: e.Owners}
}

// Make writes it into one cloud.
func (sp *Special) Make(cl *clouds.Cloud, path string) error {
	h := sp.Head
	h.Salt = [16]byte(sp.Entry.Salts[cl.Index])
	return cl.MakeWhole(path, h, &replica.Run{Plain: sp.Content, IDs: sp.ids}, sp.owners)
}
