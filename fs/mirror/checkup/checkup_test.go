package checkup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
)

// A box is two clouds in memory, with one file, "file", in each.
type box struct {
	*testing.T
	disk  *cloudtest.Disk
	now   time.Time
	slept int
}

func newBox(t *testing.T) *box {
	b := &box{T: t, disk: cloudtest.NewDisk(), now: time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC)}
	for k := range 2 {
		b.write(k)
	}
	return b
}

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *box) keys(k int) *cipher.Cloud {
	c, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{2, byte(k)}, Suite: cipher.AES256, ChunkLog2: 12})
	b.must(err)
	return c
}

func (b *box) dir(k int) *cloudtest.Mem { return b.disk.Dir(fmt.Sprint("cloud", k)) }

func (b *box) entry(k int) string {
	n, err := b.keys(k).EncodeName("file")
	b.must(err)
	return string(n.Entry)
}

func (b *box) write(k int) {
	keys, err := b.keys(k).NewFile(cipher.TypeFile, [16]byte{byte(k)})
	b.must(err)
	plain := []byte("what is in the file")
	ids := []cipher.WriteID{cipher.NewWriteID(7, 1, [6]byte{})}
	record := make([]byte, len(plain)+cipher.RecordOverhead)
	b.must(keys.Seal(record, plain, 0, ids))
	h := &cipher.Header{Type: cipher.TypeFile, Salt: [16]byte{byte(k)}, FileID: cipher.ID{3}, CommitID: cipher.ID{4}, Mode: 0o600, Length: int64(len(plain)), Version: cipher.Vector{{Writer: 7, Counter: 2}}}
	keys.Terms(&h.Acc, 0, ids, nil)
	raw, err := keys.SealCommitHeader(h)
	b.must(err)
	b.must(cloudtest.NewForeign(b.dir(k)).Do(cloudtest.Replace(b.entry(k), append(raw, record...))))
}

// flip damages the file in a cloud.
func (b *box) flip(k, at int) {
	f, err := b.dir(k).Open(b.entry(k), false)
	b.must(err)
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	b.must(errors.Join(err, f.Close()))
	data[at] ^= 1
	b.must(cloudtest.NewForeign(b.dir(k)).Do(cloudtest.Rewrite(b.entry(k), data)))
}

func (b *box) config() checkup.Config {
	c := checkup.Config{
		Clock: func() time.Time { return b.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			b.slept++
			b.now = b.now.Add(d)
			return nil
		},
	}
	for k := range 2 {
		c.Clouds = append(c.Clouds, mirror.CloudConfig{Name: fmt.Sprint("cloud", k), ID: cipher.ID{2, byte(k)}, Dir: cloud.Dir(b.dir(k)), Cipher: b.keys(k)})
	}
	return c
}

// TestSettling: what changed just now is looked at again, and only then called
// damaged, or healed.
func TestSettling(t *testing.T) {
	for what, at := range map[string]int{"header": 50, "record": 520} {
		b := newBox(t)
		b.flip(1, at)
		b.now = time.Date(2020, 1, 1, 0, 0, 5, 0, time.UTC) // five seconds after that
		r, err := checkup.Verify(t.Context(), b.config())
		b.must(err)
		if b.slept != 1 || r.OK || len(r.Findings) != 1 || r.Findings[0].Kind != "damaged" || r.Findings[0].Cloud != "cloud1" || r.Clouds[1].Damaged != 1 {
			t.Errorf("%s: after %d waits: %+v", what, b.slept, r)
		}
		b.now = time.Date(2020, 1, 1, 0, 0, 5, 0, time.UTC)
		if r, err = checkup.Heal(t.Context(), b.config()); err != nil || b.slept != 2 || !r.OK || r.Steps != 1 {
			t.Errorf("%s: after %d waits, healing: %+v, %v", what, b.slept, r, err)
		}
		b.now = b.now.Add(time.Hour)
		if r, err = checkup.Verify(t.Context(), b.config()); err != nil || b.slept != 2 || !r.OK || r.Clouds[0].Files != 1 {
			t.Errorf("%s: healed: %+v, %v", what, r, err)
		}
	}
}

// TestNoWait: what needs no time to settle is not waited for.
func TestNoWait(t *testing.T) {
	b := newBox(t)
	b.flip(0, 520)
	r, err := checkup.Verify(t.Context(), b.config())
	b.must(err)
	if b.slept != 0 || r.OK || len(r.Findings) != 1 || r.Findings[0].Chunk == nil || *r.Findings[0].Chunk != 0 || r.Steps != 1 {
		t.Errorf("after %d waits: %+v", b.slept, r)
	}
}

// TestLost: what no cloud has is told, and nothing is touched.
func TestLost(t *testing.T) {
	b := newBox(t)
	b.flip(0, 520)
	b.flip(1, 530)
	before := b.disk.Ops()
	r, err := checkup.Heal(t.Context(), b.config())
	b.must(err)
	if r.OK || r.Lost != 2 || r.Steps != 0 || b.disk.Ops() != before {
		t.Errorf("%+v after %d operations", r, b.disk.Ops()-before)
	}
}

// TestAbsent: a cloud that is not there is told, and keeps nobody from the rest.
func TestAbsent(t *testing.T) {
	b := newBox(t)
	c := b.config()
	c.Clouds[0].Dir, c.Clouds[0].Reason = nil, "away"
	r, err := checkup.Verify(t.Context(), c)
	b.must(err)
	if r.OK || r.Clouds[0].State != checkup.StateAbsent || r.Clouds[1].Files != 1 || len(r.Findings) > 0 {
		t.Errorf("%+v", r)
	}
	if r.Right("cloud0") || !r.Right("cloud1") {
		t.Error("which clouds are right is told wrongly")
	}
}
