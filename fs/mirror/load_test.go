package mirror_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestCloseUnderLoad closes mirrors while programs write to them, each write
// synced: what was acknowledged is there, and no cloud is blamed.
func TestCloseUnderLoad(t *testing.T) {
	losing(t, "load: close", func(t *testing.T, _ string) error {
		for round := range closeRounds {
			if err := tellScene(t, 2, layout{reuse: true}, closeUnderLoad); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		return nil
	})
}

func closeUnderLoad(s *scene) {
	const writers, closeAfter = 4, 10
	var acked [writers]int
	wrote := make(chan struct{}, 1000)
	var group sync.WaitGroup
	for w := range writers {
		s.put(fmt.Sprint("f", w), "", true)
		h := s.handle(fmt.Sprint("f", w))
		group.Go(func() {
			acked[w] = writeTillClosed(h, w, wrote)
		})
	}
	for range closeAfter {
		<-wrote
	}
	closed := make(chan error, 1)
	go func() { closed <- s.m.Close() }()
	for done := false; !done; {
		select {
		case <-wrote:
		case err := <-closed:
			s.must(err)
			done = true
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for range wrote {
		}
	}()
	group.Wait()
	close(wrote)
	<-drained
	s.nobodyOwes()
	s.mount()
	for w := range writers {
		got, err := tryRead(s.m, fmt.Sprint("f", w))
		if want := loadRecord(w, acked[w]); err != nil || len(got) < len(want) || string(got[:len(want)]) != want {
			s.failf("f%d has %d bytes, and %d were acknowledged (%v)", w, len(got), len(want), err)
		}
	}
	s.honest(0, 1)
}

// writeTillClosed appends, and syncs each time, until that fails. It returns
// how often both succeeded.
func writeTillClosed(h *mirror.Handle, w int, wrote chan<- struct{}) (acked int) {
	defer h.Close()
	for ; ; acked++ {
		record := loadRecord(w, acked+1)[len(loadRecord(w, acked)):]
		_, err := h.WriteAt([]byte(record), int64(len(loadRecord(w, acked))))
		if errors.Join(err, h.Sync()) != nil {
			return acked
		}
		wrote <- struct{}{}
	}
}

// loadRecord is what n writes of a writer leave.
func loadRecord(w, n int) string { return text(700*n, w) }
