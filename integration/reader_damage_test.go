package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// TestReaderDamage changes one thing at a time. The reader must name it, extract nothing of that file, and everything else.
func TestReaderDamage(t *testing.T) {
	t.Parallel()
	const chunk = 4096
	content := pycryptoNoise(3*chunk + 100)
	flip := func(at int) func(s *sealedCloud, b *sealed) {
		return func(s *sealedCloud, b *sealed) { b.records[at] ^= 1 }
	}
	for _, c := range []struct {
		name   string
		change func(s *sealedCloud, b *sealed)
		want   string
	}{
		{"an IV", flip(3), "chunk 0 does not verify"},
		{"a ciphertext", flip(chunk + 48 + 100), "chunk 1 does not verify"},
		{"a tag", flip(2*(chunk+48) - 1), "chunk 1 does not verify"},
		{"the last tag", flip(3*(chunk+48) + 100 + 47), "chunk 3 does not verify"},
		{"two records swapped", func(_ *sealedCloud, b *sealed) {
			first := bytes.Clone(b.records[:chunk+48])
			copy(b.records, b.records[chunk+48:2*(chunk+48)])
			copy(b.records[chunk+48:], first)
		}, "chunk 0 does not verify"},
		{"a zeroed record", func(_ *sealedCloud, b *sealed) { clear(b.records[:chunk+48]) }, "chunk 0 does not verify"},
		{"a zeroed record of a sparse file", func(_ *sealedCloud, b *sealed) {
			b.header.Flags |= cipher.Sparse
			clear(b.records[:chunk+48])
		}, "a mixture of versions"},
		{"a cut", func(_ *sealedCloud, b *sealed) { b.records = b.records[:len(b.records)-1] }, "truncated"},
		{"a shorter length", func(_ *sealedCloud, b *sealed) { b.header.Length = 2 * chunk }, "a mixture of versions"},
		{"an older record", func(s *sealedCloud, b *sealed) {
			id := []cipher.WriteID{cipher.NewWriteID(7, 1, [6]byte{9})}
			must(s.t, b.file.Seal(b.records[:chunk+48], content[:chunk], 0, id))
		}, "a mixture of versions"},
		{"a record of another version", func(_ *sealedCloud, b *sealed) { b.header.Version[0].Counter = b.ids[2].Counter() },
			"chunk 3 is of an interrupted commit"},
		{"a record of another writer", func(_ *sealedCloud, b *sealed) { b.header.Version[0].Writer++ },
			"chunk 0 is of an interrupted commit"},
		{"a dirty header", func(_ *sealedCloud, b *sealed) { b.header.Flags |= cipher.Dirty }, "an interrupted commit"},
		{"a wrong acc", func(_ *sealedCloud, b *sealed) { b.header.Acc[0] ^= 1 }, "a mixture of versions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSealedCloud(t, cipher.AES256, 12)
			s.regular("whole", content)
			b := s.seal(cipher.TypeFile, content)
			c.change(s, b)
			s.store("broken", "", b)
			demandOnly(t, s, "whole", "", c.want)
		})
	}
}

// demandOnly runs the reader and demands one complaint, and one name extracted into a directory.
func demandOnly(t *testing.T, s *sealedCloud, name, directory, complaint string) {
	t.Helper()
	out, complaints := runReader(t, s.dir, s.keys)
	if !strings.Contains(complaints, complaint) || strings.Count(complaints, "\n") != 1 {
		t.Errorf("the reader says %q, not %q", complaints, complaint)
	}
	entries, err := os.ReadDir(filepath.Join(out, directory))
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("extracted: %v, %v", entries, err)
	}
}

// TestReaderDirectory is about what else lies in a cloud's directory.
func TestReaderDirectory(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("l", 200)
	for _, c := range []struct {
		name   string
		change func(s *sealedCloud)
		want   string
	}{
		{"a foreign file", func(s *sealedCloud) { s.write("Thumbs.db", nil) }, "Thumbs.db': foreign"},
		{"a conflicted copy", func(s *sealedCloud) { s.write(s.entry("whole")+" (1)", nil) }, "the copy of a sync tool"},
		{"a name of another cloud", func(s *sealedCloud) { s.write(strings.Repeat("0", 52), nil) }, "does not authenticate"},
		{"a file of zeros", func(s *sealedCloud) { s.write(s.entry("new"), make([]byte, 600)) }, "never committed"},
		{"a file with a record and no header", func(s *sealedCloud) {
			s.write(s.entry("new"), append(make([]byte, 512), s.seal(cipher.TypeFile, []byte("content")).records...))
		}, "never committed"},
		{"an empty file", func(s *sealedCloud) { s.write(s.entry("new"), nil) }, "never committed"},
		{"half a header", func(s *sealedCloud) { s.write(s.entry("new"), []byte("OVERCAST")) }, "never committed"},
		{"another file's content", func(s *sealedCloud) { s.write(s.entry("odd"), bytes.Repeat([]byte("text"), 200)) }, "no header"},
		{"a lost sidecar", func(s *sealedCloud) {
			sidecar := "y" + s.entry(long)[1:]
			s.store(long, "", s.seal(cipher.TypeFile, nil))
			must(s.t, os.Remove(filepath.Join(s.dir, sidecar)))
		}, "No such file"},
		{"a damaged sidecar", func(s *sealedCloud) {
			sidecar := "y" + s.entry(long)[1:]
			s.store(long, "", s.seal(cipher.TypeFile, nil))
			s.write(sidecar, make([]byte, 224))
		}, "the sidecar is damaged"},
		{"a FIFO for a sidecar", func(s *sealedCloud) {
			s.store(long, "", s.seal(cipher.TypeFile, nil))
			sidecar := filepath.Join(s.dir, "y"+s.entry(long)[1:])
			must(s.t, os.Remove(sidecar))
			must(s.t, unix.Mkfifo(sidecar, 0o600))
		}, "no file that Overcast makes"},
		{"6 GiB for a sidecar", func(s *sealedCloud) {
			s.store(long, "", s.seal(cipher.TypeFile, nil))
			must(s.t, os.Truncate(filepath.Join(s.dir, "y"+s.entry(long)[1:]), 6<<30))
		}, "the sidecar is damaged"},
		{"a link for a sidecar", func(s *sealedCloud) {
			s.store(long, "", s.seal(cipher.TypeFile, nil))
			sidecar := filepath.Join(s.dir, "y"+s.entry(long)[1:])
			must(s.t, os.Rename(sidecar, sidecar+"z"))
			must(s.t, os.Symlink(sidecar+"z", sidecar))
		}, "symbolic link"},
		{"a FIFO for a file", func(s *sealedCloud) {
			must(s.t, unix.Mkfifo(filepath.Join(s.dir, s.entry("odd")), 0o600))
		}, "no file that Overcast makes"},
		{"a batch of removals for a file", func(s *sealedCloud) {
			s.store("odd", "", s.seal(cipher.TypeGone, nil))
		}, "foreign: a batch of removals"},
		{"a file under the name of a symlink", func(s *sealedCloud) {
			s.store("odd", "w", s.seal(cipher.TypeFile, nil))
		}, "a name for another type"},
		{"a symlink under the name of a file", func(s *sealedCloud) {
			s.store("odd", "", s.seal(cipher.TypeSymlink, []byte("x")))
		}, "a name for another type"},
		{"a symlink in the cloud", func(s *sealedCloud) {
			must(s.t, os.Symlink("/etc/passwd", filepath.Join(s.dir, s.entry("odd"))))
		}, "no file that Overcast makes"},
		{"two types of one name", func(s *sealedCloud) {
			s.store("whole", "w", s.seal(cipher.TypeSymlink, []byte("/tmp")))
		}, "File exists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSealedCloud(t, cipher.AES256, 12)
			s.regular("whole", []byte("content"))
			s.write(".~abc.tmp", nil)
			s.write("z-later", nil)
			s.write(s.entry("later")+"z", nil)
			must(t, unix.Mkfifo(filepath.Join(s.dir, "y"+strings.Repeat("0", 40)), 0o600)) // a sidecar that nobody needs
			c.change(s)
			demandOnly(t, s, "whole", "", c.want)
		})
	}
}

// TestReaderWrongKey opens nothing with the key of another cloud.
func TestReaderWrongKey(t *testing.T) {
	t.Parallel()
	s := newSealedCloud(t, cipher.AES256, 12)
	s.regular("whole", []byte("content"))
	keys := bytes.Replace(s.keys, []byte(hex.EncodeToString(pycryptoNoise(32))), bytes.Repeat([]byte("0"), 64), 1)
	out, complaints := runReader(t, s.dir, keys)
	if _, err := os.Lstat(out); !strings.Contains(complaints, "a damaged marker") || !os.IsNotExist(err) {
		t.Errorf("%q, %v", complaints, err)
	}
}

// TestReaderVectors extracts the whole files of the known answers.
func TestReaderVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../cipher/testdata/format-v1.json")
	must(t, err)
	var vectors struct {
		Files []struct {
			Suite       cipher.Suite
			Chunk       uint8 `json:"chunk_log2"`
			Length      int
			Pattern     string
			Holes       []int
			PlainSHA256 string `json:"plain_sha256"`
		}
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Files) == 0 {
		t.Fatalf("%d files, %v", len(vectors.Files), err)
	}
	for _, v := range vectors.Files {
		s := newSealedCloud(t, v.Suite, v.Chunk)
		pattern, err := hex.DecodeString(v.Pattern)
		must(s.t, err)
		content := bytes.Repeat(pattern, v.Length/len(pattern)+1)[:v.Length]
		for _, hole := range v.Holes {
			clear(content[hole<<v.Chunk : min(v.Length, (hole+1)<<v.Chunk)])
		}
		s.store("file", "", s.seal(cipher.TypeFile, content))
		out, complaints := runReader(t, s.dir, s.keys)
		got := sha256.Sum256(readIn(t, out, "file"))
		if complaints != "" || hex.EncodeToString(got[:]) != v.PlainSHA256 {
			t.Errorf("a file of %d bytes: %x, %q", v.Length, got, complaints)
		}
	}
}
