package mirror

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Attr is what stat shows.
type Attr struct {
	Ino    uint64
	Size   int64
	Blocks int64 // of 512 bytes, of the copy that is served
	Mode   uint32
	Nlink  uint32
	UID    uint32
	GID    uint32
	Rdev   uint32
	Atime  time.Time
	Mtime  time.Time
	Ctime  time.Time
}

// IsDir reports whether the attributes are a directory's.
func (a *Attr) IsDir() bool { return a.Mode&unix.S_IFMT == unix.S_IFDIR }

// Owner is who a new entry belongs to.
type Owner = content.Owner

// SetAttr says what to change; nil leaves a field as it is.
type SetAttr = content.SetAttr

const permBits = 0o7777

// fromInfo fills what the backing entry itself shows.
func fromInfo(ino uint64, info cloud.Info) Attr {
	a := Attr{
		Ino: ino, Size: info.Size, Blocks: info.Blocks, Nlink: uint32(info.Nlink), UID: info.UID, GID: info.GID,
		Atime: info.Atime, Mtime: info.Mtime, Ctime: info.Ctime, Mode: info.Mode & 0o777,
	}
	if info.Dir {
		a.Mode = unix.S_IFDIR | info.Mode&permBits
	} else {
		a.Mode |= unix.S_IFREG
	}
	return a
}

// fromOpen fills what an open file shows.
func (n *Node) fromOpen(f *content.File) (Attr, error) {
	st, err := f.Stat()
	if err != nil {
		return Attr{}, err
	}
	a := fromInfo(n.ino, st.Info)
	a.Size, a.Mode, a.Mtime, a.Ctime, a.Nlink = st.Length, n.kind|st.Mode, st.Mtime, st.Ctime, st.Nlink
	if n.kind != unix.S_IFREG && n.kind != unix.S_IFLNK {
		a.Size = 0
	}
	if n.m.owners {
		a.UID, a.GID = st.UID, st.GID
	}
	return a, nil
}

// fromHeader overlays what the header decides. The owner is the backing
// entry's: a process that may not set owners cannot have given it another.
func (a *Attr) fromHeader(h *cipher.Header) {
	a.Mode = replica.Kind(h.Type) | h.Mode
	a.Mtime = time.Unix(h.MtimeSec, int64(h.MtimeNsec))
}
