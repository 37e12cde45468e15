package cloudtest

import "fmt"

// Op is one mutating operation that took place.
type Op struct {
	N      int    // from 1
	Volume string // name of the directory or store
	what
}

// what an operation did. It is put into words only when somebody reads the
// trace, since most traces nobody does.
type what struct {
	verb, path string
	to         string // the other path
	link       string // between the two
	from, end  int64  // of bytes, end beyond the last
	detail     any
}

func (o Op) String() string {
	s := fmt.Sprintf("%5d %s: %s", o.N, o.Volume, o.verb)
	if o.path != "" {
		s += " " + o.path
	}
	if o.link != "" {
		s += " " + o.link + " " + o.to
	}
	if o.end > 0 {
		s += fmt.Sprintf(" [%d,%d)", o.from, o.end)
	}
	if o.detail != nil {
		s += fmt.Sprintf(" %v", o.detail)
	}
	return s
}

// octal prints as mode bits.
type octal uint32

func (o octal) String() string { return fmt.Sprintf("%04o", uint32(o)) }

// ids prints as an owner.
type ids struct{ uid, gid int }

func (i ids) String() string { return fmt.Sprintf("%d:%d", i.uid, i.gid) }
