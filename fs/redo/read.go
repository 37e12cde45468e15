package redo

// ReadFrom passes to fn what is in the log from a number on and not retired: what Entries yields, and then what this run had
// appended before the call. An error of fn ends it and is returned as it is. Append and Retire may be called meanwhile.
func (l *Log) ReadFrom(from uint64, fn func(seq uint64, payload []byte) error) error {
	at := max(from, l.Mark())
	for _, p := range l.places() {
		if p.end <= at {
			continue
		}
		_, err := scan(l.store, &l.key, p.number, func(seq uint64, payload []byte) error {
			switch {
			case seq >= p.end:
				return errPieceDone
			case seq < at:
				return nil
			}
			at = seq + 1
			return fn(seq, payload)
		})
		if err != nil && err != errPieceDone {
			return err
		}
	}
	return nil
}

// places is where everything lies that counts, this run's behind that of earlier ones.
func (l *Log) places() []piece {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := append([]piece(nil), l.past.pieces...)
	for _, r := range l.resting {
		if r.number > l.past.number {
			list = append(list, piece{number: r.number, first: r.first, end: r.end})
		}
	}
	if w := l.current; w != nil {
		list = append(list, piece{number: w.number, first: w.first, end: l.next})
	}
	return list
}
