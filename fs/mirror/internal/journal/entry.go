package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// Op says what an entry of the log records.
type Op uint8

const (
	OpBind     Op = iota + 1 // Ref stands for the file at Path from here on
	OpCreate                 // a new file, not committed yet
	OpDirect                 // Count records from First on are about to be written directly
	OpWrite                  // data at Off, pending
	OpZero                   // Length zero bytes at Off, pending
	OpSize                   // a new length, pending
	OpAttr                   // new attributes, pending
	OpFresh                  // the file is empty and goes on in the backing files Temps
	OpCommit                 // a sealed version
	OpSpecial                // a symlink, FIFO, socket or device, with its content
	OpMkdir                  //
	OpRename                 // Path to To
	OpExchange               // Path and To change places
	OpLink                   // To is another name for Path
	OpUnlink                 //
	OpRmdir                  //
	OpDirAttr                // attributes of a directory
	OpRevoke                 // the entry with the number Revokes came to nothing, and does for good; or every change of Ref that is in no version
	OpFirm                   // the last version of the file at Path is durable in some cloud, with the names that lead there
	OpReplayed               // all before was brought to the clouds after a power cut: what they have of it is lost by another one only
	OpLeft                   // File has lost a name before, at the version Had if that is known, and others are not told of it yet
)

// Entry is one entry of the redo log: this, as JSON, and raw data behind it.
// Paths are plaintext; the log is sealed. In the JSON the parts of Range and Before
// stand side by side with the others, in the order in which they are here.
type Entry struct {
	Op   Op         `json:"o"`
	Ref  uint64     `json:"r,omitempty"`
	Path []byte     `json:"p,omitempty"`
	To   []byte     `json:"t,omitempty"`
	Also []byte     `json:"b,omitempty"` // another name of what loses one here, if it is in use
	File *cipher.ID `json:"f,omitempty"`
	Kind uint32     `json:"k,omitempty"` // S_IFMT bits
	Over uint32     `json:"y,omitempty"` // what To was before
	Range
	Attrs *Attrs   `json:"m,omitempty"`
	Salts [][]byte `json:"s,omitempty"` // by cloud
	Before
	Temps   []string `json:"e,omitempty"` // by cloud
	Commit  *Commit  `json:"v,omitempty"`
	Revokes uint64   `json:"q,omitempty"` // the number of an entry that came to nothing
	Linked  bool     `json:"d,omitempty"` // of OpLeft: it has lost none, but has got one more

	Data []byte `json:"-"` // what stands behind the head
	Seq  uint64 `json:"-"` // its number in the log; never given again
}

// Range is the part of a file's content that a change is of.
type Range struct {
	First   int64  `json:"a,omitempty"` // chunk
	Count   int64  `json:"n,omitempty"` // of chunks
	Off     int64  `json:"x,omitempty"`
	Length  int64  `json:"l,omitempty"`
	Counter uint64 `json:"c,omitempty"` // own records with a greater one are newer than this change
}

// Before is what was at the paths before, as far as it was known.
type Before struct {
	Inodes  []uint64      `json:"i,omitempty"` // of a directory, by cloud
	Handles [][]byte      `json:"h,omitempty"` // of a directory, by cloud; what finds it wherever it is
	Seen    cipher.Vector `json:"w,omitempty"` // the version of a file that goes, where it is known
	Had     cipher.Vector `json:"z,omitempty"` // the version of the file at Path, where it is known
	Other   *Identity     `json:"g,omitempty"` // of To
	Last    *cipher.ID    `json:"j,omitempty"` // the file that loses its last name for sure, or goes on under another id
}

// Names are the paths of the names that an operation is about.
func (e *Entry) Names() []string {
	if len(e.To) == 0 {
		return []string{string(e.Path)}
	}
	return []string{string(e.Path), string(e.To)}
}

// Identity is a file's id, or a directory's inodes and handles by cloud.
type Identity struct {
	File    *cipher.ID `json:"f,omitempty"`
	Inodes  []uint64   `json:"i,omitempty"`
	Handles [][]byte   `json:"h,omitempty"`
}

// Attrs is attributes, whole for a file, and what changes for a directory.
type Attrs struct {
	Mode  *uint32    `json:"m,omitempty"`
	UID   *uint32    `json:"u,omitempty"`
	GID   *uint32    `json:"g,omitempty"`
	Atime *time.Time `json:"a,omitempty"`
	Mtime *time.Time `json:"t,omitempty"`
}

// Head is what a version's headers have in common.
type Head struct {
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

// Commit is a sealed version: enough to finish it in any cloud.
type Commit struct {
	Base   Head    `json:"b"` // what a DIRTY header says
	Head   Head    `json:"h"`
	Cut    *int64  `json:"x,omitempty"` // chunks from here on went before Chunks came
	Direct Spans   `json:"d,omitempty"` // records that were written directly
	Chunks []Chunk `json:"k,omitempty"`
	Fresh  bool    `json:"f,omitempty"` // into the backing files of OpFresh
	Firm   bool    `json:"s,omitempty"` // Direct is durable in some cloud, with the entry that leads to it
}

// Chunk is one chunk; its N bytes are in the entry's data, one after the
// other. A hole has no id.
type Chunk struct {
	Index int64  `json:"i"`
	N     int    `json:"n,omitempty"`
	ID    []byte `json:"w,omitempty"`
}

// MarshalJSON and UnmarshalJSON write a run as [lo, hi].
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal([2]int64{s.Lo, s.Hi}) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (s *Span) UnmarshalJSON(b []byte) error {
	var pair [2]int64
	err := json.Unmarshal(b, &pair)
	s.Lo, s.Hi = pair[0], pair[1]
	return err
}

// Sealed is a version of a file: the header that every cloud gets, with the acc
// of each.
type Sealed struct {
	Head cipher.Header // Salt and Acc are each cloud's
	Accs []cipher.Acc
}

// Committed reports whether it is a version at all: a new file has none yet.
func (s *Sealed) Committed() bool { return len(s.Head.Version) > 0 }

// NewHead is what the log keeps of a version.
func NewHead(s *Sealed) Head {
	h := &s.Head
	e := Head{
		Type: h.Type, File: h.FileID, Commit: h.CommitID, Flags: h.Flags, Mode: h.Mode, UID: h.UID, GID: h.GID,
		Length: h.Length, Sec: h.MtimeSec, Nsec: h.MtimeNsec, Version: h.Version,
	}
	for k := range s.Accs {
		e.AccSlice = append(e.AccSlice, s.Accs[k][:])
	}
	return e
}

// Sealed is the inverse of NewHead, for n clouds.
func (e *Head) Sealed(n int) Sealed {
	s := Sealed{Head: cipher.Header{
		Type: e.Type, FileID: e.File, CommitID: e.Commit, Flags: e.Flags, Mode: e.Mode, UID: e.UID, GID: e.GID,
		Length: e.Length, MtimeSec: e.Sec, MtimeNsec: e.Nsec, Version: e.Version,
	}, Accs: make([]cipher.Acc, n)}
	for k := range min(n, len(e.AccSlice)) {
		copy(s.Accs[k][:], e.AccSlice[k])
	}
	return s
}

// Encode gives the parts of the log's payload: the length of the head, the head
// and the data.
func (e *Entry) Encode(data ...[]byte) ([][]byte, error) {
	head, err := e.json()
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.AppendUint32(nil, uint32(len(head)))
	return append([][]byte{size, head}, data...), nil
}

// Parse reads a payload; Data is a part of it.
func Parse(payload []byte) (*Entry, error) {
	if len(payload) < 4 {
		return nil, fmt.Errorf("redo log: an entry of %d bytes", len(payload))
	}
	n := int64(binary.BigEndian.Uint32(payload))
	if n > int64(len(payload)-4) {
		return nil, fmt.Errorf("redo log: an entry whose head is longer than itself")
	}
	var e Entry
	if err := json.Unmarshal(payload[4:4+n], &e); err != nil {
		return nil, fmt.Errorf("redo log: %w", err)
	}
	e.Data = payload[4+n:]
	return &e, nil
}

// EachChunk calls do for every chunk that the entry has of a version, with its content.
func (e *Entry) EachChunk(layout cipher.Layout, do func(ch Chunk, plain []byte) error) error {
	if e.Op == OpSpecial {
		return e.Commit.EachPart(layout, e.Data, do)
	}
	return e.Commit.EachChunk(e.Data, do)
}

// EachChunk calls do for every chunk with its part of the entry's data.
func (v *Commit) EachChunk(data []byte, do func(ch Chunk, plain []byte) error) error {
	for _, ch := range v.Chunks {
		if ch.N < 0 || ch.N > len(data) {
			return fmt.Errorf("redo log: chunk %d of a commit has no data", ch.Index)
		}
		if err := do(ch, data[:ch.N]); err != nil {
			return err
		}
		data = data[ch.N:]
	}
	return nil
}

// EachPart is EachChunk for the content of what is no regular file, which the log
// holds in one piece.
func (v *Commit) EachPart(layout cipher.Layout, data []byte, do func(ch Chunk, plain []byte) error) error {
	size := layout.ChunkSize()
	for _, ch := range v.Chunks {
		lo := ch.Index * size
		if lo < 0 || lo > int64(len(data)) {
			return fmt.Errorf("redo log: chunk %d has no data", ch.Index)
		}
		if err := do(ch, data[lo:min(lo+size, int64(len(data)))]); err != nil {
			return err
		}
	}
	return nil
}
