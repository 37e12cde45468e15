package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// Nothing in a used vault shows a key, the passphrase, or an id or a counter of
// a file, in any spelling that is likely.
func TestNothingReadable(t *testing.T) {
	v := newVault(t)
	k, err := v.Unlock(testPassphrase)
	check(t, err)
	s, err := v.OpenState(k)
	check(t, err)
	file, commit := cipher.NewID(), cipher.NewID()
	counter, err := s.Reserve(1, 0x123456789abc)
	check(t, err)
	ctime := time.Unix(0x5eadbeef, 0x1badcafe)
	check(t, s.RecordCommitted([]Committed{{file, cipher.Version{Writer: s.Writer(), Counter: counter}}}))
	check(t, s.RecordChecked([]Checked{{Cloud: v.Clouds[0].ID, Ino: 0x0123456789abcdef, CommitID: commit, Ctime: ctime}}))
	check(t, s.MarkBehind(v.Clouds[1].ID, "disk full"))
	check(t, s.MarkBoot())
	check(t, v.WriteSummary(Summary{PID: 1, Clouds: []SummaryCloud{{"a", v.Clouds[0].Dir, CloudOK, ""}}}))
	writer := s.Writer()
	check(t, s.Close())

	secrets := map[string][]byte{
		"the passphrase": testPassphrase,
		"the state key":  k.StateKey[:],
		"a cloud's key":  k.Clouds[0].Key[:],
		"a file's id":    file[:],
		"a commit's id":  commit[:],
		"an inode":       {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef},
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
	if files != 8 {
		t.Errorf("looked at %d files, want vault.toml, keys.age, lock, writer, behind, boot, ledger and summary", files)
	}
}

func spellings(secret []byte) [][]byte {
	return [][]byte{secret, hex.AppendEncode(nil, secret), []byte(base64.RawStdEncoding.EncodeToString(secret))}
}
