package cipher

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestXattrNames(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	for _, name := range []string{"user.a", "x", strings.Repeat("n", maxXattrName), "user.\xff", "user.a/b"} {
		backing, err := c.EncodeXattrName(name)
		if err != nil || len(backing) > 255 || !strings.HasPrefix(backing, "user.overcast.") {
			t.Errorf("%q: %q, %v", name, backing, err)
		}
		if got, err := c.DecodeXattrName(backing); err != nil || got != name {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "user.\x00", strings.Repeat("n", maxXattrName+1)} {
		if got, err := c.EncodeXattrName(bad); !errors.Is(err, ErrName) {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
	good, err := c.EncodeXattrName("user.comment")
	if err != nil {
		t.Fatal(err)
	}
	forged := func(name string) string { return c.encodeXattrName(name) }
	for _, bad := range []string{
		"", "user.comment", "user.overcast", "user.overcast.", good + "0", good[:len(good)-1],
		strings.ToUpper(good), xattrPrefix + strings.ToUpper(good[len(xattrPrefix):]), good + "\n", "user.overcast.=",
		forged(""), forged("\x00"), forged(strings.Repeat("n", 129)),
	} {
		if got, err := c.DecodeXattrName(bad); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

func TestXattrValues(t *testing.T) {
	c := testCloud(t, AES256, MinChunkLog2)
	for _, value := range [][]byte{nil, {0}, []byte("value"), bytes.Repeat([]byte{7}, 64<<10)} {
		backing := c.SealXattr("user.a", value)
		if len(backing) != len(value)+17 {
			t.Errorf("%d bytes are sealed to %d", len(value), len(backing))
		}
		if got, err := c.OpenXattr("user.a", backing); err != nil || !bytes.Equal(got, value) {
			t.Errorf("%d bytes open to %d, %v", len(value), len(got), err)
		}
		if got, err := c.OpenXattr("user.b", backing); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("under another name: %x, %v", got, err)
		}
		backing[len(backing)-1] ^= 1
		if got, err := c.OpenXattr("user.a", backing); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("with a bit flipped: %x, %v", got, err)
		}
	}
	seal := func(plain string) []byte {
		return c.xattrs.Seal(nil, []byte(plain), xattrValueContext, []byte("user.a"))
	}
	for backing, want := range map[string]error{
		"": ErrDamaged, "short": ErrDamaged, string(seal("")): ErrDamaged, string(seal("\x02x")): ErrNewer,
	} {
		if got, err := c.OpenXattr("user.a", []byte(backing)); !errors.Is(err, want) {
			t.Errorf("%x: %x, %v, want %v", backing, got, err, want)
		}
	}
}

func TestIsXattr(t *testing.T) {
	own, err := testCloud(t, AES256, MinChunkLog2).EncodeXattrName("user.a")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{own: true, "user.a": false, "user.overcast": false, "security.overcast.a": false} {
		if IsXattr(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}
