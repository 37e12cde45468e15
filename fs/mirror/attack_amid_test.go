//go:build !race || long

package mirror_test

import (
	"fmt"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// amid is what a sync client writes into a backing file, in place, between two calls of a commit.
type amid func(f cloud.File, before []byte) error

// TestChangedAmidCommit: a sync client writes into the backing file of one cloud while a commit is at work there. What programs
// read stays right, so does what they write next into the same chunks, and the other clouds are what they would be without that.
func TestChangedAmidCommit(t *testing.T) {
	for _, n := range []int{2, 3} {
		for at := range n {
			for _, sparse := range []bool{false, true} {
				for _, rule := range []cloudtest.Rule{{Op: "sync"}, {Op: "writeat", From: 2, To: 2}, {Op: "writeat", From: 3, To: 3}, {Op: "chtimes"}} {
					for what, write := range map[string]amid{"garbage": garbageAmid, "zeros": zerosAmid, "what was there": oldAmid, "cut": cutAmid} {
						name := fmt.Sprintf("%s in %d of %d, sparse %v, at %s %d", what, at, n, sparse, rule.Op, rule.From)
						t.Run(name, func(t *testing.T) {
							telling(t, n, func(s *scene) { s.changedAmid(at, sparse, rule, write) })
						})
					}
				}
			}
		}
	}
}

// A meddler writes once.
type meddler struct {
	s     *scene
	dir   cloud.Dir
	path  string
	write func(f cloud.File) error
	acted bool
}

func (m *meddler) String() string { return "write into " + m.path + " in place" }

func (m *meddler) Act() {
	f, err := m.dir.Open(m.path, true)
	m.s.must(err)
	m.s.must(m.write(f))
	m.s.must(f.Close())
	m.acted = true
}

func garbageAmid(f cloud.File, _ []byte) error {
	_, err := f.WriteAt([]byte(chunks("x"))[:2000], 0)
	return err
}

func zerosAmid(f cloud.File, before []byte) error {
	_, err := f.WriteAt(make([]byte, len(before)-512), 512)
	return err
}

func oldAmid(f cloud.File, before []byte) error {
	_, err := f.WriteAt(before[512:], 512)
	return err
}

func cutAmid(f cloud.File, _ []byte) error { return f.Truncate(2000) }

func (s *scene) changedAmid(at int, sparse bool, rule cloudtest.Rule, write amid) {
	content := chunks("abcd")
	s.put("f", content, true)
	h := s.handle("f")
	if sparse {
		s.must(h.Truncate(int64(len(content) + 3*4096)))
		content += string(make([]byte, 3*4096))
	}
	s.must(s.m.Sync())
	path := s.entryAt(at, "f")
	dir := s.disk.Dir(cloudName(at))
	before := s.backing(s.disk, at, "f")

	rule.Glob, rule.To = path, max(rule.From, 1)
	they := &meddler{s: s, dir: dir, path: path, write: func(f cloud.File) error { return write(f, before) }}
	rule.Act = they
	s.inject(at, rule)
	change := func(text string, off int64) {
		_, err := h.WriteAt([]byte(text), off)
		s.must(err)
		content = patched(content, text, int(off))
		s.must(s.m.Sync())
	}
	change("the first change", 5000) // in the second chunk
	s.mend()
	if !they.acted {
		s.failf("nobody has changed anything")
	}
	s.holds("f", content)
	change("another one", 4200) // in the same
	change("and one beside", 100)
	s.must(h.Close())
	s.holds("f", content)
	for k := range s.n {
		if k != at {
			s.alone(k, "f", content)
		}
	}
	s.remount()
	s.holds("f", content)
	s.heal()
	s.holds("f", content)
	for k := range s.n {
		s.alone(k, "f", content)
	}
}
