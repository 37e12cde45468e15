//go:build amd64 && !purego

package cbc

// maxBlocks bounds one call of a kernel, in which the runtime cannot stop the
// goroutine, to some hundred microseconds.
const maxBlocks = 4096

// A queue hands the lanes of one call to the encryption kernels. It keeps as
// many in flight as the kernel takes; where one ends, the next begins.
type queue struct {
	cipher *Cipher // of all lanes
	lanes  []Lane

	keyed  []KeyLane // or lanes with ciphers of their own,
	rounds int       // as far as they have this many rounds

	flight [maxLanes]struct{ dst, src []byte }
	batch  batch
	n      int // in flight
}

func (q *queue) run() {
	for q.fill(); q.n > 0; q.fill() {
		blocks := maxBlocks
		for i := range q.n {
			blocks = min(blocks, len(q.flight[i].src)/BlockSize)
		}
		for i := range q.n {
			q.batch.src[i] = &q.flight[i].src[0]
			q.batch.dst[i] = &q.flight[i].dst[0]
		}
		if q.cipher != nil && q.n > maxKeyed {
			q.wide(blocks)
		} else {
			q.narrow(blocks)
		}
		q.advance(blocks * BlockSize)
	}
}

// fill takes lanes into flight.
func (q *queue) fill() {
	limit := maxKeyed
	if q.cipher != nil {
		limit = [...]int{kernelSSE: maxKeyed, kernelAVX2: 16, kernelAVX512: 32}[q.cipher.kernel]
	}
	for q.n < limit && len(q.lanes) > 0 {
		q.add(q.cipher, &q.lanes[0])
		q.lanes = q.lanes[1:]
	}
	for q.n < limit && len(q.keyed) > 0 {
		if q.keyed[0].Cipher.rounds == q.rounds {
			q.add(q.keyed[0].Cipher, &q.keyed[0].Lane)
		}
		q.keyed = q.keyed[1:]
	}
}

func (q *queue) add(c *Cipher, l *Lane) {
	if len(l.Src) == 0 {
		return
	}
	f := &q.flight[q.n]
	f.dst, f.src = l.Dst, l.Src
	q.batch.keys[q.n] = &c.enc
	q.batch.iv[q.n] = *l.IV
	q.rounds = c.rounds
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
		encryptKeyed1(&q.batch, q.rounds, blocks)
	case q.n == 2:
		encryptKeyed2(&q.batch, q.rounds, blocks)
	case q.n <= 4:
		q.pad(4)
		encryptKeyed4(&q.batch, q.rounds, blocks)
	default:
		q.pad(8)
		encryptKeyed8(&q.batch, q.rounds, blocks)
	}
}

func (q *queue) wide(blocks int) {
	c := q.cipher
	switch {
	case c.kernel == kernelAVX2:
		q.pad(16)
		encryptAVX2(&q.batch, &c.enc, c.rounds, blocks)
	case q.n <= 16:
		q.pad(16)
		encryptAVX512x16(&q.batch, &c.enc, c.rounds, blocks)
	default:
		q.pad(32)
		encryptAVX512x32(&q.batch, &c.enc, c.rounds, blocks)
	}
}
