// Package speed measures the ciphers of this machine beside the standard
// library, in one thread.
//
// Other load changes both alike, and changes all the time. So every row takes
// both in turn, many times, and reports medians: of the speeds, and of the
// ratio within each turn.
package speed

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/internal/x86"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// A Row compares one operation with the same one by the standard library, in
// 10^6 bytes of plaintext per second.
type Row struct {
	Name   string  `json:"name"`
	Ours   float64 `json:"mb_per_s"`
	Stdlib float64 `json:"stdlib_mb_per_s"`
	Ratio  float64 `json:"ratio"`
}

// A Report is what Measure found. Kernels names the implementations in use.
type Report struct {
	CPU     string `json:"cpu"`
	Kernels string `json:"kernels"`
	Rows    []Row  `json:"rows"`
}

// An operation is one row's work, done once by each side.
type operation struct {
	name         string
	bytes        int
	ours, stdlib func()
}

const (
	turns    = 101
	turnTime = 600 * time.Microsecond // of each side; short enough to be interrupted rarely
)

// Measure runs every operation, in a second or two.
func Measure() (*Report, error) {
	ops, err := operations()
	if err != nil {
		return nil, fmt.Errorf("speed: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &Report{
		CPU:     cmp.Or(x86.Brand(), runtime.GOARCH),
		Kernels: fmt.Sprintf("cbc: %s, mac: %s", cbc.Kernel(), mac.Kernel()),
	}
	for _, op := range ops {
		r.Rows = append(r.Rows, op.measure())
	}
	return r, nil
}

func (op operation) measure() Row {
	ours, stdlib := repetitions(op.ours), repetitions(op.stdlib)
	var speeds, stdSpeeds, ratios []float64
	for range turns {
		a := op.speed(op.ours, ours)
		b := op.speed(op.stdlib, stdlib)
		speeds, stdSpeeds, ratios = append(speeds, a), append(stdSpeeds, b), append(ratios, a/b)
	}
	return Row{op.name, round(median(speeds), 1), round(median(stdSpeeds), 1), round(median(ratios), 2)}
}

// repetitions returns how often f fits into a turn.
func repetitions(f func()) int {
	f()
	n := 1
	for {
		start := time.Now()
		for range n {
			f()
		}
		if took := time.Since(start); took >= turnTime/4 {
			return max(1, int(float64(n)*float64(turnTime)/float64(took)))
		}
		n *= 2
	}
}

// speed runs f n times.
func (op operation) speed(f func(), n int) float64 {
	start := time.Now()
	for range n {
		f()
	}
	return float64(op.bytes) * float64(n) / 1e6 / time.Since(start).Seconds()
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// round keeps as many decimals as mean anything.
func round(v float64, decimals int) float64 {
	unit := math.Pow10(decimals)
	return math.Round(v*unit) / unit
}
