package main

import (
	"errors"
	"testing"

	"github.com/overcast-fs/overcast/fs/exchange"
)

func TestImportOutcome(t *testing.T) {
	for _, c := range []struct {
		done    exchange.Imported
		lacking []string
		code    int
	}{
		{exchange.Imported{Files: 3}, nil, exitOK},
		{exchange.Imported{Unverified: 1}, nil, exitPartial},
		{exchange.Imported{}, []string{"cloud beta is absent"}, exitPartial},
		{exchange.Imported{Failed: 1, Unverified: 1}, nil, exitFailure},
	} {
		err := importOutcome(c.done, c.lacking)
		f, ok := errors.AsType[*failure](err)
		if c.code == exitPartial && (!ok || f.code != exitPartial) || (err == nil) != (c.code == exitOK) {
			t.Errorf("%+v, %q: %v", c.done, c.lacking, err)
		}
	}
}
