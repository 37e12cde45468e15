package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestKill kills mounts at any moment under programs that write, and while they come up. After the next mount everything
// that was closed or synced is there, in every cloud alone.
func TestKill(t *testing.T) {
	kills := 0
	for name, place := range places {
		t.Run(name, func(t *testing.T) { kills += killIn(t, place) })
	}
	t.Logf("%d kills", kills)
}

// places are where the vaults of tests may be: filesystems of different kinds.
var places = map[string]string{"where temporary files are": "", "in memory": "/dev/shm"}

// makeTemporaryIn makes the temporary directories of a test in a place. It is for tests of which parts run beside each other,
// which may not call Setenv; nothing else runs beside those.
func makeTemporaryIn(t *testing.T, place string) {
	t.Helper()
	_, err := program() // which is built in the temporary directory of all
	must(t, err)
	if place == "" {
		return
	}
	dir, err := os.MkdirTemp(place, "overcast-integration-")
	must(t, err)
	before, was := os.LookupEnv("TMPDIR")
	must(t, os.Setenv("TMPDIR", dir))
	t.Cleanup(func() {
		must(t, os.Unsetenv("TMPDIR"))
		if was {
			must(t, os.Setenv("TMPDIR", before))
		}
		must(t, os.RemoveAll(dir))
	})
}

// killIn kills mounts of vaults in one place, and counts how often.
func killIn(t *testing.T, place string) int {
	makeTemporaryIn(t, place)
	var kills atomic.Int64
	t.Run("all", func(t *testing.T) { killAll(t, &kills) })
	return int(kills.Load())
}

// killAll does so with one cloud, two and three.
func killAll(t *testing.T, kills *atomic.Int64) {
	for clouds := 1; clouds <= 3; clouds++ {
		t.Run(fmt.Sprintf("%d clouds", clouds), func(t *testing.T) {
			t.Parallel()
			v := newVault(t, clouds)
			h := &killHistory{t: t, random: rand.New(rand.NewPCG(uint64(clouds), 3)), safe: map[string]uint64{}, begun: map[string]uint64{}, partly: map[string]uint64{}}
			for round := range killRounds {
				h.round(v, uint64(round)+1)
				if t.Failed() {
					t.Fatalf("in round %d", round)
				}
			}
			kills.Add(h.kills)
		})
	}
}

// killHistory is what is known of a vault that is killed again and again.
type killHistory struct {
	kills  int64
	t      *testing.T
	random *rand.Rand
	base   uint64
	safe   map[string]uint64 // the version that each file, or page of one, has at least
	begun  map[string]uint64 // and at most
	partly map[string]uint64 // the version of which a file was last found to have a part
}

func (n note) key() string { return fmt.Sprintf("%s %d", n.File, n.Page) }

// round kills a mount once or twice, and looks at what is left.
func (h *killHistory) round(v *vault, number uint64) {
	h.t.Helper()
	h.base = number << 32
	journal := filepath.Join(h.t.TempDir(), "journal")
	m := v.mount()
	h.killUnderWriter(m, journal)
	h.readJournal(journal)
	if h.random.IntN(3) == 0 {
		h.killEarly(v)
	}
	m = v.mount()
	h.check(v.root)
	want := withoutDirectoryTimes(treeOf(h.t, v.root))
	m.unmount()
	if v.status().Mounted || h.t.Failed() {
		return
	}
	for i := range v.clouds {
		v.alone(i, func(root string) { demandSameTree(h.t, withoutDirectoryTimes(treeOf(h.t, root)), want) })
	}
}

// killUnderWriter lets the writer work for some time, and kills the mount under it.
func (h *killHistory) killUnderWriter(m *mounted, journal string) {
	h.t.Helper()
	writer := roleCommand("killWriter", roleArgument(h.t, killWriter{Root: m.root, Journal: journal, Seed: h.base, Base: h.base}))
	said := new(strings.Builder)
	writer.Stderr = said
	stdout, err := writer.StdoutPipe()
	must(h.t, err)
	must(h.t, writer.Start())
	_, err = bufio.NewReader(stdout).ReadString('\n') // it is in the mount now
	must(h.t, err)
	// From a millisecond to half a second, each length as likely as its double, and now and then long enough for everything
	// that happens every five seconds.
	after := time.Millisecond << h.random.IntN(10)
	if h.random.IntN(15) == 0 {
		after = 6 * time.Second
	}
	after += time.Duration(h.random.Int64N(int64(after)))
	<-time.After(after)
	m.kill()
	h.kills++
	if err := wait(writer); err != nil {
		h.t.Errorf("the writer: %v\n%s", err, said.String())
	}
}

// killEarly kills a mount while it comes up, which is when it does again what was killed before.
func (h *killHistory) killEarly(v *vault) {
	m, _ := v.start()
	<-time.After(time.Duration(h.random.Int64N(int64(60 * time.Millisecond))))
	m.kill()
	h.kills++
}

func (h *killHistory) readJournal(path string) {
	h.t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // killed before anything was written
	}
	must(h.t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var n note
		must(h.t, json.Unmarshal(lines.Bytes(), &n))
		if n.Done {
			h.safe[n.key()] = n.Version
		} else {
			h.begun[n.key()] = n.Version
		}
	}
}

// check compares all files with what is known, and knows more afterwards: a version that was served once stays.
func (h *killHistory) check(root string) {
	h.t.Helper()
	for _, file := range []string{"replaced-1", "replaced-2", "rewritten-1", "rewritten-2", "appended", "paged-write", "paged-mmap"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.t.Errorf("%s: %v", file, err)
			continue
		}
		switch kind, _, _ := strings.Cut(file, "-"); kind {
		case "appended":
			h.checkRecords(file, content)
		case "paged":
			h.checkPages(file, content)
		default:
			h.checkWhole(file, content, kind == "rewritten")
		}
	}
	h.checkScript(root)
}

// within demands that a version is not older than what was safe and not newer than what was begun.
func (h *killHistory) within(n note) {
	h.t.Helper()
	if n.Version < h.safe[n.key()] || n.Version > h.begun[n.key()] {
		h.t.Errorf("%s is at version %x; %x was safe, and %x was begun", n.key(), n.Version, h.safe[n.key()], h.begun[n.key()])
	}
	h.safe[n.key()] = n.Version
}

func (h *killHistory) checkWhole(file string, content []byte, partly bool) {
	h.t.Helper()
	n := note{File: file}
	if _, err := fmt.Sscanf(string(content), file+" %x", &n.Version); err == nil && bytes.Equal(content, versioned(file, n.Version)) {
		h.within(n)
		return
	}
	begun := h.begun[n.key()]
	if len(content) == 0 && h.safe[n.key()] == 0 {
		return
	}
	// A part that an earlier kill left is still there where the writer was killed before it came to the file.
	for _, version := range []uint64{begun, h.partly[n.key()]} {
		if partly && version > h.safe[n.key()] && begins(content, versioned(file, version)) {
			h.partly[n.key()] = version
			return
		}
	}
	h.t.Errorf("%s: neither version %x nor %x, but %d bytes: %.80q", file, h.safe[n.key()], begun, len(content), content)
}

// begins reports whether something is the beginning of a content that was being written: parts that had not been passed on
// are zeros.
func begins(got, content []byte) bool {
	if len(got) > len(content) {
		return false
	}
	for i, c := range got {
		if c != content[i] && c != 0 {
			return false
		}
	}
	return true
}

func (h *killHistory) checkRecords(file string, content []byte) {
	h.t.Helper()
	n := note{File: file}
	records, whole := appendedRecords(file, content)
	var more []byte
	// At least a part of one, which an earlier kill left.
	for next := records; next < max(records+1, h.begun[n.key()]); next++ {
		more = append(more, versioned(file, next)...)
	}
	if !begins(content[whole:], more) {
		h.t.Errorf("%s: %d bytes of something else after %d records", file, len(content)-whole, records)
	}
	n.Version = records
	h.within(n)
	h.safe[n.key()], h.begun[n.key()] = records, records
}

func (h *killHistory) checkPages(file string, content []byte) {
	h.t.Helper()
	if len(content) != 0 && len(content) != pageCount*pageSize {
		h.t.Errorf("%s has %d bytes", file, len(content))
		return
	}
	for page := range pageCount {
		n := note{File: file, Page: page}
		if len(content) == 0 || bytes.Count(content[page*pageSize:][:pageSize], []byte{0}) == pageSize {
			h.within(n)
			continue
		}
		got := content[page*pageSize:][:pageSize]
		var named int
		_, err := fmt.Sscanf(string(got), file+" page %d version %x", &named, &n.Version)
		if err != nil || named != page || !bytes.Equal(got, pageContent(file, page, n.Version)) {
			h.t.Errorf("%s, page %d: no whole version: %.80q", file, page, got)
			continue
		}
		h.within(n)
	}
}

// checkScript compares with the same steps in a plain directory: those that are done, or one more, of which a file may be
// written in part.
func (h *killHistory) checkScript(root string) {
	h.t.Helper()
	key, dir := note{File: "names"}.key(), scriptDir(h.base)
	done := int(max(h.safe[key], h.base) - h.base)
	got := scriptState(h.t, root, dir)
	plain := h.t.TempDir()
	if len(got) == 0 && done == 0 {
		return
	}
	must(h.t, os.Mkdir(filepath.Join(plain, dir), 0o755))
	for n := range done {
		must(h.t, scriptStep(filepath.Join(plain, dir), n))
	}
	before := scriptState(h.t, plain, dir)
	if fmt.Sprint(got) == fmt.Sprint(before) {
		return
	}
	must(h.t, scriptStep(filepath.Join(plain, dir), done))
	after := scriptState(h.t, plain, dir)
	for name, line := range after {
		if was, there := before[name]; (!there || was != line) && strings.Contains(line, " bytes ") && strings.Contains(got[name], " bytes ") &&
			done%len(scriptSteps(dir, 0))%5 == 1 { // the steps that write
			after[name] = got[name]
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(after) {
		h.t.Errorf("%d steps were done, and one more had perhaps begun:", done)
		demandSameTree(h.t, got, before)
	}
}

// scriptState describes the script's directory without any time but those that the script sets.
func scriptState(t *testing.T, root, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	for name, line := range treeOf(t, root) {
		if name != dir && !strings.HasPrefix(name, dir+"/") {
			continue
		}
		fields := strings.Fields(line)
		if !strings.HasPrefix(fields[1], "1999-") {
			fields[1] = "recently"
		}
		tree[name] = strings.Join(fields, " ")
	}
	return tree
}
