package tree

import "testing"

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"":                  `""`,
		"plain name.txt":    "plain name.txt",
		"naïve 文件":          "naïve 文件",
		"a\nb":              `"a\nb"`,
		"\x1b[31mred":       `"\x1b[31mred"`,
		"bad\xff":           `"bad\xff"`,
		"txt\u202efdp.exe":  `"txt\u202efdp.exe"`,
		"line\u2028break":   `"line\u2028break"`,
		`quo"te\and 'other`: `quo"te\and 'other`,
	} {
		if got := Quote(name); got != want {
			t.Errorf("Quote(%q) = %s, want %s", name, got, want)
		}
	}
}
