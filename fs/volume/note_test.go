package volume

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/volume/internal/notes"
)

// TestLogLost: that a segment of the log was damaged is told at the mount, without names, and by status until everything was
// verified; that a kill has cut its last write short is not.
func TestLogLost(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(segment []byte) []byte
		lost bool
	}{
		"damaged":   {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, true},
		"cut short": {func(b []byte) []byte { return b[:len(b)-5] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			vol, err := Open(v, unlock(t, v), Options{Quiet: true})
			check(t, err)
			for _, dir := range []string{"secret-one", "secret-two", "secret-three"} {
				n, err := vol.Mirror().Root().Mkdir(dir, 0o755, mirror.Owner{})
				check(t, err)
				n.Forget()
			}
			base, left := filepath.Dir(v.Dir), filepath.Join(t.TempDir(), "killed")
			check(t, os.CopyFS(left, os.DirFS(base)))
			check(t, vol.Close())
			check(t, errors.Join(os.RemoveAll(base), os.Rename(left, base)))
			segments, err := filepath.Glob(filepath.Join(v.Dir, "state", "redo", "*.redo"))
			if check(t, err); len(segments) != 1 {
				t.Fatalf("segments: %q", segments)
			}
			b, err := os.ReadFile(segments[0])
			check(t, errors.Join(err, os.WriteFile(segments[0], c.harm(b), 0o600)))

			var log bytes.Buffer
			vol, err = Open(v, unlock(t, v), Options{Quiet: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			check(t, err)
			if told := strings.Contains(log.String(), "redo log has lost changes"); told != c.lost || strings.Contains(log.String(), "secret") {
				t.Errorf("lost %v, and the log says:\n%s", c.lost, &log)
			}
			check(t, vol.Close())
			wrong := func() bool {
				t.Helper()
				s, err := StatusOf(t.Context(), v, nil)
				check(t, err)
				return slices.Contains(s.Wrong(), Wrong{Trouble: TroubleLog})
			}
			if wrong() != c.lost {
				t.Errorf("lost %v, and status says otherwise", c.lost)
			}
			vol, err = Open(v, unlock(t, v), Options{Quiet: true})
			check(t, err)
			if vol.book.Notes().Lost.IsZero() == c.lost {
				t.Error("the next mount does not know")
			}
			vol.book.Take(&checkup.Report{}, notes.Scope{}, "verify", time.Now())
			if check(t, vol.Close()); wrong() {
				t.Error("everything was verified, and status says it still")
			}
		})
	}
}
