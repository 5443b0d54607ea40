package dialect

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// found says what an attribute held where a number was looked for.
type found uint8

const (
	absent found = iota
	usable
	unusable // NaN, an infinity, a fraction, negative, over usage.MaxTokens, or no number at all
)

// count reads a token count from a value of any type.
func count(v any) (int64, found) {
	switch n := v.(type) {
	case nil:
		return 0, absent
	case int64:
		if n < 0 || n > usage.MaxTokens {
			return 0, unusable
		}
		return n, usable
	case float64:
		return countFloat(n)
	case string:
		return countText(n)
	}
	return 0, unusable
}

// anyValue are the names by which an AnyValue is written out: {"intValue": "12"}.
var anyValue = []string{"intValue", "doubleValue", "stringValue"}

// countValue reads a token count from an attribute.
func countValue(v pcommon.Value) (int64, found) {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return 0, absent
	case pcommon.ValueTypeInt:
		return count(v.Int())
	case pcommon.ValueTypeDouble:
		return countFloat(v.Double())
	case pcommon.ValueTypeStr:
		return countText(v.Str())
	case pcommon.ValueTypeMap:
		if m := v.Map(); m.Len() == 1 {
			for _, name := range anyValue {
				if inner, ok := m.Get(name); ok && inner.Type() != pcommon.ValueTypeMap {
					return countValue(inner)
				}
			}
		}
	}
	return 0, unusable
}

func countFloat(f float64) (int64, found) {
	if math.IsNaN(f) || f < 0 || f > float64(usage.MaxTokens) || f != math.Trunc(f) {
		return 0, unusable
	}
	return int64(f), usable
}

// maxNumberText is the longest text that is read as a number.
const maxNumberText = 64

func countText(s string) (int64, found) {
	if len(s) > maxNumberText {
		return 0, unusable
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, absent
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return count(n)
	}
	if s[0] == '{' {
		for _, name := range anyValue {
			if inner, ok := jsontext.Member(s, name); ok && inner[0] != '{' {
				return count(jsontext.Plain(inner))
			}
		}
		return 0, unusable
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, unusable
	}
	return countFloat(f)
}

// number reads any finite number that is not negative.
func number(v any) (float64, bool) {
	var f float64
	switch n := v.(type) {
	case int64:
		f = float64(n)
	case float64:
		return numberFloat(n)
	case string:
		if len(n) > maxNumberText {
			return 0, false
		}
		parsed, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
		if err != nil {
			return 0, false
		}
		f = parsed
	default:
		return 0, false
	}
	return numberFloat(f)
}

func numberFloat(f float64) (float64, bool) {
	return f, !math.IsNaN(f) && !math.IsInf(f, 0) && f >= 0
}

// money reads an amount of US dollars: a number, or a text such as "0.0012USD" or "$0.0012".
func money(v any) (float64, bool) {
	if s, isText := v.(string); isText && len(s) <= maxNumberText {
		s = strings.TrimPrefix(strings.TrimSpace(s), "$")
		v = strings.TrimSpace(strings.TrimSuffix(s, "USD"))
	}
	return number(v)
}

// maxText is the longest text, in bytes, that is kept of an attribute.
const maxText = 256

// text reads a short text. Quotes around it (a JSON string) are taken off.
func text(v any) string {
	switch s := v.(type) {
	case string:
		return textString(s)
	case int64:
		return strconv.FormatInt(s, 10)
	default:
		return ""
	}
}

func textString(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	return clean(s)
}

// clean makes hostile text fit to keep: valid UTF-8, no control characters, at most maxText bytes.
func clean(s string) string {
	if len(s) > maxText {
		const more = 512 // bytes; a secret is known by so many
		if s, _ = secret.Text(s[:min(len(s), maxText+more)]); len(s) > maxText {
			s = s[:maxText]
		}
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(s); i++ { // a rune cut in two
			s = s[:len(s)-1]
		}
	}
	if !printable(s) {
		return cleanRunes(s)
	}
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	for s != "" && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// printable tells whether a text is of printable ASCII alone, eight bytes at a time.
func printable(s string) bool {
	const (
		word  = 8
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	i := 0
	for ; i+word <= len(s); i += word {
		w := load64(s, i)
		// a byte is over 0x7f, or is 0x7f, or is under 0x20
		if (w|(w+ones)|(w-0x20*ones))&highs != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

func cleanRunes(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	for len(s) > maxText { // replacement characters are longer than what they replace
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// truth reads a boolean in any spelling.
func truth(v any) usage.Tristate {
	switch b := v.(type) {
	case bool:
		if b {
			return usage.Yes
		}
		return usage.No
	case string:
		switch strings.ToLower(strings.TrimSpace(b)) {
		case "true", "1":
			return usage.Yes
		case "false", "0":
			return usage.No
		}
	}
	return usage.Unknown
}

// raw gives a plain value of an attribute; nil where it is empty. Lists and key-value lists stay
// what they are.
func raw(v pcommon.Value) any {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		return v.Double()
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeMap:
		return v.Map()
	case pcommon.ValueTypeSlice:
		return v.Slice()
	default:
		return nil
	}
}
