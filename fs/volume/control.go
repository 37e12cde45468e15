package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume/internal/notes"
)

// What the process of a mount can be asked for.
const (
	doVerify = "verify"
	doHeal   = "heal"
	doStatus = "status"
)

// A request is what it is asked. Names of files are bytes: JSON has no others
// than text.
type request struct {
	Do    string   `json:"do"`
	Cloud string   `json:"cloud,omitempty"`
	Paths [][]byte `json:"paths,omitempty"`
}

// An answer is one of many: progress, steps that would be taken, and in the end
// the findings and the result, or an error. To who asks for the status it is what
// is known, and then each name.
type answer struct {
	Read   int64   `json:"read,omitempty"` // bytes since the last one that told
	Step   *step   `json:"step,omitempty"`
	Found  *found  `json:"found,omitempty"`
	Result *result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`

	Summary  *vault.Summary `json:"summary,omitempty"`
	Noted    *noted         `json:"noted,omitempty"`
	Conflict []byte         `json:"conflict,omitempty"`
	Owed     *owed          `json:"owed,omitempty"`
	Told     bool           `json:"told,omitempty"` // that was all
}

// noted is a finding of the notes with its path as it is.
type noted struct {
	Finding notes.Finding `json:"finding"`
	Path    []byte        `json:"path"`
}

// owed is a name that a cloud in use lacks, or has wrongly.
type owed struct {
	Cloud string `json:"cloud"`
	Path  []byte `json:"path"`
}

type step struct {
	Cloud string `json:"cloud"`
	Text  []byte `json:"text"`
}

// found is a finding with its path as it is.
type found struct {
	Finding Finding `json:"finding"`
	Path    []byte  `json:"path"`
}

// A result is a report without its findings, with what is not printed as JSON.
type result struct {
	Report Report `json:"report"`
	Steps  int64  `json:"steps"`
	Lost   int    `json:"lost"`
	Short  bool   `json:"short"`
}

// maxOwed is how many names that a cloud owes are told.
const maxOwed = 1000

// progressEvery is how often a caller is told how far it is.
const progressEvery = 100 * time.Millisecond

// answer answers a request.
func (s *server) answer(ctx context.Context, line []byte, send func(any) error) error {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	if r.Do == doStatus {
		return s.tell(send)
	}
	report, err := s.examine(ctx, r, send)
	switch {
	case err == nil:
		return sendReport(report, send)
	case errors.Is(err, context.Canceled):
		err = errEnding
	case errors.Is(err, mirror.ErrReadOnly):
		err = errors.New("the vault is mounted read-only")
	}
	return send(answer{Error: err.Error()})
}

// tell tells how the vault is, without asking a cloud.
func (s *server) tell(send func(any) error) error {
	sum, n := s.soon(), s.book.Notes()
	if err := send(answer{Summary: &sum}); err != nil {
		return err
	}
	for _, f := range n.Findings {
		if err := send(answer{Noted: &noted{f, []byte(f.Path)}}); err != nil {
			return err
		}
	}
	for _, path := range n.Conflicts {
		if err := send(answer{Conflict: []byte(path)}); err != nil {
			return err
		}
	}
	for k, c := range s.vault.Clouds {
		for _, path := range s.mirror.Beside().Owed(k, maxOwed) {
			if err := send(answer{Owed: &owed{c.Name, []byte(path)}}); err != nil {
				return err
			}
		}
	}
	return send(answer{Told: true})
}

var errEnding = errors.New("the mount is ending")

// examine verifies or heals, and tells how far it is meanwhile. A caller who
// hears nothing of it ends it.
func (s *server) examine(ctx context.Context, r request, send func(any) error) (*Report, error) {
	s.checkups.Add(1)
	defer s.checkups.Add(-1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tell := func(a answer) {
		if err := send(a); err != nil {
			cancel(err)
		}
	}
	var read atomic.Int64
	o := CheckupOptions{Cloud: r.Cloud, Logger: s.logger, Read: func(n int64) { read.Add(n) }}
	for _, path := range r.Paths {
		o.Paths = append(o.Paths, string(path))
	}
	do := s.verify
	switch r.Do {
	case doVerify:
		o.Plan = func(cloud, text string) { tell(answer{Step: &step{cloud, []byte(text)}}) }
	case doHeal:
		do = s.heal
	default:
		return nil, fmt.Errorf("%q is nothing that this program can do", r.Do)
	}
	if err := CheckCloud(s.vault, r.Cloud); err != nil {
		return nil, err
	}
	stop := every(progressEvery, func() {
		if n := read.Swap(0); n > 0 {
			tell(answer{Read: n})
		}
	})
	defer stop()
	return do(ctx, o)
}

// every calls do again and again, until stop is called.
func every(d time.Duration, do func()) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				do()
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func sendReport(r *Report, send func(any) error) error {
	for _, f := range r.Findings {
		if err := send(answer{Found: &found{f, []byte(f.Path)}}); err != nil {
			return err
		}
	}
	rest := result{Report: *r, Steps: r.Steps, Lost: r.Lost, Short: r.Short}
	rest.Report.Findings = nil
	return send(answer{Result: &rest})
}
