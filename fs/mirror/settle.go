package mirror

import (
	"errors"
	"fmt"
)

// change is something that is done in one cloud after the other.
type change struct {
	what string

	// do does it in one cloud. What fails has changed nothing there.
	do func(*member) error

	// undo takes back what do has done in one cloud; nil where that cannot be
	// done.
	undo func(*member) error

	// skip is told of a cloud that has nothing there to be changed, and why;
	// nil where nobody needs to know.
	skip func(*member, error)
}

// harmless is the undo of what no version counts: it may stay done in one cloud
// and not in the other.
func harmless(*member) error { return nil }

// lapse is a cloud that did not do what another one did, and why.
type lapse struct {
	mb  *member
	why error
}

// each makes a change in every cloud that is up, the lead first.
func (m *Mirror) each(c change) (made bool, err error) { return m.settle(c, m.ups()) }

// settle makes a change in some clouds, in their order, and gives everyone's
// errors to whom they belong:
//
//   - A cloud that failed or is full while another one makes the change is
//     put behind. Where none makes it, the error is the program's, and no
//     cloud's.
//   - A cloud that lacks what is to be changed goes without. It lacked it
//     before, so that it is no worse than it was.
//   - Any other error is the program's, and the change is taken back where it
//     is made. Where that cannot be done, those that did not make it are put
//     behind: until each cloud has a list of what it owes, there is no smaller
//     mark for that.
//
// made reports whether the change stands, which it does together with an error
// where a cloud could not be marked.
func (m *Mirror) settle(c change, members []*member) (made bool, err error) {
	var done []*member
	var lapses []lapse
	var first error
	for _, mb := range members {
		why := c.do(mb)
		if why == nil {
			done = append(done, mb)
			continue
		}
		if first == nil {
			first = fmt.Errorf("%s: cloud %s: %w", c.what, mb.name, why)
		}
		switch f := faultIn(mb, why); {
		case f.cloud():
			lapses = append(lapses, lapse{mb, why})
		case f == strayed:
			m.strayed(c, mb, why)
		case len(done) > 0 && c.undo == nil:
			lapses = append(lapses, lapse{mb, why})
		default:
			return false, errors.Join(fmt.Errorf("%s: cloud %s: %w", c.what, mb.name, why), m.takeBack(c, done))
		}
	}
	switch {
	case len(done) > 0:
		return true, errors.Join(m.dropAll(c.what, lapses), m.markDropped())
	case first == nil:
		first = fmt.Errorf("%s: %w", c.what, ErrNoCloud)
	}
	return false, first
}

func (m *Mirror) strayed(c change, mb *member, why error) {
	m.logger.Warn("a cloud lacks what is changed, or has something else there", "cloud", mb.name, "what", c.what, "error", why)
	if c.skip != nil {
		c.skip(mb, why)
	}
}

// takeBack undoes a change where it was made. A cloud that cannot go back has
// what no other has, and is put behind.
func (m *Mirror) takeBack(c change, done []*member) error {
	var lapses []lapse
	for i := len(done) - 1; i >= 0; i-- {
		if err := c.undo(done[i]); err != nil && faultOf(err) != strayed {
			lapses = append(lapses, lapse{done[i], err})
		}
	}
	return m.dropAll(c.what, lapses)
}

// dropAll puts clouds behind.
func (m *Mirror) dropAll(what string, lapses []lapse) error {
	var errs []error
	for _, l := range lapses {
		errs = append(errs, m.drop(l.mb, what, l.why))
	}
	return errors.Join(errs...)
}
