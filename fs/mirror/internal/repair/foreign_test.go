package repair_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// planted is what somebody else put into a cloud.
type planted struct {
	k    int
	path string
	what string
	data []byte
	head *cipher.Header // of another machine's version
}

// plant puts something at a random name of the log, as a sync client does: in
// the place of what is there.
func (sc *scene) plant(rng *rand.Rand, newer bool, before []*planted) *planted {
	if len(sc.log) == 0 {
		return nil
	}
	p := &planted{k: rng.IntN(len(sc.keys))}
	c := carrier{sc.cloud(p.k)}
	ev := sc.log[rng.IntN(len(sc.log))]
	name := string(ev.entry.Path)
	if ev.entry.To != nil && rng.IntN(2) == 0 {
		name = string(ev.entry.To)
	}
	if name == "" {
		name = ev.at
	}
	var err error
	if p.path, err = c.enter(name, false); err != nil {
		return nil // its directory is not there
	}
	if slices.ContainsFunc(before, func(o *planted) bool { return o.k == p.k && o.path == p.path }) {
		return nil
	}
	p.data = make([]byte, cipher.HeaderSize+rng.IntN(3000))
	for i := range p.data {
		p.data[i] = byte(rng.Uint32())
	}
	p.what = "foreign " + short(name)
	if newer {
		p.what = "newer " + short(name)
		head, err := c.Header(p.path)
		if err != nil {
			return nil
		}
		p.data = sc.newer(c, head, rng)
		if p.head, _, err = c.Keys.OpenHeader(p.data[:cipher.HeaderSize]); err != nil {
			return nil
		}
	}
	if err := c.Dir.Remove(p.path); err != nil && !replica.Missing(err) {
		return nil // a directory is there
	}
	if err := writeFile(c.Dir, p.path, p.data); err != nil {
		return nil
	}
	return p
}

// newer is a whole backing file of a later version by another machine.
func (sc *scene) newer(c carrier, old *cipher.Header, rng *rand.Rand) []byte {
	h := *old
	h.Version, h.CommitID, h.Flags = cipher.Vector(nil).With(writer, sc.counter).With(9, 5), sc.random16(), 0
	h.Salt = sc.random16()
	plain := bytes.Repeat([]byte{byte(rng.Uint32())}, 100)
	h.Length = int64(len(plain))
	keys, err := c.Keys.NewFile(h.Type, h.Salt)
	sc.must(err)
	id := []cipher.WriteID{cipher.NewWriteID(9, 5, [6]byte{})}
	h.Acc = cipher.Acc{}
	keys.Terms(&h.Acc, 0, id, nil)
	head, err := keys.SealCommitHeader(&h)
	sc.must(err)
	record := make([]byte, len(plain)+cipher.RecordOverhead)
	sc.must(keys.Seal(record, plain, 0, id))
	return append(head, record...)
}

// put reports whether a file has the content of another machine's version, put
// aside under an id of its own.
func (p *planted) put(c *replica.Cloud, path string) bool {
	if p.head == nil {
		return false
	}
	cp, err := c.Open(path, false)
	if err != nil {
		return false
	}
	defer cp.Close()
	if cp.Head.CommitID != p.head.CommitID || cp.Head.FileID != cipher.ConflictID(p.head.FileID, p.head.CommitID) {
		return false
	}
	keys, err := c.Keys.NewFile(p.head.Type, p.head.Salt)
	if err != nil {
		return false
	}
	want := make([]byte, p.head.Length)
	var ids [1]cipher.WriteID
	var states [1]cipher.RecordState
	if keys.Open(want, p.data[cipher.HeaderSize:], 0, ids[:], states[:]) != nil || states[0] != cipher.RecordOK {
		return false
	}
	got, id, state := cp.One(0, cp.Head.Length)
	return state == cipher.RecordOK && id == ids[0] && bytes.Equal(got, want)
}

// still reports whether what was planted is anywhere, byte for byte, or another
// machine's version under an id of its own.
func (p *planted) still(b *box) error {
	found := false
	c := b.cloud(p.k)
	var walk func(dir string) error
	walk = func(dir string) error {
		entries, err := c.Dir.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			path := replica.Join(dir, e.Name)
			if e.Dir {
				if err := walk(path); err != nil {
					return err
				}
				continue
			}
			data, err := readAll(c.Dir, path)
			if err != nil {
				return err
			}
			found = found || bytes.Equal(data, p.data) || p.put(c, path)
		}
		return nil
	}
	if err := walk(""); err != nil || found {
		return err
	}
	return fmt.Errorf("cloud %d: %s is gone", p.k, p.what)
}

// TestReplayKeepsForeign: what is nobody's is there after the replay, under
// whatever name.
func TestReplayKeepsForeign(t *testing.T) { keeps(t, false) }

// TestReplayKeepsNewer: so is a version of the same file by another machine.
func TestReplayKeepsNewer(t *testing.T) { keeps(t, true) }

func keeps(t *testing.T, newer bool) {
	eachSeed(t, func(t *testing.T, p plan) {
		for round := range uint64(3) {
			sc := begin(t, p)
			sc.reach(p.seed + round<<32)
			rng := rand.New(rand.NewPCG(p.seed, 6+round))
			var all []*planted
			for range 2 {
				if pl := sc.plant(rng, newer, all); pl != nil {
					all = append(all, pl)
				}
			}
			ops := sc.disk.Ops()
			out := sc.run(replay{events: sc.log, sameBoot: rng.IntN(2) == 0})
			errs := slices.Clone(out.Errors)
			for _, pl := range all {
				errs = append(errs, pl.still(sc.box))
			}
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("round %d: %v\n%s\n%s", round, err, sc.tell(), since(sc.disk, ops))
			}
		}
	})
}
