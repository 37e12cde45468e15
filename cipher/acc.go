package cipher

import (
	"crypto/subtle"
	"encoding/binary"
)

// An Acc ties a set of write ids, each at its chunk, to a header: the XOR over
// every record i that is not a hole of
//
//	AES(acc_key, AES(acc_key, u64(i) ‖ u64(0)) XOR W_i)
//
// XOR of the term that went and the term that came updates it. XOR is linear:
// whoever knew the terms could choose old records that cancel out. So an Acc is
// only ever stored encrypted, inside a header or a sealed log.
type Acc [16]byte

// XOR adds b to a, or takes it away again.
func (a *Acc) XOR(b Acc) { subtle.XORBytes(a[:], a[:], b[:]) }

// Terms XORs onto acc the term of every chunk first, first+1, … whose state is
// [RecordOK]; with nil states, of every one.
func (f *File) Terms(acc *Acc, first int64, ids []WriteID, states []RecordState) {
	g := f.group()
	defer f.release(g, len(ids))
	n := 0
	for i := range ids {
		if states == nil || states[i] == RecordOK {
			g.index[n] = i
			n++
		}
		if n == maxGroup || i == len(ids)-1 {
			f.addTerms(acc, first, ids, g.blocks[:n*blockSize], g.index[:n])
			n = 0
		}
	}
}

func (f *File) addTerms(acc *Acc, first int64, ids []WriteID, blocks []byte, index []int) {
	clear(blocks)
	for j, i := range index {
		binary.BigEndian.PutUint64(blocks[j*blockSize:], uint64(first+int64(i)))
	}
	f.acc.EncryptBlocks(blocks, blocks)
	for j, i := range index {
		block := blocks[j*blockSize:][:blockSize]
		subtle.XORBytes(block, block, ids[i][:])
	}
	f.acc.EncryptBlocks(blocks, blocks)
	for j := range index {
		acc.XOR(Acc(blocks[j*blockSize:]))
	}
}
