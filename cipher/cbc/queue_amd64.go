//go:build amd64 && !purego

package cbc

// maxBlocks bounds one call of a kernel, in which the runtime cannot stop the
// goroutine, to some hundred microseconds.
const maxBlocks = 4096

// The chunks of one write lie 4 KiB apart, so that the same block of each falls
// into the same set of the first-level cache, which has room for fewer lines
// than there are lanes. So only startLanes begin together, and the next ones
// startBlocks, two cache lines, behind them.
const (
	startLanes  = 8
	startBlocks = 8
)

// A queue hands the lanes of one call to the encryption kernels. It keeps width
// of them in flight; where one ends, the next begins.
type queue struct {
	cipher *Cipher // of all lanes
	lanes  []Lane

	keyed  []KeyLane // or lanes with ciphers of their own,
	rounds int       // as far as they have this many rounds

	width  int
	flight [maxLanes]struct{ dst, src []byte }
	batch  batch
	n      int // in flight
}

func (q *queue) run() {
	for {
		blocks := maxBlocks
		if q.fill() {
			blocks = startBlocks
		}
		if q.n == 0 {
			return
		}
		for i := range q.n {
			f := &q.flight[i]
			blocks = min(blocks, len(f.src)/BlockSize)
			q.batch.src[i], q.batch.dst[i] = &f.src[0], &f.dst[0]
		}
		if q.cipher != nil && q.n > maxKeyed {
			q.wide(blocks)
		} else {
			q.narrow(blocks)
		}
		q.advance(blocks * BlockSize)
	}
}

// fill takes some lanes into flight. It reports whether others, for which there
// is room, have to wait until these have their start.
func (q *queue) fill() (wait bool) {
	limit := min(q.n+startLanes, q.width)
	for q.n < limit && len(q.lanes) > 0 {
		q.add(q.cipher, &q.lanes[0])
		q.lanes = q.lanes[1:]
	}
	for q.n < limit && len(q.keyed) > 0 {
		if q.keyed[0].Cipher.enc.rounds == q.rounds {
			q.add(q.keyed[0].Cipher, &q.keyed[0].Lane)
		}
		q.keyed = q.keyed[1:]
	}
	return q.n < q.width && len(q.lanes) > 0
}

func (q *queue) add(c *Cipher, l *Lane) {
	if len(l.Src) == 0 {
		return
	}
	f := &q.flight[q.n]
	f.dst, f.src = l.Dst, l.Src
	q.batch.keys[q.n] = &c.enc
	q.batch.iv[q.n] = *l.IV
	q.n++
}

// advance moves all lanes on, and the last ones in flight to the places of
// those that have ended.
func (q *queue) advance(n int) {
	for i := q.n - 1; i >= 0; i-- {
		f := &q.flight[i]
		f.dst, f.src = f.dst[n:], f.src[n:]
		if len(f.src) == 0 {
			q.n--
			*f = q.flight[q.n]
			q.batch.keys[i] = q.batch.keys[q.n]
			q.batch.iv[i] = q.batch.iv[q.n]
		}
	}
}

// pad lets the places that a kernel has to spare repeat the first lane.
func (q *queue) pad(lanes int) {
	b := &q.batch
	for i := q.n; i < lanes; i++ {
		b.src[i], b.dst[i], b.keys[i], b.iv[i] = b.src[0], b.dst[0], b.keys[0], b.iv[0]
	}
}

func (q *queue) narrow(blocks int) {
	switch {
	case q.n == 1:
		encryptKeyed1(&q.batch, blocks)
	case q.n == 2:
		encryptKeyed2(&q.batch, blocks)
	case q.n <= 4:
		q.pad(4)
		encryptKeyed4(&q.batch, blocks)
	default:
		q.pad(8)
		encryptKeyed8(&q.batch, blocks)
	}
}

func (q *queue) wide(blocks int) {
	c := q.cipher
	switch {
	case c.kernel == kernelAVX2:
		q.pad(16)
		encryptAVX2(&q.batch, &c.enc, blocks)
	case q.n <= 16:
		q.pad(16)
		encryptAVX512x16(&q.batch, &c.enc, blocks)
	default:
		q.pad(32)
		encryptAVX512x32(&q.batch, &c.enc, blocks)
	}
}
