//go:build amd64 && !purego

package mac

import "github.com/overcast-fs/overcast/cipher/internal/x86"

//go:generate go run ../internal/asmgen ..

// A kernel is a set of instructions to use; none stands for the standard
// library.
type kernel uint8

const (
	kernelStd    kernel = 0
	kernelSHA    kernel = 1 << 0 // SHA extensions: one or two messages
	kernelAVX512 kernel = 1 << 1 // 16 messages
)

func (k kernel) String() string {
	return [...]string{"standard library", "SHA-NI", "AVX-512", "AVX-512+SHA-NI"}[k]
}

// best is the kernel that New uses on this processor.
var best = func() (k kernel) {
	if x86.SHA() {
		k |= kernelSHA
	}
	if x86.AVX512() {
		k |= kernelAVX512
	}
	return k
}()

// Kernel names the implementation in use.
func Kernel() string { return best.String() }

// state is a SHA-256 chaining value, a to h.
type state = [8]uint32

// lanes is the number of messages of the AVX-512 kernel.
const lanes = 16

// states are the chaining values of 16 messages, word by word.
type states [8][lanes]uint32

// The kernels compress blocks consecutive blocks at each src.

//go:noescape
func sha256NI1(state *state, src *byte, blocks int)

//go:noescape
func sha256NI2(state0 *state, src0 *byte, state1 *state, src1 *byte, blocks int)

//go:noescape
func sha256AVX512(src *[lanes]*byte, states *states, blocks int)
