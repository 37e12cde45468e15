package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/tree"
)

// A Copy is one cloud that can be read by itself.
type Copy struct {
	Cloud string
	Sum   func(name string) (audit.Sum, error) // of the plaintext of a file
}

// auditInterval is how often an import looks again for what a mount has yet to bring to a cloud.
const auditInterval = 200 * time.Millisecond

// Verify reads everything back from every copy. What one lacks after patience, for as long as a mount may take to bring
// it there, is told and counted.
func (im *Importer) Verify(ctx context.Context, copies []Copy, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for _, p := range im.present {
		var lacking []string
		for _, c := range copies {
			err := verifyFile(ctx, c, p, deadline)
			if ctx.Err() != nil {
				return tree.ErrInterrupted
			}
			if err != nil {
				lacking = append(lacking, fmt.Sprintf("cloud %s: %v", c.Cloud, err))
			}
			im.options.Progress(p.sum.Size)
		}
		if lacking != nil {
			im.Done.Unverified++
			im.options.Complain("/"+p.name, errors.New(strings.Join(lacking, "; ")))
		}
	}
	return nil
}

// verifyFile reads one file from one cloud, until it is there or the deadline is over.
func verifyFile(ctx context.Context, c Copy, p present, deadline time.Time) error {
	for {
		sum, err := c.Sum(p.name)
		if err == nil && sum != p.sum {
			err = errors.New("has another content")
		}
		if err == nil || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-time.After(auditInterval):
		case <-ctx.Done():
			return tree.ErrInterrupted
		}
	}
}
