package removals

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is two clouds on one disk.
func pair(t *testing.T) (disk *cloudtest.Disk, list []*replica.Cloud) {
	t.Helper()
	disk = cloudtest.NewDisk()
	for k, name := range []string{"one", "two"} {
		keys, err := cipher.NewCloud(cipher.CloudParams{
			Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{2, byte(k)}, Suite: cipher.AES256, ChunkLog2: 12,
		})
		must(t, err)
		list = append(list, &replica.Cloud{Index: k, Name: name, Dir: disk.Dir(name), Keys: keys})
	}
	return disk, list
}

func draw(n int, above uint64) (writer uint32, first uint64, err error) { return 7, above + 1, nil }

func ended(id byte, counter uint64) cipher.Removal {
	return cipher.Removal{Kind: cipher.FileEnded, File: cipher.ID{id}, Version: cipher.Vector{{Writer: 3, Counter: counter}}}
}

// only is the one batch of a cloud.
func only(t *testing.T, c *replica.Cloud) Entry {
	t.Helper()
	list, temps, err := List(c)
	must(t, err)
	if len(list) != 1 || len(temps) > 0 {
		t.Fatalf("it has the batches %v, and %v", list, temps)
	}
	return list[0]
}

func open(t *testing.T, c *replica.Cloud, at Entry) (*Batch, error) {
	t.Helper()
	cp, err := c.Open(at.Path, false)
	must(t, err)
	defer cp.Close()
	return Read(cp, at.Name)
}

// TestBatch writes a batch of several records' length, and brings it from one cloud to the other.
func TestBatch(t *testing.T) {
	disk, clouds := pair(t)
	var list []cipher.Removal
	for n := range 300 {
		list = append(list, ended(byte(n%200+1), uint64(n+1)))
	}
	content, above, rest, err := Pack(list, time.Unix(50, 0))
	must(t, err)
	if above != 300 || len(rest) > 0 {
		t.Fatalf("packed above %d, with %d left", above, len(rest))
	}
	b, err := New(content, clouds[0].Keys, draw, above, time.Unix(60, 0))
	must(t, err)
	must(t, b.Put(clouds[0], false))
	disk.PowerCut(rand.New(rand.NewPCG(1, 1)))
	for _, c := range clouds {
		c.Dir = disk.Dir(c.Name)
	}
	at := only(t, clouds[0])
	again, err := open(t, clouds[0], at)
	must(t, err)
	must(t, again.Put(clouds[1], false))
	must(t, again.Put(clouds[1], false)) // once more is no harm
	last, err := open(t, clouds[1], only(t, clouds[1]))
	must(t, err)
	if got := last.Removals(); len(got) != 300 || got[299].Version.Highest() != 300 || got[0].Seconds != 50 || !last.Mtime().Equal(time.Unix(60, 0)) || last.Name() != at.Name {
		t.Errorf("it says %v, of %v", got, last.Mtime())
	}
}

// TestDamagedBatch believes nothing of a batch with one byte that is wrong.
func TestDamagedBatch(t *testing.T) {
	disk, clouds := pair(t)
	content, _, _, err := Pack([]cipher.Removal{ended(1, 1)}, time.Unix(50, 0))
	must(t, err)
	b, err := New(content, clouds[0].Keys, draw, 1, time.Unix(60, 0))
	must(t, err)
	must(t, b.Put(clouds[0], false))
	at := only(t, clouds[0])
	f, err := disk.Dir("one").Open(at.Path, true)
	must(t, err)
	one := make([]byte, 1)
	_, err = f.ReadAt(one, cipher.HeaderSize+20)
	must(t, err)
	one[0] ^= 1
	_, err = f.WriteAt(one, cipher.HeaderSize+20)
	must(t, errors.Join(err, f.Close()))
	if _, err := open(t, clouds[0], at); !errors.Is(err, cipher.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	at.Name = cipher.GoneEntry(cipher.Version{Writer: 7, Counter: 999})
	if _, err := open(t, clouds[0], at); !errors.Is(err, cipher.ErrForeign) {
		t.Errorf("under another name: %v", err)
	}
}

// TestRecords holds what batches say of directories against each other.
func TestRecords(t *testing.T) {
	at := func(kind cipher.RemovalKind, counter uint64) cipher.Removal {
		return cipher.Removal{Kind: kind, Path: "d", Version: cipher.Vector{{Writer: 3, Counter: counter}}}
	}
	for _, c := range []struct {
		list []cipher.Removal
		age  time.Duration
		ends bool
	}{
		{nil, 0, false},
		{[]cipher.Removal{at(cipher.DirEnded, 1)}, 0, true},
		{[]cipher.Removal{at(cipher.DirEnded, 1)}, cipher.GoneKept + 1, false},
		{[]cipher.Removal{at(cipher.DirEnded, 1), at(cipher.DirMade, 2)}, 0, false},
		{[]cipher.Removal{at(cipher.DirMade, 2), at(cipher.DirEnded, 3)}, 0, true},
	} {
		r := NewRecords()
		r.Add(c.list, c.age)
		if got := r.Ends("d", nil); got != c.ends {
			t.Errorf("%v, %v old: it ends: %v", c.list, c.age, got)
		}
	}
	r := NewRecords()
	r.Add([]cipher.Removal{ended(1, 5)}, 0)
	for counter, want := range map[uint64]bool{4: true, 5: true, 6: false} {
		if is := ended(1, counter); r.Tells(&is) != want {
			t.Errorf("counter %d: it tells that: %v", counter, !want)
		}
	}
}
