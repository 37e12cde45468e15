// Package special is symlinks, FIFOs, sockets and devices that are being made.
// Such a file is whole from the start, and never changes but for its attributes.
package special

import (
	"crypto/rand"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/draft"
	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Special is one that is being made.
type Special struct {
	env     *draft.Env
	log     *entries.Log
	version journal.Sealed
	content []byte
	ids     []cipher.WriteID
	salts   [][16]byte // by cloud
}

// New draws the ids of one with that type, mode and owner, and gives it its
// version.
func New(env *draft.Env, log *entries.Log, like cipher.Header, content []byte) (*Special, error) {
	records := int(env.Layout.Records(int64(len(content))))
	ids, last, err := env.Draw(records+1, 0)
	if err != nil {
		return nil, err
	}
	now := env.Clock()
	like.MtimeSec, like.MtimeNsec = now.Unix(), uint32(now.Nanosecond())
	like.Length, like.Version = int64(len(content)), cipher.Vector(nil).With(env.Writer(), last)
	rand.Read(like.FileID[:])
	rand.Read(like.CommitID[:])
	n := env.Clouds.N()
	sp := &Special{env: env, log: log, content: content, ids: ids[:records], salts: make([][16]byte, n)}
	sp.version = journal.Sealed{Head: like, Accs: make([]cipher.Acc, n)}
	for k := range sp.salts {
		rand.Read(sp.salts[k][:])
	}
	return sp, nil
}

// Note tells the log of it, and returns the entry.
func (sp *Special) Note(path string) (*journal.Entry, error) {
	c := &journal.Commit{Head: journal.NewHead(&sp.version)}
	for i, id := range sp.ids {
		c.Chunks = append(c.Chunks, journal.Chunk{Index: int64(i), ID: append([]byte(nil), id[:]...)})
	}
	h := &sp.version.Head
	e := &journal.Entry{Op: journal.OpSpecial, Path: []byte(path), File: &h.FileID, Kind: replica.Kind(h.Type), Salts: make([][]byte, len(sp.salts)), Commit: c}
	for _, cl := range sp.env.Clouds.Ups() {
		e.Salts[cl.Index] = sp.salts[cl.Index][:]
	}
	_, err := sp.log.Append(e, sp.content)
	return e, err
}

// Make writes it, whole, into one cloud.
func (sp *Special) Make(cl *clouds.Cloud, path string) error {
	h := sp.version.Head
	h.Salt = sp.salts[cl.Index]
	return cl.MakeWhole(path, h, &replica.Run{Plain: sp.content, IDs: sp.ids}, sp.env.Owners)
}

// Head is its header, without what is each cloud's.
func (sp *Special) Head() *cipher.Header { return &sp.version.Head }
