package integration

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// vaultID is the vault of every sealedCloud.
func vaultID() cipher.ID { return cipher.ID(pycryptoNoise(16)) }

// batch makes a batch of removals; change may break it before it is written.
func (s *sealedCloud) batch(content []byte, change func(b *sealed)) {
	s.t.Helper()
	b := s.seal(cipher.TypeGone, content)
	version := cipher.Version{Writer: 7, Counter: s.counter}
	b.header.FileID, b.header.Version = cipher.GoneID(vaultID(), version), cipher.Vector{version}
	if change != nil {
		change(b)
	}
	header, err := b.file.SealCommitHeader(&b.header)
	must(s.t, err)
	must(s.t, os.MkdirAll(filepath.Join(s.dir, cipher.GoneName), 0o700))
	s.write(filepath.Join(cipher.GoneName, s.entry(string(cipher.GoneEntry(version)))), append(header, b.records...))
}

// A sealedCloud's files have the id 1 and versions of writer 7.
var (
	ended      = cipher.Removal{Kind: cipher.FileEnded, File: cipher.ID{1}, Version: cipher.Vector{{Writer: 7, Counter: 100}}}
	otherEnded = cipher.Removal{Kind: cipher.FileEnded, File: cipher.ID{9}, Version: cipher.Vector{{Writer: 7, Counter: 100}}}
)

// at is a removal at another version.
func at(r cipher.Removal, writer uint32, counter uint64) cipher.Removal {
	r.Version = cipher.Vector{{Writer: writer, Counter: counter}}
	return r
}

// tell is the content of a batch.
func tell(removals ...cipher.Removal) (content []byte) {
	for i := range removals {
		var err error
		if content, err = cipher.AppendRemoval(content, &removals[i]); err != nil {
			panic(err)
		}
	}
	return content
}

// goneCases are what can lie among the batches of removals.
var goneCases = []struct {
	name string
	make func(s *sealedCloud)
	gone bool   // the file with id 1 is left out
	want string // the first complaint
}{
	{"nothing: a writer has joined", func(s *sealedCloud) { s.batch(nil, nil) }, false, ""},
	{"ended", func(s *sealedCloud) { s.batch(tell(ended), nil) }, true, "it has ended"},
	{"ended, in the second entry", func(s *sealedCloud) { s.batch(tell(otherEnded, ended), nil) }, true, "it has ended"},
	{"ended, in the second batch", func(s *sealedCloud) {
		s.batch(tell(otherEnded), nil)
		s.batch(tell(ended), nil)
	}, true, "it has ended"},
	{"ended, and then a kind that is newer", func(s *sealedCloud) { s.batch(append(tell(ended), 5), nil) }, true, "newer than this reader"},
	{"ended behind an entry that does not parse", func(s *sealedCloud) {
		s.batch(append(make([]byte, 40), tell(ended)...), nil)
	}, false, "no legal entry"},
	{"ended, but cut", func(s *sealedCloud) { s.batch(tell(ended)[:30], nil) }, false, "unpack"},
	{"an earlier version has ended", func(s *sealedCloud) { s.batch(tell(at(ended, 7, 1)), nil) }, false, ""},
	{"a version beside it has ended", func(s *sealedCloud) { s.batch(tell(at(ended, 8, 100)), nil) }, false, ""},
	{"moved", func(s *sealedCloud) {
		s.batch(tell(cipher.Removal{Kind: cipher.FileMoved, File: ended.File, Version: ended.Version}), nil)
	}, false, ""},
	{"directories", func(s *sealedCloud) {
		s.batch(tell(cipher.Removal{Kind: cipher.DirEnded, Version: ended.Version, Path: "whole/a"},
			cipher.Removal{Kind: cipher.DirMade, Version: ended.Version, Path: "whole/a"}), nil)
	}, false, ""},
	{"a batch that is damaged", func(s *sealedCloud) {
		s.batch(tell(ended), func(b *sealed) { b.records[20] ^= 1 })
	}, false, "chunk 0 does not verify"},
	{"a batch that is a mixture", func(s *sealedCloud) {
		s.batch(tell(ended), func(b *sealed) { b.header.Acc[0] ^= 1 })
	}, false, "a mixture of versions"},
	{"a batch that is not finished", func(s *sealedCloud) {
		s.batch(tell(ended), func(b *sealed) { b.header.Flags |= cipher.Dirty })
	}, false, "an interrupted commit"},
	{"a batch under another's name", func(s *sealedCloud) {
		s.batch(tell(ended), func(b *sealed) { b.header.FileID = otherEnded.File })
	}, false, "foreign: another id"},
	{"a batch of another version", func(s *sealedCloud) {
		s.batch(tell(ended), func(b *sealed) { b.header.Version[0].Counter++ })
	}, false, "not what a batch of removals can be"},
	{"a file among the batches", func(s *sealedCloud) {
		s.batch(nil, nil)
		must(s.t, os.Link(filepath.Join(s.dir, s.entry("other")), filepath.Join(s.dir, cipher.GoneName, s.entry("other"))))
	}, false, "foreign: no batch of removals"},
	{"a FIFO among the batches", func(s *sealedCloud) {
		s.batch(nil, nil)
		must(s.t, unix.Mkfifo(filepath.Join(s.dir, cipher.GoneName, s.entry("00000007-000000000063")), 0o600))
	}, false, "no file that Overcast makes"},
}

// TestReaderGone leaves out what a batch of removals has ended, and nothing that one only seems to.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	for _, c := range goneCases {
		t.Run(c.name, func(t *testing.T) {
			s := newSealedCloud(t, cipher.AES256, 12)
			other := s.seal(cipher.TypeFile, []byte("content"))
			other.header.FileID = cipher.ID{2}
			s.store("whole", "", s.seal(cipher.TypeFile, []byte("content")))
			s.store("other", "", other)
			c.make(s)
			out, complaints := runReader(t, s.dir, s.keys)
			want := 0
			if c.want != "" {
				want++
			}
			if c.gone && c.want != "it has ended" {
				want++
			}
			if lines := strings.Count(complaints, "\n"); lines != want || !strings.Contains(complaints, c.want) || strings.Contains(complaints, "it has ended") != c.gone {
				t.Errorf("the reader says %q, not %q", complaints, c.want)
			}
			readIn(t, out, "other")
			if _, err := os.Lstat(filepath.Join(out, "whole")); os.IsNotExist(err) != c.gone {
				t.Errorf("extracted: %v", err)
			}
		})
	}
}

// TestReaderMarker has something else for a marker. That is no cloud, and the reader neither waits nor goes on.
func TestReaderMarker(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(marker string) error{
		"a FIFO":  func(marker string) error { return unix.Mkfifo(marker, 0o600) },
		"a link":  func(marker string) error { return os.Symlink("/dev/zero", marker) },
		"nothing": func(string) error { return nil },
		"a huge file": func(marker string) error {
			return os.WriteFile(marker, bytes.Repeat([]byte(" "), 1<<20), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSealedCloud(t, cipher.AES256, 12)
			s.regular("whole", []byte("content"))
			marker := filepath.Join(s.dir, cipher.MarkerName)
			must(t, os.Remove(marker))
			must(t, replace(marker))
			out, complaints := runReader(t, s.dir, s.keys)
			if _, err := os.Lstat(out); complaints == "" || !os.IsNotExist(err) {
				t.Errorf("%q, %v", complaints, err)
			}
		})
	}
}

// derivedFiles are the known answers of cipher/testdata/derive.py that a reader can open.
type derivedFiles struct {
	Clouds []struct {
		Key, VaultID, CloudID string
		Suite                 cipher.Suite
		ChunkLog2             uint8
	}
	Files []struct {
		Cloud           int
		Type            cipher.Type
		Length          int
		Version         [][2]uint64
		Pattern, Cipher string
	}
}

func fromHex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	must(t, err)
	return b
}

// TestReaderDerived extracts what the second implementation made as repair would, and as a batch of removals.
func TestReaderDerived(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../cipher/testdata/derived-v1.json")
	must(t, err)
	var known derivedFiles
	must(t, json.Unmarshal([]byte(strings.NewReplacer("vault_id", "VaultID", "cloud_id", "CloudID", "chunk_log2", "ChunkLog2").Replace(string(raw))), &known))
	for i, c := range known.Clouds {
		key, vault, id := cipher.Key(fromHex(t, c.Key)), cipher.ID(fromHex(t, c.VaultID)), cipher.ID(fromHex(t, c.CloudID))
		s := &sealedCloud{t: t, dir: t.TempDir()}
		s.cloud, err = cipher.NewCloud(cipher.CloudParams{Key: &key, VaultID: vault, CloudID: id, Suite: c.Suite, ChunkLog2: c.ChunkLog2})
		must(t, err)
		s.write(cipher.MarkerName, s.cloud.Marker())
		must(t, os.Mkdir(filepath.Join(s.dir, cipher.GoneName), 0o700))
		s.keys, err = json.Marshal(map[string]any{"vault_id": c.VaultID, "chunk_log2": c.ChunkLog2,
			"clouds": []map[string]any{{"name": "this", "id": c.CloudID, "key": c.Key, "suite": c.Suite}}})
		must(t, err)
		files, batches := map[string]string{}, 0
		for j, f := range known.Files {
			if f.Cloud != i || f.Cipher == "" {
				continue
			}
			switch name := string(rune('a' + j)); f.Type {
			case cipher.TypeGone:
				batches++
				version := cipher.Version{Writer: uint32(f.Version[0][0]), Counter: f.Version[0][1]}
				s.write(filepath.Join(cipher.GoneName, s.entry(string(cipher.GoneEntry(version)))), fromHex(t, f.Cipher))
			case cipher.TypeFile:
				s.write(s.entry(name), fromHex(t, f.Cipher))
				files[name] = string(bytes.Repeat(fromHex(t, f.Pattern), f.Length)[:f.Length])
			}
		}
		out, complaints := runReader(t, s.dir, s.keys)
		if complaints != "" || len(files) < 3 || batches < 3 {
			t.Errorf("%d files, %d batches: %s", len(files), batches, complaints)
		}
		for name, want := range files {
			if got := readIn(t, out, name); string(got) != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}

// TestDerive makes the known answers again.
func TestDerive(t *testing.T) {
	want, err := os.ReadFile("../cipher/testdata/derived-v1.json")
	must(t, err)
	got, err := exec.Command(debianPython, "../cipher/testdata/derive.py").Output()
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("derive.py no longer makes derived-v1.json")
	}
}
