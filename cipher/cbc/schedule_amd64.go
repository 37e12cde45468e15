//go:build amd64 && !purego

package cbc

import (
	"encoding/binary"
	"math/bits"
)

// expand writes the key schedule of FIPS 197, section 5.2, and that of the
// equivalent inverse cipher, section 5.3.5.
func expand(enc, dec *schedule, key []byte) {
	words := len(key) / 4
	rounds := words + 6
	enc.rounds, dec.rounds = rounds, rounds
	copy(enc.keys[:], key)
	rcon := uint32(1)
	for i := words; i < 4*(rounds+1); i++ {
		w := enc.word(i - 1)
		switch {
		case i%words == 0:
			// Bytes are the low ones first here, so RotWord turns right.
			w = bits.RotateLeft32(subWord(w), -8) ^ rcon
			rcon = rcon<<1 ^ rcon>>7*0x11b
		case words > 6 && i%words == 4:
			w = subWord(w)
		}
		binary.LittleEndian.PutUint32(enc.keys[4*i:], enc.word(i-words)^w)
	}
	for n := range rounds + 1 {
		from, to := enc.key(rounds-n), dec.key(n)
		if n == 0 || n == rounds {
			*to = *from
		} else {
			invMixColumns(to, from)
		}
	}
}

func (s *schedule) word(i int) uint32 { return binary.LittleEndian.Uint32(s.keys[4*i:]) }

func (s *schedule) key(round int) *[BlockSize]byte {
	return (*[BlockSize]byte)(s.keys[BlockSize*round:])
}
