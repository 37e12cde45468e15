// Package text is what may stand in a message, and in the name of a cloud.
package text

import (
	"fmt"
	"strings"
	"unicode"
)

// maxNameLength bounds a cloud's name, which goes into the names of conflict
// copies and must leave room there.
const maxNameLength = 32

// OneLine makes foreign text fit for one line of a message on a terminal.
func OneLine(text string) string {
	const limit = 200
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + " …"
	}
	return text
}

// Names collects the names of clouds, which must be unlike each other even
// where case is ignored: they become parts of file names.
type Names struct{ seen map[string]string }

// Add takes one more name, or says what is wrong with it.
func (s *Names) Add(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	folded := strings.ToLower(name)
	if other, ok := s.seen[folded]; ok {
		if other == name {
			return fmt.Errorf("two clouds are named %q", name)
		}
		return fmt.Errorf("cloud names %q and %q differ only in case", other, name)
	}
	if s.seen == nil {
		s.seen = map[string]string{}
	}
	s.seen[folded] = name
	return nil
}

// CheckName allows what is safe in a file name of any system and in a message.
func CheckName(name string) error {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("-_.", r)) {
			return fmt.Errorf("cloud name %q: only letters, digits, and then '-', '_' and '.' are allowed", OneLine(name))
		}
	}
	if name == "" || len(name) > maxNameLength {
		return fmt.Errorf("cloud name %q: want 1 to %d characters", OneLine(name), maxNameLength)
	}
	return nil
}
