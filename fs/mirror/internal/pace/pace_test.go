package pace

import (
	"testing"
	"time"
)

// TestPace: the pace is that of the last minute, of what is being done now.
func TestPace(t *testing.T) {
	start := time.Unix(1e9, 0)
	p := &Pace{}
	for _, c := range []struct {
		at    time.Duration
		doing string
		done  int64
		want  float64
	}{
		{0, "compare", 0, 0},
		{time.Second, "compare", 0, 0},
		{2 * time.Second, "repair", 0, 0},
		{2*time.Second + 900*time.Millisecond, "repair", 90, 0}, // too short to tell
		{4 * time.Second, "repair", 200, 100},
		{34 * time.Second, "repair", 3200, 100},
		{64 * time.Second, "repair", 3200, 3000.0 / 60}, // it has stopped, and what it did before counts less and less
		{95 * time.Second, "repair", 3200, 0},
		{96 * time.Second, "repair", 10, 0}, // another round
		{98 * time.Second, "repair", 50, 20},
	} {
		now := start.Add(c.at)
		p.Set(now, c.doing, c.done, 5000)
		if got := p.PerSecond(now); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("after %v: %v a second, want %v", c.at, got, c.want)
		}
		if len(p.marks) > 62 {
			t.Errorf("after %v: %d marks", c.at, len(p.marks))
		}
	}
	now := start.Add(time.Hour)
	for i := range int64(100_000) {
		p.Set(now.Add(time.Duration(i)*time.Millisecond), "repair", i, 100_000)
	}
	if len(p.marks) > 62 {
		t.Errorf("%d marks", len(p.marks))
	}
}
