package redo

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
)

// A gatedStore is a fakeDisk whose segments say when they begin to sync, and go on only when told.
type gatedStore struct {
	*fakeDisk
	begun chan struct{}
	gate  chan struct{}
	count atomic.Int32
}

type gatedSegment struct {
	Segment
	g *gatedStore
}

func (g *gatedStore) Create(name string) (Segment, error) {
	s, err := g.fakeDisk.Create(name)
	return &gatedSegment{s, g}, err
}

func (s *gatedSegment) Sync() error {
	s.g.count.Add(1)
	s.g.begun <- struct{}{}
	<-s.g.gate
	return s.Segment.Sync()
}

// Everybody who asks while one fdatasync runs is served by the next one, and appends wait for neither.
func TestGroupCommit(t *testing.T) {
	g := &gatedStore{fakeDisk: newFakeDisk(), begun: make(chan struct{}, 32), gate: make(chan struct{})}
	l := open(t, g)
	appendAll(t, l, "a")
	var wg sync.WaitGroup
	ask := func() {
		wg.Go(func() {
			if err := l.Sync(); err != nil {
				t.Error(err)
			}
		})
	}
	ask()
	<-g.begun
	for range 16 {
		appendAll(t, l, "b")
		ask()
	}
	close(g.gate)
	wg.Wait()
	if n := g.count.Load(); n != 2 {
		t.Fatalf("%d fdatasyncs, want 2", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	l := open(t, DirStore(dir))
	const workers, each = 8, 60
	big := make([]byte, 300<<10)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	work := func(w, i int) error {
		seq, err := l.AppendV(binary.BigEndian.AppendUint64(nil, uint64(w)), big[:(i%8)*len(big)/8])
		if err != nil {
			return err
		}
		mu.Lock()
		if seen[seq] {
			t.Errorf("number %d twice", seq)
		}
		seen[seq] = true
		mu.Unlock()
		if i%7 == w%7 {
			err = l.Sync()
		}
		if err == nil && i%10 == 3 {
			err = l.Retire(seq / 2)
		}
		l.Size()
		return err
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if err := work(w, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, l.Close())

	l = open(t, DirStore(dir))
	next := l.Mark()
	must(t, l.Replay(func(seq uint64, _ []byte) error {
		if seq != next {
			t.Errorf("entry %d, want %d", seq, next)
		}
		next++
		return nil
	}))
	if next != workers*each+1 {
		t.Fatalf("ends at %d", next)
	}
	must(t, l.Retire(next))
	must(t, l.Close())
}
