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
