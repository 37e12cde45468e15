package removals

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Batch is one batch of removals, whole: what is the same of it in every cloud.
type Batch struct {
	head cipher.Header
	run  *replica.Run
}

// Draw issues n consecutive counters of this machine's writer, above a counter.
type Draw func(n int, above uint64) (writer uint32, first uint64, err error)

// Pack makes removals the content of a batch, as many as it has room for, and tells the greatest counter in them.
func Pack(list []cipher.Removal, now time.Time) (content []byte, above uint64, rest []cipher.Removal, err error) {
	for len(list) > 0 {
		r := list[0]
		r.Seconds = now.Unix()
		more, err := cipher.AppendRemoval(content, &r)
		if errors.Is(err, cipher.ErrSize) {
			break
		}
		if err != nil {
			return nil, 0, list, err
		}
		content, above, list = more, max(above, r.Version.Highest()), list[1:]
	}
	return content, above, list, nil
}

// New makes a batch of content, with versions above a counter.
func New(content []byte, keys *cipher.Cloud, draw Draw, above uint64, now time.Time) (*Batch, error) {
	n := int(keys.Layout().Records(int64(len(content))))
	writer, first, err := draw(n+1, above)
	if err != nil {
		return nil, err
	}
	v := cipher.Version{Writer: writer, Counter: first + uint64(n)}
	b := &Batch{run: &replica.Run{Plain: content}, head: cipher.Header{
		Type: cipher.TypeGone, FileID: keys.GoneID(v), CommitID: cipher.NewID(), Mode: 0o600, Length: int64(len(content)),
		MtimeSec: now.Unix(), MtimeNsec: uint32(now.Nanosecond()), Version: cipher.Vector{v},
	}}
	for i := range n {
		random := cipher.NewID()
		b.run.IDs = append(b.run.IDs, cipher.NewWriteID(writer, first+uint64(i), [6]byte(random[:])))
		b.run.States = append(b.run.States, cipher.RecordOK)
	}
	return b, nil
}

// Read reads a batch, which is believed only if all of it verifies.
func Read(cp *replica.Copy, name cipher.PlainName) (*Batch, error) {
	if err := cp.Cloud.Keys.CheckGone(name, cp.Head); err != nil {
		return nil, err
	}
	acc, bad, err := cp.Check(cp.Head)
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 || acc != cp.Head.Acc {
		return nil, cipher.ErrDamaged
	}
	b := &Batch{head: *cp.Head, run: &replica.Run{}}
	err = cp.Each(cp.Head.Length, func(r *replica.Run) error {
		b.run.Plain = append(b.run.Plain, r.Plain...)
		b.run.IDs, b.run.States = append(b.run.IDs, r.IDs...), append(b.run.States, r.States...)
		return nil
	})
	return b, err
}

// Name is the plain name of its entry.
func (b *Batch) Name() cipher.PlainName { return cipher.GoneEntry(b.head.Version[0]) }

// Mtime is when it was written; by that it grows old.
func (b *Batch) Mtime() time.Time { return time.Unix(b.head.MtimeSec, int64(b.head.MtimeNsec)) }

// Removals are what it says. What is before an entry that does not parse stands.
func (b *Batch) Removals() []cipher.Removal {
	list, _ := cipher.ParseRemovals(b.run.Plain)
	return list
}

// Put writes the batch to a cloud, where it is in stable storage then.
func (b *Batch) Put(c *replica.Cloud, owners bool) (err error) {
	n, err := c.Keys.EncodeName(b.Name())
	if err != nil {
		return err
	}
	if _, err := MakeDir(c); err != nil {
		return err
	}
	temp := replica.Join(cipher.GoneName, tempOf(b.head.Version[0].Writer))
	cp, err := c.Build(temp, b.head)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Dir.Remove(temp))
		}
	}()
	head := b.head
	head.Acc = cipher.Acc{}
	cp.Keys.Terms(&head.Acc, 0, b.run.IDs, nil)
	if err = errors.Join(cp.Fit(head.Length), cp.WriteRun(b.run)); err == nil {
		err = cp.WriteHeader(&head)
	}
	if err == nil {
		err = errors.Join(cp.Show(nil, owners, b.Mtime()), cp.File.Sync())
	}
	if err = errors.Join(err, cp.Close()); err != nil {
		return err
	}
	if err = c.Dir.Rename(temp, replica.Join(cipher.GoneName, string(n.Entry))); err != nil {
		return err
	}
	return c.Dir.SyncDir(cipher.GoneName)
}

// tempOf is the name under which a writer's batches are written: always the same, so that it is known whose a kill has left.
func tempOf(writer uint32) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(cipher.GoneName), writer))
	return ".~" + hex.EncodeToString(sum[:8]) + ".tmp"
}

// MakeDir makes the directory of batches where there is none.
func MakeDir(c *replica.Cloud) (made bool, err error) {
	if err = c.Dir.Mkdir(cipher.GoneName, 0o700); errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err == nil {
		err = c.Dir.SyncDir("")
	}
	return err == nil, err
}
