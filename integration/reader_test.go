package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// TestReaderLength holds the reader to what makes it auditable.
func TestReaderLength(t *testing.T) {
	content, err := os.ReadFile("../docs/reader.py")
	must(t, err)
	if lines := bytes.Count(content, []byte("\n")); lines > 200 {
		t.Errorf("docs/reader.py has %d lines, more than 200", lines)
	}
}

// runReader extracts a cloud's directory with docs/reader.py; keys is the content of keys.age. complaints is what the
// reader printed on stderr, and empty exactly when it ended with exit code 0. Whatever lies in the directory, the reader
// neither waits for it nor takes it all into memory.
func runReader(t testing.TB, dir string, keys []byte) (out, complaints string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	status := filepath.Join(t.TempDir(), "status")
	cmd := exec.CommandContext(ctx, debianPython, "-c", reportsStatus, status, "../docs/reader.py", dir, out)
	cmd.Stdin = bytes.NewReader(keys)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && (!failed || exit.ExitCode() != 1) || (err != nil) != (stderr.Len() > 0) {
		t.Fatalf("reader.py: %v\n%s", err, stderr.String())
	}
	if peak := peakMemory(t, status); peak > 256<<10 {
		t.Errorf("reader.py took %d KiB of memory", peak)
	}
	return out, stderr.String()
}

// reportsStatus runs a Python program and leaves in a file what the kernel says of the process at its end. The usage
// that a parent is told would not do: its peak begins with that of the process that forked.
const reportsStatus = `
import atexit, runpy, sys
status = sys.argv[1]
atexit.register(lambda: open(status, "w").write(open("/proc/self/status").read()))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
`

// peakMemory returns the most memory that a process has had, in KiB, of what it left of its status.
func peakMemory(t testing.TB, status string) (peak int) {
	t.Helper()
	content, err := os.ReadFile(status)
	must(t, err)
	_, after, _ := strings.Cut(string(content), "VmHWM:")
	_, err = fmt.Sscanf(after, "%d kB", &peak)
	must(t, err)
	return peak
}

// treeOf describes everything under a directory, one line for each name: what a faithful copy has in common with it.
func treeOf(t testing.TB, dir string) map[string]string {
	t.Helper()
	tree := make(map[string]string)
	first := make(map[uint64]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%o %s", st.Mode, time.Unix(st.Mtim.Unix()).UTC().Format(time.RFC3339Nano))
		switch d.Type() {
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d bytes %x", len(content), sha256.Sum256(content))
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
			line += fmt.Sprintf(" device %d", st.Rdev)
		}
		name, _ := filepath.Rel(dir, path)
		if st.Nlink > 1 && !d.IsDir() {
			if other, ok := first[st.Ino]; ok {
				line += " linked to " + other
			} else {
				first[st.Ino] = name
			}
		}
		tree[name] = line
		return nil
	})
	must(t, err)
	return tree
}

func demandSameTree(t testing.TB, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%q\n is %s\nnot %s", name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%q should not be there", name)
		}
	}
}

// A sealedCloud is a cloud's directory made by package cipher alone, beside the plain directory that it should extract to.
type sealedCloud struct {
	t          *testing.T
	dir, plain string
	keys       []byte
	cloud      *cipher.Cloud
	counter    uint64
}

func newSealedCloud(t *testing.T, suite cipher.Suite, chunkLog2 uint8) *sealedCloud {
	t.Helper()
	s := &sealedCloud{t: t, dir: t.TempDir(), plain: t.TempDir()}
	key := cipher.Key(pycryptoNoise(32))
	vault, id := cipher.ID(pycryptoNoise(16)), cipher.ID(pycryptoNoise(17)[1:])
	var err error
	s.cloud, err = cipher.NewCloud(cipher.CloudParams{Key: &key, VaultID: vault, CloudID: id, Suite: suite, ChunkLog2: chunkLog2})
	must(s.t, err)
	s.keys, err = json.Marshal(map[string]any{
		"vault_id": vault.String(), "chunk_log2": chunkLog2, "state_key": strings.Repeat("00", 32),
		"clouds": []map[string]any{
			{"name": "other", "id": strings.Repeat("01", 16), "key": strings.Repeat("02", 32), "suite": 2},
			{"name": "this", "id": id.String(), "key": hex.EncodeToString(pycryptoNoise(32)), "suite": int(suite)},
		},
	})
	must(s.t, err)
	s.write(cipher.MarkerName, s.cloud.Marker())
	return s
}

func (s *sealedCloud) write(path string, content []byte) {
	s.t.Helper()
	must(s.t, os.WriteFile(filepath.Join(s.dir, path), content, 0o600))
}

// entry encodes a path, and writes the sidecars that it needs.
func (s *sealedCloud) entry(path string) string {
	s.t.Helper()
	var encoded string
	for part := range strings.SplitSeq(path, "/") {
		name, err := s.cloud.EncodeName(cipher.PlainName(part))
		must(s.t, err)
		if name.Sidecar != "" {
			s.write(filepath.Join(encoded, string(name.Sidecar)), name.SidecarData)
		}
		encoded = filepath.Join(encoded, string(name.Entry))
	}
	return encoded
}

// A sealed is one backing file before it is written.
type sealed struct {
	header  cipher.Header
	records []byte
	file    *cipher.File
	ids     []cipher.WriteID
}

// seal makes the backing file of some content. Chunks that are zeros only become holes.
func (s *sealedCloud) seal(kind cipher.Type, content []byte) *sealed {
	s.t.Helper()
	salt := [16]byte(pycryptoNoise(16 + len(content))[:16])
	file, err := s.cloud.NewFile(kind, salt)
	must(s.t, err)
	b := &sealed{file: file, header: cipher.Header{
		Type: kind, Salt: salt, FileID: cipher.ID{1}, CommitID: cipher.ID{2}, Mode: 0o640, UID: 0, GID: 0,
		Length: int64(len(content)), MtimeSec: 1700000000, MtimeNsec: 123456789,
	}}
	size := int(s.cloud.Layout().ChunkSize())
	for i := 0; i*size < len(content); i++ {
		chunk := content[i*size : min(len(content), (i+1)*size)]
		record := make([]byte, len(chunk)+cipher.RecordOverhead)
		s.counter++
		id := cipher.NewWriteID(7, s.counter, [6]byte{byte(i)})
		if bytes.Count(chunk, []byte{0}) == len(chunk) {
			b.header.Flags |= cipher.Sparse
		} else {
			must(s.t, file.Seal(record, chunk, int64(i), []cipher.WriteID{id}))
			file.Terms(&b.header.Acc, int64(i), []cipher.WriteID{id}, nil)
		}
		b.records, b.ids = append(b.records, record...), append(b.ids, id)
	}
	s.counter++
	b.header.Version = cipher.Vector{{Writer: 7, Counter: s.counter}}
	return b
}

// store writes a backing file under a plain path, with a suffix for special files.
func (s *sealedCloud) store(path, suffix string, b *sealed) {
	s.t.Helper()
	header, err := b.file.SealCommitHeader(&b.header)
	must(s.t, err)
	s.write(s.entry(path)+suffix, append(header, b.records...))
}

// regular, directory and special put the same into the cloud and into the plain directory.
func (s *sealedCloud) regular(path string, content []byte) {
	s.t.Helper()
	s.store(path, "", s.seal(cipher.TypeFile, content))
	at := filepath.Join(s.plain, path)
	must(s.t, os.WriteFile(at, content, 0o600))
	must(s.t, os.Chmod(at, 0o640))
	s.settle(at)
}

func (s *sealedCloud) directory(path string, mode fs.FileMode) {
	s.t.Helper()
	for _, at := range []string{filepath.Join(s.dir, s.entry(path)), filepath.Join(s.plain, path)} {
		must(s.t, os.Mkdir(at, 0o700))
		must(s.t, os.Chmod(at, mode))
	}
}

func (s *sealedCloud) special(path string, kind cipher.Type, content []byte) {
	s.t.Helper()
	b := s.seal(kind, content)
	at := filepath.Join(s.plain, path)
	if kind == cipher.TypeSymlink {
		b.header.Mode = 0o777
		must(s.t, os.Symlink(string(content), at))
	} else {
		must(s.t, unix.Mknod(at, map[cipher.Type]uint32{
			cipher.TypeFIFO: unix.S_IFIFO, cipher.TypeSocket: unix.S_IFSOCK}[kind]|0o600, 0))
		must(s.t, os.Chmod(at, 0o640))
	}
	s.store(path, "w", b)
	s.settle(at)
}

// settle gives a plain file the time that seal puts into headers.
func (s *sealedCloud) settle(at string) {
	s.t.Helper()
	must(s.t, settle(at))
}

func settle(at string) error {
	when := unix.Timespec{Sec: 1700000000, Nsec: 123456789}
	return unix.UtimesNanoAt(unix.AT_FDCWD, at, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

// settleDirectories gives every directory a time of its own choice. The one that comes by itself, when an entry comes or
// goes, differs from cloud to cloud.
func settleDirectories(t testing.TB, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return settle(path)
		}
		return err
	})
	must(t, err)
}

// TestReaderSealed extracts what package cipher sealed.
func TestReaderSealed(t *testing.T) {
	t.Parallel()
	for _, suite := range []cipher.Suite{cipher.AES128, cipher.AES256} {
		for _, log2 := range []uint8{12, 16, 20} {
			t.Run(fmt.Sprintf("%v/%d", suite, 1<<log2), func(t *testing.T) {
				s, chunk := newSealedCloud(t, suite, log2), 1<<log2
				for _, n := range []int{0, 1, 15, 16, 17, chunk - 1, chunk, chunk + 1, 3*chunk + 100} {
					s.regular(fmt.Sprintf("%d bytes", n), pycryptoNoise(n))
				}
				sparse := make([]byte, 5*chunk)
				copy(sparse[2*chunk:], "an island")
				s.regular("sparse", sparse)
				s.regular("only holes", make([]byte, 2*chunk+3))
				s.directory("nested", 0o755)
				s.directory("nested/"+strings.Repeat("d", 255), 0o700)
				s.regular("nested/"+strings.Repeat("d", 255)+"/"+strings.Repeat("ü", 127), []byte("deep"))
				for _, n := range []int{111, 112, 113, 255} {
					s.regular(strings.Repeat("n", n), []byte("name"))
				}
				s.regular("new\nline \xff\x1b", []byte("name"))
				s.special("link", cipher.TypeSymlink, []byte("nested/away"))
				s.special("dangling", cipher.TypeSymlink, []byte(strings.Repeat("x", 4095)))
				s.special("fifo", cipher.TypeFIFO, nil)
				s.special("socket", cipher.TypeSocket, nil)
				must(s.t, os.Link(filepath.Join(s.dir, s.entry("17 bytes")), filepath.Join(s.dir, s.entry("zz hard link"))))
				must(s.t, os.Link(filepath.Join(s.plain, "17 bytes"), filepath.Join(s.plain, "zz hard link")))
				settleDirectories(t, s.dir)
				settleDirectories(t, s.plain)
				out, complaints := runReader(t, s.dir, s.keys)
				if complaints != "" {
					t.Error(complaints)
				}
				demandSameTree(t, withoutLinks(treeOf(t, out)), withoutLinks(treeOf(t, s.plain)))
			})
		}
	}
}

// withoutLinks forgets which name of a file is the first: readers go through a directory in another order.
func withoutLinks(tree map[string]string) map[string]string {
	linked := 0
	for name, line := range tree {
		what, _, ok := strings.Cut(line, " linked to ")
		if ok {
			linked++
		}
		tree[name] = what
	}
	tree["names that are links to others"] = fmt.Sprint(linked)
	return tree
}
