//go:build !race

// The race detector makes sync.Pool forget on purpose.

package mac

import "testing"

func TestNoAllocations(t *testing.T) {
	forEachKernel(t, func(t *testing.T, im implementation) {
		r := newRand(t)
		k := im.new(random(r, 32))
		for _, n := range []int{1, 2, 5, 40} {
			msgs := make([]Message, n)
			for i := range msgs {
				msgs[i] = message(r, 512)
			}
			k.Sum(msgs)
			if got := testing.AllocsPerRun(100, func() { k.Sum(msgs) }); got >= 1 {
				t.Errorf("%d messages allocated %v times", n, got)
			}
		}
	})
}
