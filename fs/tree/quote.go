package tree

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsControl reports whether a rune could steer a terminal or hide what follows: control and format characters (the
// bidirectional overrides are format characters), line separators and bytes that are no UTF-8.
func IsControl(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Quote gives a file name as it is, or quoted like a Go string if a terminal or a reader could misunderstand it.
func Quote(name string) string {
	if name == "" || strings.ContainsFunc(name, IsControl) {
		return strconv.QuoteToGraphic(name)
	}
	return name
}
