package content

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Special is a symlink, FIFO, socket or device that is being made. It is whole
// from the start.
type Special struct {
	s       *Store
	version journal.Sealed
	content []byte
	ids     []cipher.WriteID
	salts   [][16]byte // by cloud
}

// NewSpecial draws the ids of one and gives it its version.
func (s *Store) NewSpecial(kind cipher.Type, mode uint32, o Owner, content []byte) (*Special, error) {
	records := int(s.Layout.Records(int64(len(content))))
	ids, last, err := s.Draw(records+1, 0)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	sp := &Special{s: s, content: content, ids: ids[:records], salts: make([][16]byte, s.Clouds.N())}
	sp.version = journal.Sealed{Head: cipher.Header{
		Type: kind, FileID: Random16(), CommitID: Random16(), Mode: mode, UID: o.UID, GID: o.GID,
		Length: int64(len(content)), MtimeSec: now.Unix(), MtimeNsec: uint32(now.Nanosecond()),
		Version: cipher.Vector(nil).With(s.state.Writer(), last),
	}, Accs: make([]cipher.Acc, s.Clouds.N())}
	for k := range sp.salts {
		sp.salts[k] = Random16()
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
	for _, cl := range sp.s.Clouds.Ups() {
		e.Salts[cl.Index] = sp.salts[cl.Index][:]
	}
	_, err := sp.s.log.Append(e, sp.content)
	return e, err
}

// Make writes it, whole, into one cloud.
func (sp *Special) Make(cl *clouds.Cloud, path string) error {
	h := sp.version.Head
	h.Salt = sp.salts[cl.Index]
	return cl.MakeWhole(path, h, &replica.Run{Plain: sp.content, IDs: sp.ids}, sp.s.Env.Owners)
}

// Head is its header, without what is each cloud's.
func (sp *Special) Head() *cipher.Header { return &sp.version.Head }
