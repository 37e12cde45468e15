//go:build amd64 && !purego

package mac

// wide keeps up to 16 messages in flight through the AVX-512 kernel. Where one
// ends, the next begins.
type wide struct {
	flights [lanes]flight // their chaining values are in states
	states  states
	n       int // in flight
}

func (w *wide) run(k *Key, msgs []Message) {
	for {
		for ; w.n < lanes && len(msgs) > 0; w.n++ {
			w.flights[w.n].begin(k, &msgs[0])
			w.setColumn(w.n, k.inner)
			msgs = msgs[1:]
		}
		if w.n == 0 {
			return
		}
		if w.n < minWide && k.kernel&kernelSHA != 0 {
			for i := range w.n {
				w.flights[i].state = w.column(i)
			}
			k.pairs(w.flights[:], w.n, nil)
			return
		}
		w.step(k)
	}
}

// step compresses as many blocks as every message in flight has. Idle lanes
// read what others read.
func (w *wide) step(k *Key) {
	var src [lanes]*byte
	blocks := maxBlocks
	for i := range src {
		f := &w.flights[i%w.n]
		src[i] = f.src()
		blocks = min(blocks, f.blocks)
	}
	sha256AVX512(&src, &w.states, blocks)
	for i := w.n - 1; i >= 0; i-- {
		f := &w.flights[i]
		if f.advance(blocks) {
			f.state = w.column(i)
			f.finish(k)
			w.setColumn(i, f.state)
		}
		if f.stage == stageDone {
			w.n--
			*f = w.flights[w.n]
			w.setColumn(i, w.column(w.n))
		}
	}
}

func (w *wide) column(lane int) (s state) {
	for i := range s {
		s[i] = w.states[i][lane]
	}
	return s
}

func (w *wide) setColumn(lane int, s state) {
	for i := range s {
		w.states[i][lane] = s[i]
	}
}

func (w *wide) wipe() { *w = wide{} }
