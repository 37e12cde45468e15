package kit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/overcast-fs/overcast/cipher"
)

func draw(t *testing.T) *Kit {
	t.Helper()
	k, err := Draw()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func page(t *testing.T, k *Kit) Page {
	t.Helper()
	return Page{Kit: k, Vault: cipher.ID{0xab}, Clouds: []string{"alpha", "beta"}, Printed: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
}

// What is on the paper is read back, however it was typed.
func TestParse(t *testing.T) {
	k := draw(t)
	line := k.Line()
	text, err := page(t, k).Text()
	if err != nil || len(line) != Length {
		t.Fatalf("%d characters, want %d: %v", len(line), Length, err)
	}
	for _, typed := range []string{
		line, line + "\r\n", "  " + strings.ToLower(line), line[:30] + " " + line[30:50] + "\t" + line[50:],
		"# a comment\n\n" + line + "\nmore\n", text,
	} {
		again, err := Parse([]byte(typed))
		if err != nil || again.Line() != line {
			t.Errorf("%.20q…: %v", typed, err)
		}
	}
}

// Each character counts.
func TestParseRefuses(t *testing.T) {
	line := draw(t).Line()
	refused := func(typed string) {
		_, err := Parse([]byte(typed))
		if !errors.Is(err, ErrTyped) || strings.Contains(err.Error(), line[20:30]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for i := range line {
		for _, other := range "QX1-" {
			if byte(other) != line[i] {
				refused(line[:i] + string(other) + line[i+1:])
			}
		}
		refused(line[:i] + line[i+1:])
		refused(line[:i] + "Q" + line[i:])
	}
	refused("")
	refused("AGE-SECRET-KEY-1" + line[len(prefix):])
}

func TestKitPrintsNothing(t *testing.T) {
	k := draw(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(format, k); got != "[redacted]" {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestPages(t *testing.T) {
	k := draw(t)
	text, err := page(t, k).Text()
	if err != nil {
		t.Fatal(err)
	}
	html, err := page(t, k).HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append([]string{k.Line(), "ab00000000000000", "alpha, beta", "2026-05-01", Join}, Commands...) {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
		if escaped := strings.ReplaceAll(strings.ReplaceAll(want, ">", "&gt;"), "<", "&lt;"); !strings.Contains(string(html), escaped) {
			t.Errorf("the HTML lacks %q:\n%s", escaped, html)
		}
	}
	if strings.Contains(text, k.Recipient()) || strings.Contains(string(html), k.Recipient()) {
		t.Error("a page shows the recipient")
	}
	for line := range strings.Lines(text) {
		if len(line) > 100 {
			t.Errorf("too long for paper: %q", line)
		}
	}
}

// Another library reads what is drawn.
func TestQRCode(t *testing.T) {
	for range 5 {
		k := draw(t)
		url, err := page(t, k).Picture()
		if err != nil {
			t.Fatal(err)
		}
		html, err := page(t, k).HTML()
		if err != nil || !bytes.Contains(html, []byte(strings.ReplaceAll(string(url), "+", "&#43;"))) {
			t.Fatalf("the HTML lacks the code: %v", err)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(url), "data:image/png;base64,"))
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := scan(drawn); err != nil || got != k.Line() {
			t.Errorf("it reads as %q, %v", got, err)
		}
	}
}

func scan(drawn image.Image) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(drawn)
	if err != nil {
		return "", err
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}
