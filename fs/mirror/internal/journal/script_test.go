package journal_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
)

// A script is entries in words, one a line: an operation, its paths, and what
// else it says as key=value. Ids, salts and handles are small numbers.
//
//	create PATH ref= id= salt=            commit PATH… no path: ref= id= ver= base= salt= len= cut= direct= chunks=
//	rename FROM TO kind= id= over= other= also= seen= handle= takeover=
var operations = map[string]journal.Op{
	"bind": journal.OpBind, "create": journal.OpCreate, "direct": journal.OpDirect, "fresh": journal.OpFresh, "commit": journal.OpCommit,
	"special": journal.OpSpecial, "mkdir": journal.OpMkdir, "rename": journal.OpRename, "exchange": journal.OpExchange,
	"link": journal.OpLink, "unlink": journal.OpUnlink, "rmdir": journal.OpRmdir, "chmod": journal.OpDirAttr, "write": journal.OpWrite,
}

var kinds = map[string]uint32{"d": unix.S_IFDIR, "f": unix.S_IFREG, "l": unix.S_IFLNK, "": 0}

func id(n int) cipher.ID { return cipher.ID{15: byte(n)} }

func salt(n int) []byte { return append(make([]byte, 15), byte(n)) }

// fields are what stands behind an entry's paths.
type fields struct {
	t    *testing.T
	text map[string]string
}

func (f fields) number(key string) int {
	if f.text[key] == "" {
		return 0
	}
	n, err := strconv.Atoi(f.text[key])
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f fields) id(key string) *cipher.ID {
	if f.text[key] == "" {
		return nil
	}
	i := id(f.number(key))
	return &i
}

// bytes are a salt or a handle in the first cloud.
func (f fields) bytes(key string) [][]byte {
	if f.text[key] == "" {
		return nil
	}
	return [][]byte{salt(f.number(key))}
}

func (f fields) spans(key string) (s journal.Spans) {
	for _, part := range strings.FieldsFunc(f.text[key], func(r rune) bool { return r == ',' }) {
		var lo, hi int64
		if n, _ := fmt.Sscanf(part, "%d-%d", &lo, &hi); n == 1 {
			hi = lo + 1
		}
		s.Add(lo, hi)
	}
	return s
}

func vector(n int) cipher.Vector {
	if n == 0 {
		return nil
	}
	return cipher.Vector(nil).With(7, uint64(n))
}

// commit is a version whose commit id is its counter.
func (f fields) commit(ver string) *journal.Commit {
	v := &journal.Commit{
		Base: journal.Head{File: id(f.number("id")), Version: vector(f.number("base")), Length: int64(f.number("baselen"))},
		Head: journal.Head{Type: cipher.TypeFile, File: id(f.number("id")), Commit: id(f.number(ver)), Version: vector(f.number(ver)), Length: int64(f.number("len"))},
	}
	if f.text["cut"] != "" {
		cut := int64(f.number("cut"))
		v.Cut = &cut
	}
	v.Direct = f.spans("direct")
	for _, s := range f.spans("chunks") {
		for i := s.Lo; i < s.Hi; i++ {
			v.Chunks = append(v.Chunks, journal.Chunk{Index: i})
		}
	}
	return v
}

// entry reads one line.
func entry(t *testing.T, line string) *journal.Entry {
	words := strings.Fields(line)
	if words[0] == "revoked" {
		return nil
	}
	f := fields{t, map[string]string{}}
	e := &journal.Entry{Op: operations[words[0]]}
	if e.Op == 0 {
		t.Fatalf("no such operation: %s", line)
	}
	for _, w := range words[1:] {
		if key, value, ok := strings.Cut(w, "="); ok {
			f.text[key] = value
		} else if e.Path == nil {
			e.Path = []byte(w)
		} else {
			e.To = []byte(w)
		}
	}
	e.Ref, e.File, e.Salts, e.Handles = uint64(f.number("ref")), f.id("id"), f.bytes("salt"), f.bytes("handle")
	e.Kind, e.Over, e.Seen = kinds[f.text["kind"]], kinds[f.text["over"]], vector(f.number("seen"))
	if also := f.text["also"]; also != "" {
		e.Also = []byte(also)
	}
	if f.text["other"] != "" || f.text["otherhandle"] != "" {
		e.Other = &journal.Identity{File: f.id("other"), Handles: f.bytes("otherhandle")}
	}
	if mode := uint32(f.number("mode")); mode != 0 {
		e.Attrs = &journal.Attrs{Mode: &mode}
	}
	if f.text["temp"] != "" {
		e.Temps = []string{f.text["temp"]}
	}
	f.finish(e)
	return e
}

// finish fills in what every entry of an operation has, so that a script need
// not say it.
func (f fields) finish(e *journal.Entry) {
	regular := uint32(unix.S_IFREG)
	switch e.Op {
	case journal.OpDirect:
		s := f.spans("chunks")
		e.First, e.Count = s[0].Lo, s.Total()
	case journal.OpCommit:
		e.Commit = f.commit("ver")
	case journal.OpSpecial:
		e.Kind, e.Commit = unix.S_IFLNK, f.commit("ver")
		e.Commit.Head.Type = cipher.TypeSymlink
	case journal.OpMkdir, journal.OpRmdir, journal.OpDirAttr:
		e.Kind = unix.S_IFDIR
		if e.Attrs == nil && e.Op == journal.OpMkdir {
			e.Attrs = &journal.Attrs{}
		}
	case journal.OpRename:
		if f.text["takeover"] != "" {
			f.text["id"] = f.text["other"]
			e.Commit = f.commit("takeover")
		}
		fallthrough
	default:
		if e.Kind == 0 {
			e.Kind = regular
		}
	}
}

func entries(t *testing.T, script string) (list []*journal.Entry) {
	for line := range strings.Lines(script) {
		if strings.TrimSpace(line) != "" {
			list = append(list, entry(t, line))
		}
	}
	return list
}

// picture is what a fold wants, one name a line. A file is told by the ids that
// it had, and a directory that the log made by a star.
func picture(f *journal.Fold) string {
	var lines []string
	var walk func(path string, dir *journal.Thing)
	walk = func(path string, dir *journal.Thing) {
		for _, s := range dir.Slots {
			at := path + s.Name
			lines = append(lines, at+" "+word(s.Now))
			if s.Now != nil && s.Now.IsDir() {
				walk(at+"/", s.Now)
			}
		}
	}
	walk("", f.Root)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func word(t *journal.Thing) string {
	if t == nil {
		return "-"
	}
	w := map[uint32]string{unix.S_IFDIR: "dir", unix.S_IFREG: "file", unix.S_IFLNK: "link"}[t.Kind]
	if t.Made {
		w += "*"
	}
	for i, id := range t.IDs {
		w += []string{" ", ">"}[min(i, 1)] + strconv.Itoa(int(id[15]))
	}
	return w
}

// want compares a fold's picture with lines that are indented as a test likes.
func want(t *testing.T, f *journal.Fold, lines string) {
	t.Helper()
	if got, want := picture(f), undent(lines); got != want {
		t.Errorf("the fold wants\n%s\nand should want\n%s", got, want)
	}
}

func undent(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// consistent holds a fold against what its comments promise of every thing and
// slot.
func consistent(t fatal, f *journal.Fold) {
	t.Helper()
	keys := map[uint64]bool{}
	for _, thing := range f.Things {
		if keys[thing.Key] {
			t.Fatalf("two things have the key %x", thing.Key)
		}
		keys[thing.Key] = true
		for _, s := range thing.Now {
			if s.Now != thing {
				t.Fatalf("%s is a place of a thing that is not there", s.Name)
			}
			if !slices.Contains(thing.Was, s) || !slices.Contains(s.Was, thing) {
				t.Fatalf("%s is a place that its thing never had", s.Name)
			}
		}
		if thing.IsDir() && len(thing.Now) > 1 {
			t.Fatalf("a directory has %d places", len(thing.Now))
		}
		names := map[string]bool{}
		for _, s := range thing.Slots {
			if names[s.Name] || s.Dir != thing {
				t.Fatalf("the slot %s is there twice, or in another directory", s.Name)
			}
			names[s.Name] = true
			if s.Now != nil && !slices.Contains(s.Now.Now, s) {
				t.Fatalf("what is at %s does not know it", s.Name)
			}
		}
	}
}

// fatal is what a test and a property have in common.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}
