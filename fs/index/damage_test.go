package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/cipher"
)

var alphaID = cipher.ID{0xa}

// A sample is an index with some of everything in it, its file, and what it held after each of its transactions: where the
// newer of the two meta pages is damaged, as a power cut can leave it, the file is that of one transaction before.
type sampleIndex struct {
	conf   Config
	file   []byte
	states []state
}

type state struct {
	names map[Place]Known
	debts map[Place]Debt
}

func (s *sampleIndex) last() state { return s.states[len(s.states)-1] }

func newSample(t testing.TB, n int) *sampleIndex {
	t.Helper()
	b := newBench(t)
	s := &sampleIndex{conf: b.conf}
	s.conf.Lost = nil
	now := state{map[Place]Known{}, map[Place]Debt{}}
	rng := rand.New(rand.NewPCG(1, 2))
	dirs := []Dir{Root}
	for range 3 { // several transactions, so that pages are free, too
		b.apply(func(c *Batch) {
			for i := range n {
				p := at1(dirs[rng.IntN(len(dirs))], fmt.Sprintf("name %d", i))
				k := isFile(i, 1+rng.IntN(9))
				if now.names[p].Kind == IsDir {
					continue
				}
				if i%17 == 0 {
					k = isDir(NewDir())
					dirs = append(dirs, k.Dir)
				}
				now.names[p] = k
				c.SetName(p, k)
				c.SetCopy(p, Copy{Cloud: alphaID, InPlace: k.Version, Stat: Stat{Ino: uint64(i)}})
				if i%3 == 0 {
					now.debts[p] = Debt{Why: Away, Had: isGone(i, 1+rng.IntN(9))}
					c.Pay(alphaID, p)
					c.Owe(alphaID, p, now.debts[p])
				}
			}
			c.SetApplied(Applied{Log: cipher.ID{1}, Below: uint64(len(s.states))})
		})
		s.states = append(s.states, state{maps.Clone(now.names), maps.Clone(now.debts)})
	}
	must(t, b.Close())
	s.file = read(t, s.conf.Path)
	used := len(bytes.TrimRight(s.file, "\x00"))
	s.file = s.file[:(used/pageSize+1)*pageSize]
	return s
}

// fastDir is a directory of the test's, where there is one in memory, there: the tests below sync thousands of times.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "index")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// open opens the sample as it was damaged, beside all that earlier ones left.
func (s *sampleIndex) open(t testing.TB, damaged []byte) (ix *Index, told *[]string) {
	t.Helper()
	told = &[]string{}
	c := s.conf
	c.Path = filepath.Join(fastDir(t), "index")
	c.Lost = func(what string) { *told = append(*told, what) }
	must(t, os.WriteFile(c.Path, damaged, 0o600))
	ix, err := Open(c)
	must(t, err)
	return ix, told
}

// judge reads all of an index that may be damaged: each answer is right, or none. It returns how many were right, and how
// many names there were: what the index says that it has applied is what it has.
func (s *sampleIndex) judge(t testing.TB, ix *Index) (right, all int) {
	t.Helper()
	want := s.last()
	lost := 0
	err := ix.View(func(v *View) error {
		a, err := v.Applied()
		if err == nil && !a.Log.IsZero() {
			want = s.states[a.Below]
		}
		return err
	})
	if errors.Is(err, ErrLost) {
		lost++
	} else {
		must(t, err)
	}
	for p, want := range want.names {
		r, err := ix.Name(p)
		switch {
		case errors.Is(err, ErrLost):
			lost++
		case err != nil:
			t.Fatal(err)
		case r.Known.Kind == Unknown:
		case !reflect.DeepEqual(r.Known, want):
			t.Fatalf("%v is %+v, was %+v", p, r.Known, want)
		default:
			right++
		}
	}
	if lost > 1 {
		t.Fatalf("lost %d times", lost)
	}
	s.judgeLists(t, ix, want)
	return right, len(want.names)
}

// judgeLists reads what is iterated.
func (s *sampleIndex) judgeLists(t testing.TB, ix *Index, want state) {
	t.Helper()
	err := ix.View(func(v *View) error {
		for o, err := range v.Debts(alphaID, Cursor{}) {
			if err != nil {
				return err
			}
			if want, ok := want.debts[o.Place]; !ok || !reflect.DeepEqual(o.Debt, want) {
				t.Fatalf("debt %+v, was %+v", o, want)
			}
		}
		for r, err := range v.List(Root, Cursor{}) {
			if err != nil {
				return err
			}
			if want := want.names[r.Place]; !reflect.DeepEqual(r.Known, want) {
				t.Fatalf("listed %+v, was %+v", r, want)
			}
			if r.Known.Kind == IsFile {
				if _, err := v.ID(r.Known.File); err != nil {
					return err
				}
			}
		}
		_, err := v.Applied()
		return err
	})
	if err != nil && !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
}

// goesOn writes into an index that was damaged, which then has what was written, and removes it.
func goesOn(t testing.TB, ix *Index) {
	t.Helper()
	var b Batch
	for i := range 40 {
		b.SetName(at1(Root, fmt.Sprintf("name %d", i)), isFile(i+5000, 77))
		b.Owe(alphaID, at1(Root, fmt.Sprintf("name %d", i)), Debt{Why: Full})
	}
	err := ix.Apply(&b)
	if errors.Is(err, ErrLost) {
		err = ix.Apply(&b)
	}
	must(t, err)
	if r, err := ix.Name(at1(Root, "name 3")); err != nil || !reflect.DeepEqual(r.Known, isFile(5003, 77)) {
		t.Fatalf("after writing: %+v, %v", r.Known, err)
	}
	must(t, ix.Close())
	must(t, os.RemoveAll(filepath.Dir(ix.path)))
}

func TestWholeSample(t *testing.T) {
	s := newSample(t, 400)
	ix, told := s.open(t, s.file)
	if n, all := s.judge(t, ix); n != all || len(*told) > 0 {
		t.Errorf("%d of %d names, told %q", n, all, *told)
	}
	must(t, ix.Check(t.Context()))
	goesOn(t, ix)
}

func TestTruncatedAtEachPage(t *testing.T) {
	s := newSample(t, 80)
	for n := 0; n < len(s.file); n += pageSize / 2 {
		ix, told := s.open(t, s.file[:n])
		right, all := s.judge(t, ix)
		if right != 0 && right != all {
			t.Fatalf("cut at %d: %d of %d names", n, right, all)
		}
		if right == 0 && n > 0 && len(*told) != 1 {
			t.Fatalf("cut at %d: told %q", n, *told)
		}
		goesOn(t, ix)
	}
}

// Flipped bits in what a page says of itself are found when the file is opened; elsewhere at the latest when they are read.
func TestFlippedBitsInEachPage(t *testing.T) {
	s := newSample(t, 40)
	rng := rand.New(rand.NewPCG(3, 4))
	for page := range len(s.file) / pageSize {
		offsets := []int{0, 8, 9, 10, 11, 12, 15}
		for range flips {
			offsets = append(offsets, pageHeader+rng.IntN(elementLen*20), rng.IntN(pageSize))
		}
		for _, at := range offsets {
			at += page * pageSize
			data := bytes.Clone(s.file)
			data[at] ^= 1 << rng.IntN(8)
			ix, told := s.open(t, data)
			right, all := s.judge(t, ix)
			if err := ix.Check(context.Background()); err != nil && !errors.Is(err, ErrLost) {
				t.Fatal(err)
			} else if len(*told) == 0 && right != all {
				t.Fatalf("byte %d: %d of %d names, and Check finds nothing", at, right, all)
			}
			goesOn(t, ix)
		}
	}
}

// Wiped, torn and exchanged pages.
func TestDamagedPages(t *testing.T) {
	s := newSample(t, 50)
	pages := len(s.file) / pageSize
	rng := rand.New(rand.NewPCG(5, 6))
	for page := range pages {
		for name, damage := range map[string]func(b []byte){
			"zeros":    func(b []byte) { clear(b) },
			"ones":     func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, len(b))) },
			"half":     func(b []byte) { clear(b[len(b)/2:]) },
			"another":  func(b []byte) { copy(b, s.file[rng.IntN(pages)*pageSize:][:pageSize]) },
			"backward": func(b []byte) { slices.Reverse(b) },
		} {
			data := bytes.Clone(s.file)
			damage(data[page*pageSize : (page+1)*pageSize])
			ix, _ := s.open(t, data)
			if s.judge(t, ix); t.Failed() {
				t.Fatalf("page %d: %s", page, name)
			}
			goesOn(t, ix)
		}
	}
}

func TestOtherFiles(t *testing.T) {
	s := newSample(t, 100)
	for name, data := range map[string][]byte{
		"empty":      {},
		"text":       []byte("this is no database"),
		"zeros":      make([]byte, 1<<20),
		"no metas":   append(make([]byte, 2*pageSize), s.file[2*pageSize:]...),
		"only metas": s.file[:2*pageSize],
		"a bbolt of ours without a head": foreign(t, func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket([]byte("head"))
			return err
		}),
		"a bbolt of others": foreign(t, func(tx *bolt.Tx) error {
			b, err := tx.CreateBucket([]byte("head"))
			if err != nil {
				return err
			}
			return b.Put(saltKey, bytes.Repeat([]byte{1}, saltSize))
		}),
	} {
		ix, told := s.open(t, data)
		if n, _ := s.judge(t, ix); n != 0 || len(*told) > 1 || (len(*told) == 0) != (name == "empty") {
			t.Errorf("%s: %d names, told %q", name, n, *told)
		}
		goesOn(t, ix)
	}
}

func foreign(t *testing.T, fill func(tx *bolt.Tx) error) []byte {
	path := filepath.Join(t.TempDir(), "x")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageSize})
	must(t, err)
	must(t, db.Update(fill))
	must(t, db.Close())
	return read(t, path)
}

func TestWrongKeyAndVault(t *testing.T) {
	s := newSample(t, 50)
	key := s.conf.StateKey
	for range 2 {
		other := *key
		other[3] ^= 1
		s.conf.StateKey = &other
		ix, told := s.open(t, s.file)
		if n, _ := s.judge(t, ix); n != 0 || len(*told) != 1 || strings.Contains((*told)[0], "\n") {
			t.Errorf("%d names, told %q", n, *told)
		}
		goesOn(t, ix)
		s.conf.StateKey, s.conf.Vault = key, cipher.ID{2}
	}
}

// A row that was copied to another's key in the file is nobody's.
func TestMovedRow(t *testing.T) {
	b := newBench(t)
	x, y := at1(Root, "x"), at1(Root, "y")
	b.apply(func(c *Batch) { c.SetName(x, isFile(1, 1)); c.SetName(y, isFile(2, 1)) })
	one, two := b.keys.name(x), b.keys.name(y)
	must(t, b.db.Update(func(tx *bolt.Tx) error {
		in := tx.Bucket([]byte(inNames.String()))
		return in.Put(one[:], bytes.Clone(in.Get(two[:])))
	}))
	if _, err := b.Name(x); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	equal(t, "x", b.known(x), Known{})
	equal(t, "y", b.known(y), Known{})
	equal(t, "times told", len(b.told), 1)
}

// A row that is taken out of the file is missed: when it is opened, and in the list that it belongs to.
func TestRemovedRow(t *testing.T) {
	for _, while := range []string{"open", "closed"} {
		b := newBench(t)
		x, y := at1(Root, "x"), at1(Root, "y")
		b.apply(func(c *Batch) { c.Owe(alphaID, x, Debt{Why: Away}); c.Owe(alphaID, y, Debt{Why: Away}) })
		key := b.keys.debt(alphaID, x)
		must(t, b.db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(inDebts.String())).Delete(key[:]) }))
		if while == "closed" {
			b.reopen()
			equal(t, "times told", len(b.told), 1)
			continue
		}
		err := b.View(func(v *View) error {
			for _, err := range v.Debts(alphaID, Cursor{}) {
				if err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	}
}

// Damage under an open index: one error, and then an empty index that works.
func TestDamagedWhileOpen(t *testing.T) {
	for name, damage := range map[string]func(f *os.File) error{
		"cut off": func(f *os.File) error { return f.Truncate(2 * pageSize) },
		"zeros": func(f *os.File) error {
			_, err := f.WriteAt(make([]byte, 1<<20), 2*pageSize)
			return err
		},
	} {
		for _, writes := range []bool{false, true} {
			b := newBench(t)
			b.apply(func(c *Batch) {
				for i := range 2000 {
					c.SetName(at1(Root, fmt.Sprint(i)), isFile(i, 1))
				}
			})
			b.clock.pass(1e9)
			f, err := os.OpenFile(b.conf.Path, os.O_RDWR, 0)
			must(t, err)
			must(t, damage(f))
			must(t, f.Close())
			if writes {
				var batch Batch
				batch.SetName(at1(Root, "7"), isFile(1, 2))
				err = b.Apply(&batch)
			} else {
				_, err = b.Name(at1(Root, "7"))
			}
			if !errors.Is(err, ErrLost) {
				t.Errorf("%s: %v", name, err)
			}
			b.look(func(v *View) { equal(t, "since", v.Since(), b.clock.Now()) })
			equal(t, "known", b.known(at1(Root, "7")), Known{})
			b.apply(func(c *Batch) { c.SetName(at1(Root, "7"), isFile(1, 2)) })
			equal(t, "known", b.known(at1(Root, "7")), isFile(1, 2))
			equal(t, "times told", len(b.told), 1)
		}
	}
}

// Where even the damaged file cannot be set aside, that is an error, not a hang, and it is tried again with the next call.
func TestIrreplaceable(t *testing.T) {
	b := newBench(t)
	b.apply(func(c *Batch) {
		for i := range 2000 {
			c.SetName(at1(Root, fmt.Sprint(i)), isFile(i, 1))
		}
	})
	must(t, os.Truncate(b.conf.Path, 2*pageSize))
	path := b.path
	b.path = filepath.Join(path, "none", "index")
	for range 2 {
		if _, err := b.Name(at1(Root, "7")); err == nil || errors.Is(err, ErrLost) {
			t.Errorf("read from a damaged index: %v", err)
		}
		var batch Batch
		batch.SetName(at1(Root, "7"), isFile(1, 2))
		if err := b.Apply(&batch); err == nil || errors.Is(err, ErrLost) {
			t.Errorf("wrote to a damaged index: %v", err)
		}
	}
	b.path = path
	if _, err := b.Name(at1(Root, "7")); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	b.apply(func(c *Batch) { c.SetName(at1(Root, "7"), isFile(1, 2)) })
	equal(t, "known", b.known(at1(Root, "7")), isFile(1, 2))
}

// A copy of the file from earlier is whole; what it has applied tells that it is old.
func TestRolledBack(t *testing.T) {
	b := newBench(t)
	log := cipher.ID{1}
	b.apply(func(c *Batch) { c.SetApplied(Applied{log, 10, 12}) })
	must(t, b.Close())
	old := read(t, b.conf.Path)
	b.open()
	b.apply(func(c *Batch) { c.SetApplied(Applied{log, 20, 20}) })
	must(t, b.Close())
	must(t, os.WriteFile(b.conf.Path, old, 0o600))
	b.open()
	b.look(func(v *View) {
		a, err := v.Applied()
		must(t, err)
		equal(t, "applied", a, Applied{log, 10, 12})
	})
	equal(t, "told", b.told, nil)
}

// An index of a newer format is left where it is.
func TestNewerFormat(t *testing.T) {
	b := newBench(t)
	must(t, b.db.Update(func(tx *bolt.Tx) error {
		sealed := b.keys.seal(nil, inHead, birthKey, []byte{birthFormat + 1, 0, 0})
		return tx.Bucket([]byte(inHead.String())).Put(birthKey, sealed)
	}))
	must(t, b.Close())
	before := read(t, b.conf.Path)
	if _, err := Open(b.conf); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
	if !bytes.Equal(read(t, b.conf.Path), before) {
		t.Error("the file was changed")
	}
}

// A caller's panic is the caller's, and leaves the index as it is.
func TestPanicInView(t *testing.T) {
	b := newBench(t)
	func() {
		defer func() {
			if recover() != "mine" {
				t.Error("the panic is gone")
			}
		}()
		_ = b.View(func(*View) error { panic("mine") })
	}()
	b.apply(func(c *Batch) { c.SetName(at1(Root, "x"), isFile(1, 1)) })
	equal(t, "told", b.told, nil)
}
