package mac

import (
	"fmt"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded returns read-only random bytes between two pages that fault: n bytes
// at once before the second one if atEnd, else at once after the first one.
func guarded(t testing.TB, n int, atEnd bool) []byte {
	t.Helper()
	page := unix.Getpagesize()
	inner := max((n+page-1)/page, 1) * page
	m, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	newRand(t).Read(m[page : page+inner])
	for _, p := range []struct {
		pages []byte
		prot  int
	}{
		{m[:page], unix.PROT_NONE}, {m[page : page+inner], unix.PROT_READ}, {m[page+inner:], unix.PROT_NONE},
	} {
		if err := unix.Mprotect(p.pages, p.prot); err != nil {
			t.Fatal(err)
		}
	}
	if atEnd {
		return m[page+inner-n : page+inner]
	}
	return m[page : page+n]
}

// TestGuardPages runs every kernel on bodies that end, or begin, where the
// mapped memory does.
func TestGuardPages(t *testing.T) {
	const most, longest = 20, 4096 + 300
	for _, atEnd := range []bool{false, true} {
		var bodies [most][]byte
		for i := range bodies {
			bodies[i] = guarded(t, longest, atEnd)
		}
		forEachKernel(t, func(t *testing.T, im implementation) {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			what := ""
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("%s: %v", what, r)
				}
			}()
			k := im.new([]byte("key"))
			for _, n := range []int{1, 2, 5, 6, 16, most} {
				for length := 0; length <= longest; length += 1 + length/16 {
					what = fmt.Sprintf("%d messages of %d bytes, guard after: %v", n, length, atEnd)
					msgs := make([]Message, n)
					for i := range msgs {
						msgs[i].Body = bodies[i][:length]
						if atEnd {
							msgs[i].Body = bodies[i][longest-length:]
						}
					}
					k.Sum(msgs)
					checkSums(t, []byte("key"), msgs)
				}
			}
		})
	}
}
