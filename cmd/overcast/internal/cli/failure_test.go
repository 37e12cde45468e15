package cli

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errors.New("disk: full"), 1, "overcast: disk: full\n"},
		{Failf(6, "vault x: broken").Advise("mend it"), 6, "overcast: vault x: broken\n  mend it\n"},
		{fmt.Errorf("mount: %w", Failf(19, "no FUSE").Advise("get it")), 19, "overcast: mount: no FUSE\n  get it\n"},
	} {
		var b bytes.Buffer
		if code := Report(&b, c.err); code != c.code || b.String() != c.text {
			t.Errorf("Report(%v) = %d, %q; want %d, %q", c.err, code, b.String(), c.code, c.text)
		}
	}
}
