package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// Nothing in a used vault shows a key, the passphrase, or a counter, in any
// spelling that is likely. What the index and the redo log show, their packages
// test.
func TestNothingReadable(t *testing.T) {
	v := testVault(t)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	s, err := v.OpenState(k)
	check(t, err)
	counter, err := s.Reserve(1, 0x123456789abc)
	check(t, err)
	check(t, s.MarkOwes(v.Clouds[1].ID, Owes{Reason: "disk full", Whole: true}))
	check(t, s.MarkBoot())
	check(t, v.WriteSummary(Summary{PID: 1, Clouds: []SummaryCloud{{Name: "a", Dir: v.Clouds[0].Dir, State: CloudOK}}}))
	writer := s.Writer()
	check(t, s.Close())

	secrets := map[string][]byte{
		"the passphrase": testPassphrase,
		"the state key":  k.StateKey[:],
		"a cloud's key":  k.Clouds[0].Key[:],
		"a version":      binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, writer), counter),
	}
	files := 0
	for path := range tree(t, v.Dir) {
		info, err := os.Stat(path)
		check(t, err)
		if !info.Mode().IsRegular() {
			continue
		}
		files++
		content, err := os.ReadFile(path)
		check(t, err)
		for what, secret := range secrets {
			for _, spelling := range spellings(secret) {
				if bytes.Contains(bytes.ToLower(content), bytes.ToLower(spelling)) {
					t.Errorf("%s shows %s", filepath.Base(path), what)
				}
			}
		}
	}
	if files != 7 {
		t.Errorf("looked at %d files, want vault.toml, keys.age, lock, writer, owes, boot and summary", files)
	}
}

func spellings(secret []byte) [][]byte {
	return [][]byte{secret, hex.AppendEncode(nil, secret), []byte(base64.RawStdEncoding.EncodeToString(secret))}
}
