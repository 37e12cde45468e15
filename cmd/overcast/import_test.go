package main

import (
	"errors"
	"testing"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/fs/exchange"
)

func TestImportOutcome(t *testing.T) {
	for _, c := range []struct {
		done    exchange.Imported
		lacking []string
		code    int
	}{
		{exchange.Imported{Files: 3}, nil, cli.ExitOK},
		{exchange.Imported{Unverified: 1}, nil, cli.ExitPartial},
		{exchange.Imported{}, []string{"cloud beta is absent"}, cli.ExitPartial},
		{exchange.Imported{Failed: 1, Unverified: 1}, nil, cli.ExitFailure},
	} {
		err := importOutcome(c.done, c.lacking)
		f, ok := errors.AsType[*cli.Failure](err)
		if c.code == cli.ExitPartial && (!ok || f.Code != cli.ExitPartial) || (err == nil) != (c.code == cli.ExitOK) {
			t.Errorf("%+v, %q: %v", c.done, c.lacking, err)
		}
	}
}
