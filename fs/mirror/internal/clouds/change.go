package clouds

import (
	"errors"
	"fmt"
)

// A Change is something that is done in one cloud after the other.
type Change struct {
	What string // for errors and the log

	// Do does it in one cloud. What fails has changed nothing there.
	Do func(*Cloud) error

	// Undo takes back what Do has done in one cloud; nil where that cannot be
	// done.
	Undo func(*Cloud) error

	// Skip is told of a cloud that has nothing there to be changed, and why;
	// nil where nobody needs to know.
	Skip func(*Cloud, error)
}

// Harmless is the Undo of what no version counts: it may stay done in one cloud
// and not in the other.
func Harmless(*Cloud) error { return nil }

// A Lapse is a cloud that did not do what another one did, and why.
type Lapse struct {
	Cloud *Cloud
	Why   error
}

// Each makes a change in every cloud that is up, the lead first.
func (cs *Clouds) Each(ch Change) (made bool, err error) { return cs.Make(ch, cs.Ups()) }

// Make makes a change in some clouds, in their order, and gives everyone's
// errors to whom they belong:
//
//   - A cloud that failed or is full while another one makes the change is
//     taken out of use. Where none makes it, the error is the program's, and no
//     cloud's.
//   - A cloud that lacks what is to be changed goes without: who made the change
//     hears of it, and owes it that name.
//   - Any other error is the program's, and the change is taken back where it
//     is made. Where that cannot be done, those that did not make it are taken
//     out, and brought up to date.
//
// made reports whether the change stands, which it does together with an error
// where a cloud could not be marked.
func (cs *Clouds) Make(ch Change, these []*Cloud) (made bool, err error) {
	var done []*Cloud
	var lapses []Lapse
	var first error
	for _, c := range these {
		why := ch.Do(c)
		if why == nil {
			done = append(done, c)
			continue
		}
		if first == nil {
			first = fmt.Errorf("%s: cloud %s: %w", ch.What, c.Name, why)
		}
		switch f := c.Fault(why); {
		case f.OfCloud():
			lapses = append(lapses, Lapse{c, why})
		case f == Strayed:
			cs.logger.Warn("a cloud lacks what is changed, or has something else there", "cloud", c.Name, "what", ch.What, "error", why)
			if ch.Skip != nil {
				ch.Skip(c, why)
			}
		case len(done) > 0 && ch.Undo == nil:
			lapses = append(lapses, Lapse{c, why})
		default:
			return false, errors.Join(fmt.Errorf("%s: cloud %s: %w", ch.What, c.Name, why), cs.takeBack(ch, done))
		}
	}
	switch {
	case len(done) > 0:
		return true, errors.Join(cs.DropAll(ch.What, lapses), cs.MarkDropped())
	case first == nil:
		first = fmt.Errorf("%s: %w", ch.What, ErrNoCloud)
	}
	return false, first
}

// takeBack undoes a change where it was made. A cloud that cannot go back has
// what no other has, and is taken out.
func (cs *Clouds) takeBack(ch Change, done []*Cloud) error {
	var lapses []Lapse
	for i := len(done) - 1; i >= 0; i-- {
		if err := ch.Undo(done[i]); err != nil && FaultOf(err) != Strayed {
			lapses = append(lapses, Lapse{done[i], err})
		}
	}
	return cs.DropAll(ch.What, lapses)
}
