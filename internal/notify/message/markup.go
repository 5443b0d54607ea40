package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Markup is how a channel writes text. Its functions get cleaned text.
type Markup struct {
	escape func(string) string
	bold   func(escaped string) string
	link   func(escaped, address string) string // nil: the address is written out
}

// Plain is text without markup. Angle brackets are replaced, because some receivers of plain text read mentions in them.
func Plain() Markup { return Markup{escape: plain, bold: same} }

// Slack is Slack's mrkdwn.
func Slack() Markup {
	return Markup{escape: slackEscapes.Replace, bold: func(s string) string { return "*" + s + "*" }, link: func(s, address string) string {
		return "<" + slackEscapes.Replace(strings.ReplaceAll(address, "|", "%7C")) + "|" + s + ">"
	}}
}

// Markdown is CommonMark as Discord, Teams, DingTalk and others read parts of it.
func Markdown() Markup {
	return Markup{escape: markdown, bold: func(s string) string { return "**" + s + "**" }, link: func(s, address string) string {
		return "[" + s + "](" + markdownAddress.Replace(address) + ")"
	}}
}

// HTML is the subset that Telegram reads.
func HTML() Markup {
	return Markup{escape: htmlEscapes.Replace, bold: func(s string) string { return "<b>" + s + "</b>" }, link: func(s, address string) string {
		return `<a href="` + htmlEscapes.Replace(address) + `">` + s + "</a>"
	}}
}

func same(s string) string { return s }

// Mentions in Slack and Lark are within angle brackets, which Slack's escapes undo.
var (
	slackEscapes    = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "*", "∗", "_", "＿", "~", "∼", "`", "ˋ")
	htmlEscapes     = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
	markdownAddress = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E")
)

func plain(s string) string { return strings.NewReplacer("<", "‹", ">", "›").Replace(s) }

// markdown puts a backslash before all punctuation that can be markup; @ is kept from mentioning with a word joiner.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '<':
			r = '‹' // some readers know no escape of tags and mentions
		case r == '>':
			r = '›'
		case r == '@':
			b.WriteString("@\u2060")
			continue
		case strings.ContainsRune("\\`*_{}[]()#+!|~", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// maxName is how many characters of a name are shown.
const maxName = 80

// Clean makes a name of unknown origin fit to be shown in a line: no control or invisible characters, no line breaks, no
// address that a reader would make a link of, at most 80 characters.
func Clean(s string) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = n > 0
			continue
		}
		if !unicode.IsGraphic(r) || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Variation_Selector, r) {
			continue
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		if n >= maxName {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
		n++
	}
	return strings.ReplaceAll(b.String(), "://", "[:]//")
}

// shorten cuts a text to at most so many bytes, at the end of a character, with an ellipsis.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	cut := max(limit-len(ellipsis), 0)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}
