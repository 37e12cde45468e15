package cipher

import "errors"

var errSkeleton = errors.New("cipher: not there yet")

type Acc [16]byte

func (a *Acc) XOR(b Acc) {}

type CloudParams struct {
	Key              *Key
	VaultID, CloudID ID
	Suite            Suite
	ChunkLog2        uint8
}

type Cloud struct{ layout Layout }

func NewCloud(p CloudParams) (*Cloud, error) { return nil, errSkeleton }
func (c *Cloud) Wipe()                       {}
func (c *Cloud) Layout() Layout              { return c.layout }

type PlainName string
type EntryName string

type Name struct {
	Entry       EntryName
	Sidecar     EntryName
	SidecarData []byte
}

// For returns the entry of a backing file of this type: with w or z behind it.
func (n Name) For(t Type) EntryName { return n.Entry }

type Decoded struct {
	Name    PlainName
	Special bool
	Copy    bool
	Suffix  string
}

func (c *Cloud) EncodeName(name PlainName) (Name, error) { return Name{}, errSkeleton }
func (c *Cloud) DecodeEntry(entry EntryName, sidecar func(EntryName) ([]byte, error)) (Decoded, error) {
	return Decoded{}, errSkeleton
}

func (c *Cloud) EncodeXattrName(name string) (string, error)           { return "", errSkeleton }
func (c *Cloud) DecodeXattrName(backing string) (string, error)        { return "", errSkeleton }
func (c *Cloud) SealXattr(name string, value []byte) []byte            { return nil }
func (c *Cloud) OpenXattr(name string, backing []byte) ([]byte, error) { return nil, errSkeleton }

const MarkerName = "z-overcast.json"

func (c *Cloud) Marker() []byte                                 { return nil }
func (c *Cloud) CheckMarker(marker []byte) error                { return errSkeleton }
func ParseMarkerIDs(marker []byte) (vault, cloud ID, err error) { return ID{}, ID{}, errSkeleton }

type File struct{ layout Layout }

func (c *Cloud) NewFile(t Type, salt [16]byte) (*File, error)  { return nil, errSkeleton }
func (c *Cloud) OpenHeader(raw []byte) (*Header, *File, error) { return nil, nil, errSkeleton }

func (f *File) Wipe()                                {}
func (f *File) SealHeader(h *Header) ([]byte, error) { return nil, errSkeleton }

type RecordState uint8

const (
	RecordDamaged RecordState = iota
	RecordHole
	RecordOK
)

func (f *File) Seal(dst, plain []byte, first int64, ids []WriteID) error { return errSkeleton }
func (f *File) Open(dst, records []byte, first int64, ids []WriteID, states []RecordState) error {
	return errSkeleton
}
func (f *File) PeekIDs(ids []WriteID, records []byte, last int)                  {}
func (f *File) Terms(acc *Acc, first int64, ids []WriteID, states []RecordState) {}
