package volume

import (
	"errors"
	"log/slog"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/checkup"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/volume/internal/notes"
)

// note takes in what the mirror has noticed, and, where it may take a while, what
// has become of conflicts.
func (vol *Volume) note(resolve bool) {
	now := time.Now().UTC().Truncate(time.Second)
	damaged, conflicts, mended := vol.mirror.Noticed()
	var found []notes.Finding
	for _, f := range damaged {
		found = append(found, notes.Finding{Finding: findingOf(f), When: now, Noticed: true})
	}
	for _, f := range mended {
		vol.book.Mended(f.Path, f.Cloud)
	}
	if vol.book.Notice(found, conflicts); resolve {
		vol.book.Resolve(vol.mirror.Beside().Gone)
	}
}

// tellLosses tells where the log of earlier mounts ends too early.
func (vol *Volume) tellLosses(log *redo.Log, logger *slog.Logger) {
	why := errors.Join(log.Losses()...)
	switch {
	case log.Lost():
		vol.book.LogLost(time.Now())
		if logger != nil {
			logger.Error("the redo log has lost changes of earlier mounts: what had not reached a cloud by then is gone", "error", why)
		}
	case why != nil && logger != nil:
		logger.Info("the redo log ends in a write that did not come to its end", "error", why)
	}
}

func findingOf(f mirror.Finding) checkup.Finding {
	found := checkup.Finding{Path: f.Path, Cloud: f.Cloud, Kind: checkup.KindDamaged, Chunk: &f.Chunk}
	if f.Cut {
		found.Kind = checkup.KindTruncated
	}
	if f.Lost {
		found.Detail = "no cloud has it"
	}
	return found
}
