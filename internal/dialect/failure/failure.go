// Package failure makes of what an emitter says of a failed call the message that is kept and shown. Emitters put whole
// answers, tracebacks and requests there: of these the provider's own sentence stays, without keys, tokens, e-mail
// addresses and the queries of URLs. It must never let through what was asked or answered. Texts are hostile, and of any
// length: all work is bounded by mostRead, and linear.
package failure

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// mostRead is how much of a text is looked at, in bytes.
const mostRead = 8 << 10

// Message returns the message of a failure, of at most usage.MaxErrorMessage bytes. It changes nothing that it returned: the
// text is read until nothing more is taken out of it.
func Message(text string) string {
	text = text[:min(len(text), mostRead)]
	const times = 6
	for range times {
		next := message(text)
		if next == text {
			return next
		}
		text = next
	}
	return "" // a text that is made to be read again and again
}

// InAnswer is Message for the answer of an upstream: a text that is no object of an error has none.
func InAnswer(body string) string {
	body = body[:min(len(body), mostRead)]
	if at := objectIn(body); at >= 0 {
		return Message(messageOf(body[at:], most))
	}
	return ""
}

func message(text string) string {
	if text == "" {
		return ""
	}
	text = clean(before(text, program))
	text = clean(before(sentence(text), content))
	text, _ = secret.Text(text)
	return cut(withoutAddresses(withoutQueries(text)))
}

// most is how many answers within answers are looked into: gateways wrap the provider's.
const most = 4

// sentence returns the message in a text that has the provider's answer, as JSON or as Python writes it; the text before an
// answer without a message; and else the text.
func sentence(text string) string {
	for range most {
		at := objectIn(text)
		if at < 0 {
			return text
		}
		inner := messageOf(text[at:], most)
		if inner == "" {
			return strings.TrimRight(text[:at], " \t\r\n-:,;=([{'\"b")
		}
		text = inner
	}
	if at := objectIn(text); at >= 0 {
		text = text[:at]
	}
	return text
}

// objectIn returns where the text of an object begins; negative where none does.
func objectIn(text string) int {
	for from := 0; ; {
		at := strings.IndexByte(text[from:], '{')
		if at < 0 {
			return -1
		}
		from += at + 1
		rest := strings.TrimLeft(text[from:min(len(text), from+maxSpaces)], " \t\r\n\\")
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			return from - 1
		}
	}
}

// maxSpaces is how far the first name of an object is looked for, in bytes.
const maxSpaces = 64

// messageNames are the fields of an answer that have its message, the best first; answers are in the others.
var (
	messageNames = []string{"message", "detail", "error_description", "error_message", "errorMessage", "msg", "Message"}
	answerNames  = []string{"error", "0", "errors", "response", "body"}
)

// messageOf returns the message in the text of an object; "" where it has none.
func messageOf(text string, depth int) string {
	if strings.HasPrefix(text, `{\"`) { // an object in a string
		text = strings.ReplaceAll(text, `\"`, `"`)
	}
	if jsontext.IsPython(text) {
		return messageIn(jsontext.Python(text), depth)
	}
	for _, name := range messageNames {
		if v, ok := jsontext.Member(text, name); ok {
			if s, isText := jsontext.Plain(v).(string); isText && isMessage(s) {
				return s
			}
		}
	}
	for _, name := range answerNames {
		v, ok := jsontext.Member(text, name)
		if !ok {
			continue
		}
		if v = jsontext.Trim(v); v != "" && (v[0] == '{' || v[0] == '[') {
			if depth > 0 {
				if s := messageOf(v, depth-1); s != "" {
					return s
				}
			}
		} else if s, isText := jsontext.Plain(v).(string); isText && s != "" {
			return s
		}
	}
	return ""
}

// messageIn is messageOf for the values that Python's text has.
func messageIn(v any, depth int) string {
	switch m := v.(type) {
	case map[string]any:
		for _, name := range messageNames {
			if s, isText := m[name].(string); isText && isMessage(s) {
				return s
			}
		}
		for _, name := range answerNames {
			if s, isText := m[name].(string); isText && s != "" {
				return s
			}
			if depth > 0 {
				if s := messageIn(m[name], depth-1); s != "" {
					return s
				}
			}
		}
	case []any:
		if len(m) > 0 && depth > 0 {
			return messageIn(m[0], depth-1)
		}
	}
	return ""
}

// isMessage reports whether a text is a message, and not a list or an object of what was asked.
func isMessage(s string) bool {
	return s != "" && s[0] != '['
}

// program are the words behind which texts of failures have the lines of a program.
var program = []string{"Traceback (most recent call last)", "\n  File \"", "\n    at ", "\n\tat "}

// content are the words behind which texts of failures have what was asked or answered.
var content = []string{
	"input_value", "input=", "messages=", "prompt=", "Received Model Group=",
	"LLM output:", "LLM response:", "Messages:", "messages:", "Prompt:", "prompt:", "Request body:", "request body:", "Text:", "Value:", "Got: ", "got: ",
	"Original exception:", "contents=", "content=", "text='", "text=\"",
}

// before returns a text up to the first of some words.
func before(text string, words []string) string {
	for _, w := range words {
		if at := strings.Index(text, w); at >= 0 {
			text = text[:at]
		}
	}
	return text
}

// clean makes of a text one line of letters that can be seen.
func clean(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			space = b.Len() > 0
			continue
		}
		if space {
			_ = b.WriteByte(' ')
			space = false
		}
		_, _ = b.WriteRune(r) // what is no UTF-8 is U+FFFD here
	}
	return strings.TrimRight(b.String(), " -:,;=([{")
}

const ellipsis = "…"

// withoutQueries replaces the queries of URLs.
func withoutQueries(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '?' || i < done || i == 0 || s[i-1] == ' ' || i+1 == len(s) {
			continue
		}
		end := i + 1 + tokenEnd(s[i+1:])
		if q := s[i+1 : end]; q == "" || q == ellipsis || (strings.IndexByte(q, '=') < 0 && !inURL(s, done, i)) {
			continue
		}
		_, _ = b.WriteString(s[done : i+1])
		_, _ = b.WriteString(ellipsis)
		done = end
	}
	if done == 0 {
		return s
	}
	_, _ = b.WriteString(s[done:])
	return b.String()
}

// tokenEnd returns where a word ends, which has no spaces, quotes and closing brackets.
func tokenEnd(s string) int {
	if at := strings.IndexAny(s, " \"'`<>)]}"); at >= 0 {
		s = s[:at]
	}
	return len(strings.TrimRight(s, ".,:;")) // of the sentence, not of the URL
}

// longestURL is how far before its query a URL begins.
const longestURL = 256

// inURL reports whether a place is within a URL that begins after another.
func inURL(s string, after, at int) bool {
	word := s[max(after, at-longestURL):at]
	return strings.Contains(word[strings.LastIndexByte(word, ' ')+1:], "://")
}

// withoutAddresses replaces e-mail addresses.
func withoutAddresses(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '@' {
			continue
		}
		from, to := i, i+1
		for from > done {
			r, size := utf8.DecodeLastRuneInString(s[done:from])
			if !isLocal(r) {
				break
			}
			from -= size
		}
		for to < len(s) {
			r, size := utf8.DecodeRuneInString(s[to:])
			if !isHost(r) {
				break
			}
			to += size
		}
		if from == i || to == i+1 {
			continue
		}
		_, _ = b.WriteString(s[done:from])
		_, _ = b.WriteString(ellipsis + "@" + ellipsis)
		done = to
		i = to - 1
	}
	if done == 0 {
		return s
	}
	_, _ = b.WriteString(s[done:])
	return b.String()
}

func isLocal(r rune) bool { return isHost(r) || strings.ContainsRune("!#$%&*+/=?^_{|}~", r) }

func isHost(r rune) bool {
	return r == '.' || r == '-' || (r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)))
}

// cut bounds a message, between two letters.
func cut(s string) string {
	if len(s) <= usage.MaxErrorMessage {
		return s
	}
	s = s[:usage.MaxErrorMessage-len(ellipsis)]
	for i := 0; i < utf8.UTFMax && !utf8.ValidString(s); i++ {
		s = s[:len(s)-1]
	}
	return strings.TrimRight(s, " ") + ellipsis
}
