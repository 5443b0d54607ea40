package api

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName bounds the names that people give to keys, users and tokens.
const MaxName = 100 // characters

// CleanText trims a text and refuses what would make it look like another.
func CleanText(field, s string, maxLen int) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	if utf8.RuneCountInString(s) > maxLen {
		return "", WithReason("text_too_long", Invalid("body."+field, fmt.Sprintf("must have at most %d characters", maxLen), nil), int64(maxLen))
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || r == utf8.RuneError || (unicode.IsSpace(r) && r != ' ') {
			return "", WithReason("text_invisible", Invalid("body."+field, "must hold no control characters, line ends or invisible marks", nil))
		}
	}
	return s, nil
}
