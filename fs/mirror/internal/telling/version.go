package telling

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Version is what the index keeps of a header's version.
func Version(h *cipher.Header) index.Version {
	if len(h.Version) == 0 {
		return index.Version{}
	}
	return index.Version{Vector: h.Version, Sec: h.MtimeSec, Nsec: h.MtimeNsec, Commit: h.CommitID}
}

// loggedVersion is that of a header in the log.
func loggedVersion(h *journal.Head) index.Version {
	return index.Version{Vector: h.Version, Sec: h.Sec, Nsec: h.Nsec, Commit: h.Commit}
}

// Known is a file as its header tells.
func Known(h *cipher.Header) index.Known {
	return index.Known{Kind: index.IsFile, File: index.File{ID: h.FileID, Type: h.Type}, Version: Version(h)}
}

// File is a file by its id and its S_IFMT bits, the zero File where the id is not known.
func File(id cipher.ID, kind uint32) index.File {
	if id.IsZero() {
		return index.File{}
	}
	return index.File{ID: id, Type: replica.Type(kind)}
}

// Owner is mode and owner of a directory whose attributes are changed.
func Owner(was index.Owner, a *journal.Attrs) index.Owner {
	if a.Mode != nil {
		was.Mode = *a.Mode & 0o7777
	}
	if a.UID != nil {
		was.UID = *a.UID
	}
	if a.GID != nil {
		was.GID = *a.GID
	}
	return was
}
