package pace

import (
	"testing"
	"time"
)

// TestTurn: work goes on at once while nobody else works, and else for a third of the time.
func TestTurn(t *testing.T) {
	var begun uint64
	now, slept := time.Unix(1e9, 0), time.Duration(0)
	turn := &Turn{
		Begun: func() uint64 { return begun }, Now: func() time.Time { return now },
		Sleep: func(d time.Duration) { slept += d; now = now.Add(d) },
	}
	for _, c := range []struct {
		took   time.Duration
		begins uint64
		rests  time.Duration
	}{
		{time.Hour, 5, 0}, // nothing was done before
		{10 * time.Millisecond, 0, 0},
		{10 * time.Millisecond, 1, 20 * time.Millisecond},
		{10 * time.Millisecond, 0, 0},
		{time.Second, 100, longRest},
	} {
		slept, begun, now = 0, begun+c.begins, now.Add(c.took)
		if turn.Rest(); slept != c.rests {
			t.Errorf("%v, %d operations: it rests for %v, want %v", c.took, c.begins, slept, c.rests)
		}
	}
}
