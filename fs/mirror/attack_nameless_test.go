package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// TestUnlinkedBesideAnother: a file that loses the name under which it is open is not written to as one without a name while some
// cloud has it under another one, which the others have lost, or have as a file of its own.
func TestUnlinkedBesideAnother(t *testing.T) {
	content := strings.Repeat("as it was ", 250_000)
	changed := strings.Repeat("\xff", 3<<19) + content[3<<19:]
	meddle := map[string]func(s *scene, k int){
		"lost": func(s *scene, k int) { s.must(s.them(k).Do(cloudtest.Delete(s.entryAt(k, "y")))) },
		"copied": func(s *scene, k int) {
			s.must(s.them(k).Do(cloudtest.Replace(s.entryAt(k, "y"), s.backing(s.disk, k, "y"))))
		},
	}
	ways := map[string]step{"removed": {op: opUnlink, path: "x"}, "replaced": {op: opRename, path: "new", to: "x"}, "replaced by a symlink": {op: opRename, path: "sym", to: "x"}}
	scenes := 0
	for what, happens := range meddle {
		for how, st := range ways {
			for k := range 2 {
				for _, seen := range []bool{false, true} {
					if scenes++; scenes%everyScene != 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s in cloud %d, %s, seen %v", what, k, how, seen), func(t *testing.T) {
						telling(t, 2, func(s *scene) {
							s.put("y", content, true)
							s.put("new", "new", true)
							s.steps(step{op: opSymlink, path: "sym", to: "target"}, step{op: opLink, path: "y", to: "x"})
							s.must(s.m.Sync())
							s.unmount()
							happens(s, k)
							s.must(s.disk.Dir(cloudName(k)).Syncfs())
							s.clock.pass(time.Hour)
							s.mount()
							if seen {
								s.holds("y", content)
							}
							h := s.handle("x")
							s.steps(st)
							err := errors.Join(onlyErr(h.WriteAt(bytes.Repeat([]byte{0xff}, 3<<19), 0)), h.Sync())
							if what == "lost" || !errors.Is(err, mirror.ErrStale) {
								s.must(err)
							}
							s.oneOfThese("y", content, changed)
							s.must(h.Close())
							for range 3 {
								s.clock.pass(time.Hour)
								s.tend()
								s.oneOfThese("y", content, changed)
								s.remount()
							}
						})
					})
				}
			}
		}
	}
}

// oneOfThese wants a file to have one of several contents.
func (s *scene) oneOfThese(path string, contents ...string) {
	got, err := tryRead(s.m, path)
	if errors.Is(err, mirror.ErrStale) {
		got, err = tryRead(s.m, path)
	}
	if err != nil {
		s.failf("%q: %w", path, err)
	}
	if !slices.Contains(contents, string(got)) {
		s.failf("%q: %s", path, brief(string(got)))
	}
}
