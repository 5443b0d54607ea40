// Package value reads single values of attributes: counts, amounts, short texts, HTTP methods, paths and statuses.
// Values may be of any type, hostile or malformed.
package value

import (
	"encoding/binary"
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

// Found says what an attribute held where a number was looked for.
type Found uint8

// The kinds of values that can be found.
const (
	Absent Found = iota
	Usable
	Unusable // NaN, an infinity, a fraction, negative, over usage.MaxTokens, or no number at all
)

// Count reads a token count from a value of any type.
func Count(v any) (int64, Found) {
	switch n := v.(type) {
	case nil:
		return 0, Absent
	case int64:
		if n < 0 || n > usage.MaxTokens {
			return 0, Unusable
		}
		return n, Usable
	case float64:
		return countFloat(n)
	case string:
		return countText(n)
	}
	return 0, Unusable
}

// anyValue are the names by which an AnyValue is written out: {"intValue": "12"}.
var anyValue = []string{"intValue", "doubleValue", "stringValue"}

// CountOf reads a token count from an attribute.
func CountOf(v pcommon.Value) (int64, Found) {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return 0, Absent
	case pcommon.ValueTypeInt:
		return Count(v.Int())
	case pcommon.ValueTypeDouble:
		return countFloat(v.Double())
	case pcommon.ValueTypeStr:
		return countText(v.Str())
	case pcommon.ValueTypeMap:
		if m := v.Map(); m.Len() == 1 {
			for _, name := range anyValue {
				if inner, ok := m.Get(name); ok && inner.Type() != pcommon.ValueTypeMap {
					return CountOf(inner)
				}
			}
		}
	}
	return 0, Unusable
}

func countFloat(f float64) (int64, Found) {
	if math.IsNaN(f) || f < 0 || f > float64(usage.MaxTokens) || f != math.Trunc(f) {
		return 0, Unusable
	}
	return int64(f), Usable
}

// MaxNumberText is the longest text that is read as a number.
const MaxNumberText = 64

func countText(s string) (int64, Found) {
	if len(s) > MaxNumberText {
		return 0, Unusable
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, Absent
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Count(n)
	}
	if s[0] == '{' {
		for _, name := range anyValue {
			if inner, ok := jsontext.Member(s, name); ok && inner[0] != '{' {
				return Count(jsontext.Plain(inner))
			}
		}
		return 0, Unusable
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, Unusable
	}
	return countFloat(f)
}

// Number reads any finite number that is not negative.
func Number(v any) (float64, bool) {
	var f float64
	switch n := v.(type) {
	case int64:
		f = float64(n)
	case float64:
		return Finite(n)
	case string:
		if len(n) > MaxNumberText {
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
	return Finite(f)
}

// Finite returns a number, and whether it is finite and not negative.
func Finite(f float64) (float64, bool) {
	return f, !math.IsNaN(f) && !math.IsInf(f, 0) && f >= 0
}

// Money reads an amount of US dollars: a number, or a text such as "0.0012USD" or "$0.0012".
func Money(v any) (float64, bool) {
	if s, isText := v.(string); isText && len(s) <= MaxNumberText {
		s = strings.TrimPrefix(strings.TrimSpace(s), "$")
		v = strings.TrimSpace(strings.TrimSuffix(s, "USD"))
	}
	return Number(v)
}

// MaxText is the longest text, in bytes, that is kept of an attribute.
const MaxText = 256

// Text reads a short text. Quotes around it (a JSON string) are taken off.
func Text(v any) string {
	switch s := v.(type) {
	case string:
		return TextString(s)
	case int64:
		return strconv.FormatInt(s, 10)
	default:
		return ""
	}
}

// TextOf returns the short text of an attribute's value, see Text.
func TextOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return TextString(v.Str())
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	default:
		return ""
	}
}

// TextString returns the short text in a string, see Text.
func TextString(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	return Clean(s)
}

// Clean makes hostile text fit to keep: valid UTF-8, no control characters, at most MaxText bytes.
func Clean(s string) string {
	if len(s) > MaxText {
		const more = 512 // bytes; a secret is known by so many
		if s, _ = secret.Text(s[:min(len(s), MaxText+more)]); len(s) > MaxText {
			s = s[:MaxText]
		}
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(s); i++ { // a rune cut in two
			s = s[:len(s)-1]
		}
	}
	if !IsPrintable(s) {
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

// IsPrintable reports whether a text is of printable ASCII alone, eight bytes at a time.
func IsPrintable(s string) bool {
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
	for len(s) > MaxText { // replacement characters are longer than what they replace
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// Truth reads a boolean in any spelling.
func Truth(v any) usage.Tristate {
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

// Raw returns a plain value of an attribute; nil where it is empty. Lists and key-value lists stay
// what they are.
func Raw(v pcommon.Value) any {
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

// IsReported reports whether a text is a value. Emitters write placeholders for values that they do not have: Spring AI
// names the model of a failed call "none", and Python and JavaScript write out an Absent value.
func IsReported(s string) bool {
	switch len(s) {
	case 0:
		return false
	case len("none"):
		return !strings.EqualFold(s, "none") && !strings.EqualFold(s, "null")
	case len("unknown"):
		return !strings.EqualFold(s, "unknown")
	case len("undefined"):
		return !strings.EqualFold(s, "undefined")
	default:
		return true
	}
}

// load64 reads eight bytes of a text.
func load64(s string, i int) uint64 {
	var b [8]byte
	copy(b[:], s[i:i+8])
	return binary.LittleEndian.Uint64(b[:])
}

// FirstText returns the first element of a list, which is how header attributes come.
func FirstText(list pcommon.Slice) string {
	if list.Len() == 0 {
		return ""
	}
	return list.At(0).Str()
}
