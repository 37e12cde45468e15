package exchange

import (
	"context"
	"io"

	"github.com/overcast-fs/overcast/fs/tree"
)

// Observe returns a reader that ends with [tree.ErrInterrupted] when ctx is done, and tells progress how much was read.
func Observe(ctx context.Context, r io.Reader, progress func(n int64)) io.Reader {
	return &observedReader{ctx, r, progress}
}

type observedReader struct {
	ctx      context.Context
	r        io.Reader
	progress func(n int64)
}

func (o *observedReader) Read(p []byte) (int, error) {
	if o.ctx.Err() != nil {
		return 0, tree.ErrInterrupted
	}
	n, err := o.r.Read(p)
	o.progress(int64(n))
	return n, err
}

// Interruptible runs work that may wait in a pipe for ever. When a signal comes it no longer waits for work to return, which
// may go on using what it was given until the program ends.
func Interruptible[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, tree.ErrInterrupted
	}
}
