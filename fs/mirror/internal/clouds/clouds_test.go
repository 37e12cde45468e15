package clouds_test

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/vault"
)

// state is a vault's state in memory.
type state struct {
	owes  map[cipher.ID]vault.Owes
	fails error
}

func (s *state) Owes() map[cipher.ID]vault.Owes { return maps.Clone(s.owes) }

func (s *state) MarkOwes(id cipher.ID, o vault.Owes) error {
	if s.fails == nil {
		s.owes[id] = o
	}
	return s.fails
}

func (s *state) ClearOwes(id cipher.ID) error {
	if s.fails == nil {
		delete(s.owes, id)
	}
	return s.fails
}

func names(list []*clouds.Cloud) string {
	var all []string
	for _, c := range list {
		all = append(all, c.Name)
	}
	return strings.Join(all, "")
}

// marked are the names of the clouds that owe, by the state.
func (s *state) marked() string {
	var all []string
	for id := range s.owes {
		all = append(all, string(id[:1]))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

type set struct {
	*clouds.Clouds
	t     *testing.T
	state *state
}

// newSet has one cloud for each letter; one in upper case is absent.
func newSet(t *testing.T, letters string, o clouds.Options) set {
	t.Helper()
	s := &state{owes: map[cipher.ID]vault.Owes{}}
	o.State, o.Logger = s, slog.New(slog.DiscardHandler)
	var list []clouds.Config
	for _, name := range strings.Split(letters, "") {
		id := cipher.ID{name[0]}
		keys, err := cipher.NewCloud(cipher.CloudParams{Key: &cipher.Key{name[0]}, VaultID: cipher.ID{1}, CloudID: id, Suite: cipher.AES256, ChunkLog2: 12})
		if err != nil {
			t.Fatal(err)
		}
		cfg := clouds.Config{Name: name, ID: id, Cipher: keys, Reason: "it is not there"}
		if strings.ToLower(name) == name {
			dir := cloudtest.NewMem()
			f, err := dir.Create(cipher.MarkerName, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			cfg.Dir, cfg.Reason = dir, ""
		}
		list = append(list, cfg)
	}
	cs, err := clouds.New(list, o)
	if err != nil {
		t.Fatal(err)
	}
	return set{cs, t, s}
}

// want compares what a set shows.
func (s set) want(what, up, marked string) {
	s.t.Helper()
	if got := names(s.Ups()); got != up {
		s.t.Errorf("%s: up are %q, want %q", what, got, up)
	}
	if got := s.state.marked(); got != marked {
		s.t.Errorf("%s: what owes is %q, want %q", what, got, marked)
	}
}

// TestSettle makes a change that goes in each cloud as its errno says, and wants every error where it belongs.
func TestSettle(t *testing.T) {
	const ok, eio, full, none, exists, starved = syscall.Errno(0), syscall.EIO, syscall.ENOSPC, syscall.ENOENT, syscall.EEXIST, syscall.EMFILE
	type errnos = []syscall.Errno
	for name, c := range map[string]struct {
		do, undo                       errnos
		final                          bool // it cannot be taken back
		made                           bool
		err                            error
		undone, skipped, up, downAfter string
	}{
		"all do it":                        {do: errnos{ok, ok, ok}, made: true, up: "abc"},
		"one fails":                        {do: errnos{ok, eio, ok}, made: true, up: "ac", downAfter: "b"},
		"one is full":                      {do: errnos{full, ok, ok}, made: true, up: "bc", downAfter: "a"},
		"all but one fail":                 {do: errnos{eio, eio, ok}, made: true, up: "c", downAfter: "ab"},
		"all fail alike":                   {do: errnos{eio, eio, eio}, err: eio, up: "abc"},
		"one has nothing there":            {do: errnos{ok, none, ok}, made: true, skipped: "b", up: "abc"},
		"none has anything there":          {do: errnos{none, none, none}, err: none, skipped: "abc", up: "abc"},
		"the program's":                    {do: errnos{ok, ok, exists}, err: exists, undone: "ba", up: "abc"},
		"the process's":                    {do: errnos{ok, starved, ok}, err: starved, undone: "a", up: "abc"},
		"the program's, not undone":        {do: errnos{ok, ok, exists}, undo: errnos{ok, eio, ok}, err: exists, undone: "ba", up: "ac", downAfter: "b"},
		"the program's, nothing to undo":   {do: errnos{ok, exists, ok}, undo: errnos{none, ok, ok}, err: exists, undone: "a", up: "abc"},
		"the program's, final":             {do: errnos{ok, exists, ok}, final: true, made: true, up: "ac", downAfter: "b"},
		"the program's, before it is done": {do: errnos{exists, ok, ok}, final: true, err: exists, up: "abc"},
	} {
		s := newSet(t, "abc", clouds.Options{})
		var undone, skipped string
		is := func(list errnos, c *clouds.Cloud) error {
			if list == nil || list[c.Index] == ok {
				return nil
			}
			return list[c.Index]
		}
		ch := clouds.Change{
			What: "test",
			Do:   func(on *clouds.Cloud) error { return is(c.do, on) },
			Undo: func(on *clouds.Cloud) error { undone += on.Name; return is(c.undo, on) },
			Skip: func(on *clouds.Cloud, _ error) { skipped += on.Name },
		}
		if c.final {
			ch.Undo = nil
		}
		made, err := s.Each(ch)
		if made != c.made || (err == nil) != (c.err == nil) || !errors.Is(err, c.err) {
			t.Errorf("%s: made %v, %v; want %v, %v", name, made, err, c.made, c.err)
		}
		if undone != c.undone || skipped != c.skipped {
			t.Errorf("%s: undone in %q, skipped %q; want %q, %q", name, undone, skipped, c.undone, c.skipped)
		}
		s.want(name, c.up, c.downAfter)
	}
}

// TestRecord drops a cloud while the state cannot be written: nothing is admitted before that is made good.
func TestRecord(t *testing.T) {
	s := newSet(t, "ab", clouds.Options{})
	s.state.fails = syscall.ENOSPC
	if err := s.Drop(s.All()[0], "test", syscall.EIO); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("drop: %v", err)
	}
	s.want("not recorded", "b", "")
	if err := s.Admit(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("admitted with a cloud that differs unrecorded: %v", err)
	}
	if got := s.All()[0].Status(); got.State != "suspended" || !strings.Contains(got.Reason, "cannot be written down") {
		t.Errorf("status: %+v", got)
	}
	s.state.fails = nil
	if err := s.Admit(); err != nil {
		t.Error(err)
	}
	s.want("recorded", "b", "a")
	if got := s.All()[0].Status(); got.Reason != "test: input/output error" {
		t.Errorf("status: %+v", got)
	}
	if err := s.Drop(s.All()[1], "test", syscall.EIO); !errors.Is(err, syscall.EIO) {
		t.Errorf("drop of the last one: %v", err)
	}
	s.want("the last one", "b", "a")
}

// TestAdmit counts clouds, and records who will miss a change before it is made.
func TestAdmit(t *testing.T) {
	s := newSet(t, "aBc", clouds.Options{MinCopies: 2})
	s.want("at first", "ac", "")
	s.state.fails = syscall.EIO
	if err := s.Admit(); !errors.Is(err, syscall.EIO) {
		t.Errorf("admitted without a record of who is absent: %v", err)
	}
	s.state.fails = nil
	if err := s.Admit(); err != nil {
		t.Error(err)
	}
	s.want("admitted", "ac", "B")
	if got := s.All()[1].Status(); got.State != "absent" || got.Reason != "it is not there" {
		t.Errorf("status: %+v", got)
	}
	if err := s.Drop(s.All()[0], "test", syscall.EIO); err != nil {
		t.Error(err)
	}
	if err := s.Admit(); !errors.Is(err, clouds.ErrNoCloud) {
		t.Errorf("admitted with one cloud of two: %v", err)
	}
	if lead := s.Lead(); lead != s.All()[2] {
		t.Errorf("%s leads", lead.Name)
	}

	s = newSet(t, "a", clouds.Options{ReadOnly: true})
	if err := s.Admit(); !errors.Is(err, clouds.ErrReadOnly) {
		t.Errorf("read-only: %v", err)
	}
	s = newSet(t, "a", clouds.Options{})
	s.Hold(syscall.EIO)
	if err := s.Admit(); !errors.Is(err, clouds.ErrReadOnly) || s.Held() != syscall.EIO {
		t.Errorf("held: %v, %v", err, s.Held())
	}
	if _, err := clouds.New(nil, clouds.Options{State: s.state}); !errors.Is(err, clouds.ErrNoCloud) {
		t.Errorf("no clouds: %v", err)
	}
}

// TestReach forgives who cannot answer while another one can.
func TestReach(t *testing.T) {
	s := newSet(t, "ab", clouds.Options{})
	ask := func(a, b error) error {
		return s.Reach("ask", func(c *clouds.Cloud) error { return []error{a, b}[c.Index] })
	}
	for _, c := range []struct{ a, b, want error }{
		{nil, nil, nil},
		{syscall.EIO, nil, nil},
		{nil, syscall.ENOENT, nil},
		{syscall.EIO, syscall.ENOENT, syscall.EIO},
		{nil, syscall.EMFILE, syscall.EMFILE},
	} {
		if err := ask(c.a, c.b); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%v and %v: %v, want %v", c.a, c.b, err, c.want)
		}
	}
	s.want("after questions", "ab", "")
}

// TestFaultOfACloud tells a name that is missing from a directory that is.
func TestFaultOfACloud(t *testing.T) {
	s := newSet(t, "aB", clouds.Options{})
	c := s.All()[0]
	if got := c.Fault(syscall.ENOENT); got != clouds.Strayed {
		t.Errorf("a missing name: %d", got)
	}
	c.Dir.(*cloudtest.Mem).SetAbsent(true)
	if got := c.Fault(syscall.ENOENT); got != clouds.Failed {
		t.Errorf("a missing directory: %d", got)
	}
	if got := s.All()[1].Fault(syscall.ENOENT); got != clouds.Strayed {
		t.Errorf("an absent cloud: %d", got)
	}
}

// TestStatfs divides what several clouds share, and takes the least.
func TestStatfs(t *testing.T) {
	s := newSet(t, "abc", clouds.Options{})
	for k, free := range []cloud.Statfs{{Dev: 1, Avail: 30, BlockSize: 1}, {Dev: 1, Avail: 30, BlockSize: 1}, {Dev: 2, Avail: 20, BlockSize: 1}} {
		s.All()[k].Dir.(*cloudtest.Mem).SetStatfs(free)
	}
	if got, err := s.Statfs(); err != nil || got.Avail != 15 {
		t.Errorf("%+v, %v", got, err)
	}
}
