package kit

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"github.com/overcast-fs/overcast/cipher"
)

// A Page is what stands on the paper.
type Page struct {
	Kit     *Kit
	Vault   cipher.ID
	Clouds  []string // their names
	Printed time.Time
}

// Commands are the three by which stock age and the reader open everything, and
// Join the one by which this program does.
var (
	Commands = []string{
		"cat > kit.txt            # type the line above, then Enter and Ctrl-D",
		"age -d -i kit.txt CLOUD/" + cipher.RecoveryName + " > keys.json",
		"python3 reader.py CLOUD OUT < keys.json",
	}
	Join = "overcast join VAULT --recovery kit.txt CLOUD…"
)

// Date is the day on which the page was made.
func (p Page) Date() string { return p.Printed.Format(time.DateOnly) }

// Names are the clouds' names in a row.
func (p Page) Names() string { return strings.Join(p.Clouds, ", ") }

// Line is the secret.
func (p Page) Line() string { return p.Kit.Line() }

// Join is the command by which this program brings the vault back.
func (Page) Join() string { return Join }

// Commands are those by which it goes without.
func (Page) Commands() []string { return Commands }

const textPage = `OVERCAST RECOVERY KIT, {{.Date}}
Vault {{.Vault}}, clouds {{.Names}}

    {{.Line}}

Whoever has this line and the folder of any one cloud has every file. Keep it
on paper, where you keep what matters, and nowhere else.

With Overcast, on any machine, CLOUD being the folder of one of the clouds:

    {{.Join}}

Without it, with age 1.3 or later and the reader.py of Overcast's documentation:
{{range .Commands}}
    {{.}}{{end}}
`

// Text is the page as text.
func (p Page) Text() (string, error) {
	var b strings.Builder
	err := texttemplate.Must(texttemplate.New("kit").Parse(textPage)).Execute(&b, p)
	return b.String(), err
}

const htmlPage = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Overcast recovery kit</title>
<style>
body { font: 11pt/1.5 serif; max-width: 42em; margin: 2em auto; padding: 0 1em; color: #000; background: #fff }
code, pre { font: 9.5pt/1.5 monospace }
.line { font-size: 11pt; font-weight: bold; overflow-wrap: anywhere }
img { width: 6cm; height: 6cm; padding: 0.6cm; image-rendering: pixelated }
</style>
<h1>Overcast recovery kit</h1>
<p>{{.Date}}. Vault <code>{{.Vault}}</code>, clouds {{.Names}}.</p>
<p><code class="line">{{.Line}}</code></p>
<p><img src="{{.Picture}}" alt="the line above, as a QR code"></p>
<p><strong>Whoever has this line and the folder of any one cloud has every file.</strong> Keep it on paper, where you keep what
matters, and nowhere else.</p>
<p>With Overcast, on any machine, <code>CLOUD</code> being the folder of one of the clouds:</p>
<pre>{{.Join}}</pre>
<p>Without it, with age 1.3 or later and the <code>reader.py</code> of Overcast's documentation:</p>
<pre>{{range .Commands}}{{.}}
{{end}}</pre>
</html>
`

// HTML is the page to be printed. It loads nothing.
func (p Page) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := template.Must(template.New("kit").Parse(htmlPage)).Execute(&b, p)
	return b.Bytes(), err
}

// Picture is the line as a QR code, in a URL of its own.
func (p Page) Picture() (template.URL, error) {
	const scale = 8 // pixels of a module
	code, err := qr.Encode(p.Line(), qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	side := code.Bounds().Dx() * scale
	if code, err = barcode.Scale(code, side, side); err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, code); err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}
