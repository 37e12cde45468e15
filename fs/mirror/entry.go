package mirror

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// op says what an entry of the log records.
type op uint8

const (
	opBind    op = iota + 1 // Ref stands for the file at Path from here on
	opCreate                // a new file, not committed yet
	opDirect                // Count records from First on are about to be written directly
	opWrite                 // data at Off, pending
	opZero                  // Length zero bytes at Off, pending
	opSize                  // a new length, pending
	opAttr                  // new attributes, pending
	opFresh                 // the file is empty and goes on in the backing files Temps
	opCommit                // a sealed version
	opSpecial               // a symlink, FIFO, socket or device, with its content
	opMkdir                 //
	opRename                // Path to To
	opSwap                  // Path and To change places
	opLink                  // To is another name for Path
	opUnlink                //
	opRmdir                 //
	opDirAttr               // attributes of a directory
)

// entry is one entry of the redo log: this, as JSON, and raw data behind it.
// Paths are plaintext; the log is sealed.
type entry struct {
	Op      op           `json:"o"`
	Ref     uint64       `json:"r,omitempty"`
	Path    []byte       `json:"p,omitempty"`
	To      []byte       `json:"t,omitempty"`
	Also    []byte       `json:"b,omitempty"` // another name of what loses one here, if it is in use
	File    *cipher.ID   `json:"f,omitempty"`
	Kind    uint32       `json:"k,omitempty"` // S_IFMT bits
	Over    uint32       `json:"y,omitempty"` // what To was before
	First   int64        `json:"a,omitempty"`
	Count   int64        `json:"n,omitempty"`
	Off     int64        `json:"x,omitempty"`
	Length  int64        `json:"l,omitempty"`
	Counter uint64       `json:"c,omitempty"` // own records with a greater one are newer than this change
	Attrs   *attrEntry   `json:"m,omitempty"`
	Salts   [][]byte     `json:"s,omitempty"` // by cloud
	Inodes  []uint64     `json:"i,omitempty"` // of a directory, by cloud
	Other   *identity    `json:"g,omitempty"` // of To
	Temps   []string     `json:"e,omitempty"` // by cloud
	Commit  *commitEntry `json:"v,omitempty"`

	data []byte
}

// identity is a file's id, or a directory's inodes by cloud.
type identity struct {
	File   *cipher.ID `json:"f,omitempty"`
	Inodes []uint64   `json:"i,omitempty"`
}

// attrEntry is attributes, whole for a file, and what changes for a directory.
type attrEntry struct {
	Mode  *uint32    `json:"m,omitempty"`
	UID   *uint32    `json:"u,omitempty"`
	GID   *uint32    `json:"g,omitempty"`
	Atime *time.Time `json:"a,omitempty"`
	Mtime *time.Time `json:"t,omitempty"`
}

// headEntry is what a version's headers have in common.
type headEntry struct {
	Type     cipher.Type   `json:"t"`
	File     cipher.ID     `json:"f"`
	Commit   cipher.ID     `json:"c"`
	Flags    cipher.Flags  `json:"b,omitempty"`
	Mode     uint32        `json:"m"`
	UID      uint32        `json:"u"`
	GID      uint32        `json:"g"`
	Length   int64         `json:"l"`
	Sec      int64         `json:"s"`
	Nsec     uint32        `json:"n"`
	Version  cipher.Vector `json:"v"`
	AccSlice [][]byte      `json:"a"` // by cloud
}

// commitEntry is a sealed version: enough to finish it in any cloud.
type commitEntry struct {
	Base   headEntry    `json:"b"` // what a DIRTY header says
	Head   headEntry    `json:"h"`
	Cut    *int64       `json:"x,omitempty"` // chunks from here on went before Chunks came
	Direct spans        `json:"d,omitempty"` // records that were written directly
	Chunks []chunkEntry `json:"k,omitempty"`
	Fresh  bool         `json:"f,omitempty"` // into the backing files of opFresh
}

// chunkEntry is one chunk; its N bytes are in the entry's data, one after the
// other. A hole has no id.
type chunkEntry struct {
	Index int64  `json:"i"`
	N     int    `json:"n,omitempty"`
	ID    []byte `json:"w,omitempty"`
}

// MarshalJSON and UnmarshalJSON write a run as [lo, hi].
func (s span) MarshalJSON() ([]byte, error) { return json.Marshal([2]int64{s.lo, s.hi}) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (s *span) UnmarshalJSON(b []byte) error {
	var pair [2]int64
	err := json.Unmarshal(b, &pair)
	s.lo, s.hi = pair[0], pair[1]
	return err
}

func newHeadEntry(s *sealed) headEntry {
	h := &s.head
	e := headEntry{
		Type: h.Type, File: h.FileID, Commit: h.CommitID, Flags: h.Flags, Mode: h.Mode, UID: h.UID, GID: h.GID,
		Length: h.Length, Sec: h.MtimeSec, Nsec: h.MtimeNsec, Version: h.Version,
	}
	for k := range s.accs {
		e.AccSlice = append(e.AccSlice, s.accs[k][:])
	}
	return e
}

// sealed is the inverse of newHeadEntry, for n clouds.
func (e *headEntry) sealed(n int) sealed {
	s := sealed{head: cipher.Header{
		Type: e.Type, FileID: e.File, CommitID: e.Commit, Flags: e.Flags, Mode: e.Mode, UID: e.UID, GID: e.GID,
		Length: e.Length, MtimeSec: e.Sec, MtimeNsec: e.Nsec, Version: e.Version,
	}, accs: make([]cipher.Acc, n)}
	for k := range min(n, len(e.AccSlice)) {
		copy(s.accs[k][:], e.AccSlice[k])
	}
	return s
}

// append writes an entry to the log, with data behind it.
func (m *Mirror) append(e *entry, data ...[]byte) (uint64, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("redo log: %w", err)
	}
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(head)))
	seq, err := m.log.AppendV(append([][]byte{size[:], head}, data...)...)
	if err != nil {
		return 0, fmt.Errorf("redo log: %w", err)
	}
	return seq, nil
}

// parseEntry reads what append wrote.
func parseEntry(payload []byte) (*entry, error) {
	if len(payload) < 4 {
		return nil, fmt.Errorf("redo log: an entry of %d bytes", len(payload))
	}
	n := int64(binary.BigEndian.Uint32(payload))
	if n > int64(len(payload)-4) {
		return nil, fmt.Errorf("redo log: an entry whose head is longer than itself")
	}
	var e entry
	if err := json.Unmarshal(payload[4:4+n], &e); err != nil {
		return nil, fmt.Errorf("redo log: %w", err)
	}
	e.data = payload[4+n:]
	return &e, nil
}

// salts collects the salts of a file's copies, by cloud.
func salts(copies []*copyOf) [][]byte {
	list := make([][]byte, len(copies))
	for k, c := range copies {
		if c != nil && c.head != nil {
			list[k] = append([]byte(nil), c.head.Salt[:]...)
		}
	}
	return list
}
