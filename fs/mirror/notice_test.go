//go:build !race || long

package mirror_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// TestNoticed: damage that is served around is noticed once, by its name, and so is what is kept of a conflict.
func TestNoticed(t *testing.T) {
	err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("d/f", chunks("abcd"), true)
		s.put("d/g", chunks("ab"), true)
		s.remount()
		raw := []byte(s.backing(s.disk, 0, "d/f"))
		raw[cipher.HeaderSize+2*(4096+cipher.RecordOverhead)+7] ^= 1
		s.must(s.them(0).Do(cloudtest.Rewrite(s.entryAt(0, "d/f"), raw)))
		s.holds("d/f", chunks("abcd"))
		s.noticed("d/f in cloud0 at 2")
		s.noticed("")
		for k := range s.n { // nobody can serve the end
			raw := s.backing(s.disk, k, "d/g")
			s.must(s.them(k).Do(cloudtest.Rewrite(s.entryAt(k, "d/g"), raw[:len(raw)-20])))
		}
		if _, err := tryRead(s.m, "d/g"); err == nil {
			s.failf("what is not there is served")
		}
		s.noticed("d/g in cloud0 at 1 (cut) (lost)")
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNoticedConflicts: what is kept of a conflict is noticed when it is, and whenever it is listed.
func TestNoticedConflicts(t *testing.T) {
	err := tellScene(t, 2, layout{reuse: true}, func(s *scene) {
		s.steps(step{op: opMkdir, path: "d", mode: 0o755})
		s.put("d/f", "base", true)
		s.remount()
		theirs := s.theirs(8, func(o *scene) { o.put("d/f", "theirs", true) })
		h := s.handle("d/f")
		_, err := h.WriteAt([]byte("ours"), 0)
		s.must(err)
		for k := range s.n {
			s.must(s.them(k).Do(cloudtest.Rollback(s.entryAt(k, "d/f"), theirs.Dir(cloudName(k)))))
		}
		s.must(errors.Join(h.Sync(), h.Close(), s.m.Commit()))
		_, kept, _ := s.m.Noticed()
		if len(kept) != 1 || !strings.HasPrefix(kept[0], "d/f (conflict ") {
			s.failf("noticed the conflicts %q", kept)
		}
		if _, again, _ := s.m.Noticed(); len(again) > 0 {
			s.failf("noticed the conflicts %q once more", again)
		}
		s.remount()
		look(s.m)
		if _, again, _ := s.m.Noticed(); !slices.Equal(again, kept) {
			s.failf("listed the conflicts %q, noticed %q", again, kept)
		}
		if s.m.Beside().Gone(kept[0]) {
			s.failf("%q is gone", kept[0])
		}
		s.steps(step{op: opUnlink, path: kept[0]})
		if !s.m.Beside().Gone(kept[0]) || s.m.Beside().Gone("d/f") || s.m.Beside().Gone("nothing/of that") {
			s.failf("%q is not gone", kept[0])
		}
		s.steps(step{op: opUnlink, path: "d/f"}, step{op: opRmdir, path: "d"})
		if !s.m.Beside().Gone("d/anything") {
			s.failf("the directory is not gone")
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// noticed wants this to have been noticed, and nothing else.
func (s *scene) noticed(want string) {
	damaged, _, _ := s.m.Noticed()
	var got []string
	for _, f := range damaged {
		at := fmt.Sprintf("%s in %s at %d", f.Path, f.Cloud, f.Chunk)
		if f.Cut {
			at += " (cut)"
		}
		if f.Lost {
			at += " (lost)"
		}
		got = append(got, at)
	}
	if all := strings.Join(got, ", "); all != want {
		s.failf("noticed %q, want %q", all, want)
	}
}
