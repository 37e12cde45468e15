package cbc

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded returns a buffer of n bytes between two pages that fault, at once
// before the second one if atEnd, else at once after the first one.
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
	for _, guard := range [][]byte{m[:page], m[page+inner:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if atEnd {
		return m[page+inner-n : page+inner]
	}
	return m[page : page+n]
}

// mustNotFault reports a fault of f as a failure that names the case.
func mustNotFault(t testing.TB, what string, f func()) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s: %v", what, r)
		}
	}()
	f()
}

// TestGuardPages runs every kernel on buffers that end, or begin, where the
// mapped memory does.
func TestGuardPages(t *testing.T) {
	const most = 40
	for _, atEnd := range []bool{false, true} {
		var src, dst, ivs [most][]byte
		for i := range most {
			src[i], dst[i] = guarded(t, 8192, atEnd), guarded(t, 8192, atEnd)
			ivs[i] = guarded(t, BlockSize, atEnd)
		}
		// cut takes the n bytes that touch the guard page.
		cut := func(b []byte, n int) []byte {
			if atEnd {
				return b[len(b)-n:]
			}
			return b[:n]
		}
		forEachKernel(t, func(t *testing.T, im implementation) {
			r := newRand(t)
			key := random(r, 32)
			c := im.mustNew(t, key)
			for _, n := range []int{1, 2, 3, 5, 8, 9, 16, 17, 32, most} {
				for _, blocks := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 63, 257} {
					lanes, want := make([]Lane, n), make([][]byte, n)
					for i := range lanes {
						s := cut(src[i], 16*blocks)
						r.Read(s)
						r.Read(ivs[i])
						lanes[i] = Lane{(*[16]byte)(ivs[i]), cut(dst[i], len(s)), s}
						want[i] = referenceEncrypt(key, lanes[i].IV, s)
					}
					what := fmt.Sprintf("%d lanes of %d blocks, guard after: %v", n, blocks, atEnd)
					mustNotFault(t, what, func() { c.Encrypt(lanes) })
					for i, l := range lanes {
						if !bytes.Equal(l.Dst, want[i]) {
							t.Fatalf("%s: lane %d differs", what, i)
						}
						lanes[i].Src = l.Dst
					}
					mustNotFault(t, what, func() { c.Decrypt(lanes) })
					mustNotFault(t, what, func() { c.EncryptBlocks(lanes[0].Dst, lanes[0].Dst) })
					mustNotFault(t, what, func() { c.DecryptBlocks(lanes[0].Dst, lanes[0].Dst) })
				}
			}
		})
	}
}
