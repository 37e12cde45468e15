package mirror

import (
	"crypto/rand"

	"github.com/overcast-fs/overcast/cipher"
)

// ids draws n write ids whose counters exceed above, and returns the last
// counter.
func (m *Mirror) ids(n int, above uint64) ([]cipher.WriteID, uint64, error) {
	first, err := m.state.Reserve(n, above)
	if err != nil {
		return nil, 0, err
	}
	random := make([]byte, 6*n)
	rand.Read(random)
	ids := make([]cipher.WriteID, n)
	writer := m.state.Writer()
	for i := range ids {
		ids[i] = cipher.NewWriteID(writer, first+uint64(i), [6]byte(random[6*i:]))
	}
	return ids, first + uint64(n) - 1, nil
}

func random16() (b [16]byte) {
	rand.Read(b[:])
	return b
}
