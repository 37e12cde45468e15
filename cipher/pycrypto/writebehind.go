package pycrypto

import (
	"io"
	"sync/atomic"
)

// bufferSize is what moves at once: large enough that the hand-over between
// goroutines costs nothing beside it, small enough that it stays in the
// second-level cache from one stage to the next. A multiple of BlockSize.
const bufferSize = 256 << 10

// depth is the number of buffers between the cipher and one writer. With two
// the slower stage never waits on a hand-over; the third evens out jitter.
const depth = 3

// A writeBehind writes buffers to w in their order from a goroutine of its
// own, so that the cipher works while the kernel copies. After a failed write
// it discards what follows, and never blocks its user.
type writeBehind struct {
	w      io.Writer
	free   chan []byte
	full   chan []byte
	done   chan struct{}
	made   int
	failed atomic.Bool
	err    error // set by the goroutine, to be read after done
}

func newWriteBehind(w io.Writer) *writeBehind {
	b := &writeBehind{
		w:    w,
		free: make(chan []byte, depth),
		full: make(chan []byte, depth),
		done: make(chan struct{}),
	}
	go b.run()
	return b
}

func (b *writeBehind) run() {
	defer close(b.done)
	for p := range b.full {
		if !b.failed.Load() {
			if _, err := b.w.Write(p); err != nil {
				b.err = err
				b.failed.Store(true)
			}
		}
		b.free <- p
	}
}

// buffer returns n bytes, at most bufferSize and a block, that are the
// caller's until it hands them to write. Small files never make a second one.
func (b *writeBehind) buffer(n int) []byte {
	select {
	case p := <-b.free:
		return p[:n]
	default:
	}
	if b.made < depth {
		b.made++
		return make([]byte, n, bufferSize+BlockSize)
	}
	p := <-b.free
	return p[:n]
}

// write hands over a buffer, or a beginning of one.
func (b *writeBehind) write(p []byte) { b.full <- p }

// close waits until everything is written and returns the first error.
func (b *writeBehind) close() error {
	close(b.full)
	<-b.done
	return b.err
}
