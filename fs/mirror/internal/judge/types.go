package judge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
)

// An Identity is what versions are compared within: a file id with its type.
type Identity struct {
	ID   cipher.ID
	Type cipher.Type
}

// A Version is one version of one identity, as a verified header tells it.
type Version struct {
	Identity
	Vector    cipher.Vector
	MtimeSec  int64
	MtimeNsec uint32
	Commit    cipher.ID
}

// VersionOf is the version that a header tells of.
func VersionOf(h *cipher.Header) Version {
	return Version{Identity{h.FileID, h.Type}, h.Version, h.MtimeSec, h.MtimeNsec, h.CommitID}
}

// newer orders versions by (mtime, commit id). That decides every conflict, and
// so it uses nothing that only one machine knows.
func newer(a, b Version) int {
	return cmp.Or(
		cmp.Compare(a.MtimeSec, b.MtimeSec),
		cmp.Compare(a.MtimeNsec, b.MtimeNsec),
		bytes.Compare(a.Commit[:], b.Commit[:]),
		bytes.Compare(a.ID[:], b.ID[:]),
		cmp.Compare(a.Type, b.Type),
	)
}

// supersedes reports whether v is b's version or a later one. Equal vectors of
// two commits are a conflict: neither supersedes the other.
func (v Version) supersedes(b Version) bool {
	if v.Identity != b.Identity {
		return false
	}
	order := cipher.Compare(v.Vector, b.Vector)
	return order == cipher.Greater || order == cipher.Equal && v.Commit == b.Commit
}

// covered reports whether one of the vectors is at least v.
func covered(v cipher.Vector, by []cipher.Vector) bool {
	return slices.ContainsFunc(by, func(b cipher.Vector) bool { return atMost(v, b) })
}

func atMost(v, w cipher.Vector) bool {
	order := cipher.Compare(v, w)
	return order == cipher.Less || order == cipher.Equal
}

// Has is what the index has at a name.
type Has string

// What the index can have.
const (
	Unknown  Has = "unknown"  // never heard of, or moved away
	Gone     Has = "gone"     // ended, at the vector of [Known]
	Vanished Has = "vanished" // no cloud shows it, and nothing says that it has ended
	Dir      Has = "dir"
	File     Has = "file" // anything that is not a directory
)

// Known is the index's row of a name.
type Known struct {
	Has     Has
	Version Version // of File and Vanished; of Gone the identity and the vector, none after a directory
}

// Shows is what one cloud has at a name.
type Shows string

// What a cloud can show.
const (
	ShowsNoAnswer Shows = "unreachable"
	ShowsNothing  Shows = "nothing"
	ShowsDir      Shows = "dir"
	ShowsFile     Shows = "file"
	ShowsBad      Shows = "bad"   // it does not verify
	ShowsNewer    Shows = "newer" // a format that this program does not know
)

// A Claim is what one cloud shows at the name.
type Claim struct {
	Shows   Shows
	Version Version   // of a file
	Dirty   bool      // its header is DIRTY
	Young   bool      // changed, or missing, for less than the settle time
	Owes    bool      // this machine knows that the cloud owes the name
	Copies  []Version // sync tools' copies of the name that verify
}

// A Name stands for one name in one directory, spelled as the caller likes:
// names are only compared.
type Name string

// Facts are what is known of one identity: by the index, and by records of our
// own or from any reachable cloud.
type Facts struct {
	Version Version // the greatest accepted; zero if none ever was
	Live    []Name  // where the index has it
	Missing bool    // the index has it nowhere, though it met it, and does not know that it has ended: it has vanished
	Ended   []cipher.Vector
	Moved   []cipher.Vector
}

// A Sighting is a version of an identity of this case at another name.
type Sighting struct {
	Version Version
	Cloud   int // its place in the order of the claims
	Name    Name
	Copy    bool // a sync tool's copy of that name
	Taken   bool // the index has another live thing there, or that this version has left that name
	Dead    bool // it lies in a directory whose end is recorded
}

// A Place is the name that is judged, and what is true around it.
type Place struct {
	Name    Name
	Writers int  // ever seen in the vault
	Mass    bool // too many names of a cloud are missing like this one
	Full    bool // something wanted lies in the directory of this name
	Dead    bool // a record ends the directory of this name
	InDead  bool // the name lies in a directory that a record ends

	// Derive returns the id under which the loser of a conflict goes on.
	Derive func(id, commit cipher.ID) cipher.ID
}
