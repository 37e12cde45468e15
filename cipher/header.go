package cipher

// A Header is what a backing file's header says, in the clear. Suite and chunk
// size are the cloud's.
type Header struct {
	Type      Type
	Salt      [16]byte // of this backing file; chooses its keys
	FileID    ID       // the same in every cloud, for the file's whole life
	CommitID  ID       // the same in every cloud, new at each commit
	Acc       Acc      // over the records' write ids
	Flags     Flags
	Mode      uint32 // 07777
	UID, GID  uint32
	Length    int64 // plaintext bytes, as committed
	MtimeSec  int64
	MtimeNsec uint32
	Version   Vector
}
