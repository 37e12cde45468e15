package rejoin

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A box is clouds in memory, of which the last one lacks changes.
type box struct {
	t      testing.TB
	clouds []*replica.Cloud
	to     *cloudtest.Faulty
	past   *past
	*Carrier
}

func newBox(t testing.TB, n int) *box {
	b := &box{t: t, past: &past{left: map[string]bool{}, dirs: map[string]bool{}, emptied: map[string]bool{}, ended: map[index.File][]cipher.Vector{}, homes: map[index.File][]string{}}}
	for k := range n {
		keys, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{byte(k + 1)}, VaultID: cipher.ID{1}, CloudID: cipher.ID{2, byte(k)}, Suite: cipher.AES256, ChunkLog2: 12})
		must(t, err)
		b.clouds = append(b.clouds, &replica.Cloud{Index: k, Name: "cloud", Dir: cloudtest.NewMem(), Keys: keys})
	}
	to := *b.clouds[n-1]
	b.to = cloudtest.NewFaulty(to.Dir)
	to.Dir = b.to
	b.Carrier = &Carrier{
		Wanted: Wanted{From: b.clouds[:n-1], Past: b.past, Calm: func(cloud.Info, time.Duration) bool { return true }},
		To:     &to, Clock: time.Now, Limit: math.MaxInt64, Links: func(string) []string { return nil },
	}
	return b
}

// past is what a test says that this machine knows.
type past struct {
	left    map[string]bool // by path and id
	dirs    map[string]bool
	emptied map[string]bool
	ended   map[index.File][]cipher.Vector
	homes   map[index.File][]string
	now     map[string]index.Known
}

func (p *past) Left(path string, f index.File, v cipher.Vector) (bool, error) {
	ended := p.ended[f]
	return p.left[path+string(f.ID[:1])] && (len(ended) == 0 || slices.ContainsFunc(ended, func(to cipher.Vector) bool { return atMost(v, to) })), nil
}
func (p *past) Ended(f index.File) ([]cipher.Vector, error) { return p.ended[f], nil }
func (p *past) Homes(f index.File) ([]string, error)        { return p.homes[f], nil }
func (p *past) ClearedDir(string) (bool, error)             { return false, nil }
func (p *past) Now(path string) (index.Known, error)        { return p.now[path], nil }
func (p *past) LeftDir(path string) (bool, error)           { return p.dirs[path], nil }
func (p *past) Emptied(path string) (bool, error)           { return p.emptied[path], nil }

// head is a file, by the first byte of its id, that was committed so often; 0:
// never.
func head(id byte, n uint64) *cipher.Header {
	h := &cipher.Header{Type: cipher.TypeFile, FileID: cipher.ID{id}, CommitID: cipher.ID{id, byte(n)}, Mode: 0o644, MtimeSec: int64(n)}
	if h.Flags = cipher.Dirty; n > 0 {
		h.Flags, h.Version = 0, cipher.Vector{{Writer: 1, Counter: n}}
	}
	return h
}

// soiled is a version that was about to be replaced.
func soiled(h *cipher.Header) *cipher.Header {
	h.Flags |= cipher.Dirty
	return h
}

// put puts a file into a cloud.
func (b *box) put(k int, path string, h *cipher.Header) {
	b.t.Helper()
	at := b.at(k, path)
	if h.Type.Special() {
		at += "w"
	}
	cp, err := b.clouds[k].Build(at, *h)
	must(b.t, err)
	must(b.t, errors.Join(cp.WriteHeader(h), cp.Close()))
}

// mkdir makes a directory in these clouds.
func (b *box) mkdir(path string, clouds ...int) {
	b.t.Helper()
	for _, k := range clouds {
		must(b.t, b.clouds[k].Dir.Mkdir(b.at(k, path), 0o755))
	}
}

// at is the backing path of a plain path in a cloud.
func (b *box) at(k int, path string) string {
	b.t.Helper()
	at := ""
	for path != "" {
		n, err := b.clouds[k].Keys.EncodeName(cipher.PlainName(firstOf(path)))
		must(b.t, err)
		_, path, _ = strings.Cut(path, "/")
		at = replica.Join(at, string(n.Entry))
	}
	return at
}

// shows wants a cloud to have exactly that version at a path; nil: nothing.
func (b *box) shows(k int, path string, want *cipher.Header) {
	b.t.Helper()
	t, err := look(b.clouds[k], path)
	must(b.t, err)
	switch {
	case want == nil && t.is != nothing, want != nil && t.is != file:
		b.t.Errorf("%q in cloud %d is of kind %d", path, k, t.is)
	case want != nil && (t.head == nil || !equal(t.head, want) || t.head.Flags != want.Flags):
		b.t.Errorf("%q in cloud %d is %+v, want %+v", path, k, t.head, want)
	}
}

// leaves wants exactly these names to be left.
func (b *box) leaves(paths ...string) {
	b.t.Helper()
	left := slices.Sorted(slices.Values(b.Left))
	if got := slices.Compact(left); !slices.Equal(got, paths) {
		b.t.Errorf("left are %q, want %q", got, paths)
	}
}

// firstOf is the first name of a path.
func firstOf(path string) string {
	name, _, _ := strings.Cut(path, "/")
	return name
}
