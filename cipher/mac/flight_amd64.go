//go:build amd64 && !purego

package mac

import "encoding/binary"

const blockSize = 64

// bodyOffset is how much of the body the first block takes, after the prefix.
const bodyOffset = blockSize - len(Message{}.Prefix)

// A stage is a run of consecutive blocks in memory.
type stage uint8

const (
	stageHead  stage = iota // prefix and beginning of the body, in scratch
	stageBody               // whole blocks of the body, where they lie
	stageTail               // the rest and the padding, in scratch
	stageOuter              // the inner digest and its padding, in scratch
	stageDone
)

// A flight is a message on its way through a kernel.
type flight struct {
	msg     *Message
	state   state
	stage   stage
	blocks  int // left in this stage
	offset  int // of the next one, in the body or in scratch
	scratch [2 * blockSize]byte
}

// begin puts m into the stage of its first block.
func (f *flight) begin(k *Key, m *Message) {
	f.msg, f.state = m, k.inner
	copy(f.scratch[:], m.Prefix[:])
	if len(m.Body) < bodyOffset {
		f.enterTail(len(m.Prefix), m.Body)
		return
	}
	copy(f.scratch[len(m.Prefix):], m.Body[:bodyOffset])
	f.enter(stageHead, 1, 0)
}

func (f *flight) enter(s stage, blocks, offset int) {
	f.stage, f.blocks, f.offset = s, blocks, offset
}

// enterTail pads the n bytes in scratch and the rest of the body after them.
func (f *flight) enterTail(n int, rest []byte) {
	n += copy(f.scratch[n:], rest)
	f.enter(stageTail, f.pad(n, len(f.msg.Prefix)+len(f.msg.Body)), 0)
}

// pad appends the padding of FIPS 180-4, section 5.1.1, to the n bytes in
// scratch, the end of a message of the given length after one block of key. It
// returns the number of blocks.
func (f *flight) pad(n, length int) int {
	blocks := (n + 1 + 8 + blockSize - 1) / blockSize
	end := blocks * blockSize
	clear(f.scratch[n:end])
	f.scratch[n] = 0x80
	binary.BigEndian.PutUint64(f.scratch[end-8:], uint64(blockSize+length)*8)
	return blocks
}

// src is where the blocks to be compressed begin.
func (f *flight) src() *byte {
	if f.stage == stageBody {
		return &f.msg.Body[f.offset]
	}
	return &f.scratch[f.offset]
}

// advance counts blocks as compressed and enters the next stage after the last
// one. stateful reports whether that needs the chaining value; finish is then
// to be called once it is in f.state.
func (f *flight) advance(blocks int) (stateful bool) {
	f.blocks -= blocks
	f.offset += blocks * blockSize
	if f.blocks > 0 {
		return false
	}
	body := f.msg.Body
	switch f.stage {
	case stageHead:
		if n := (len(body) - bodyOffset) / blockSize; n > 0 {
			f.enter(stageBody, n, bodyOffset)
		} else {
			f.enterTail(0, body[bodyOffset:])
		}
	case stageBody:
		f.enterTail(0, body[f.offset:])
	default:
		return true
	}
	return false
}

// finish ends the inner hash, and begins the outer one, or that and with it the
// message.
func (f *flight) finish(k *Key) {
	out := f.msg.Sum[:]
	if f.stage == stageTail {
		out = f.scratch[:]
	}
	for i, w := range f.state {
		binary.BigEndian.PutUint32(out[4*i:], w)
	}
	if f.stage == stageTail {
		f.state = k.outer
		f.enter(stageOuter, f.pad(Size, Size), 0)
	} else {
		f.enter(stageDone, 0, 0)
	}
}
