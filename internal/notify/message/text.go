package message

import (
	"fmt"
	"strings"
	"time"
)

// Style is how a channel wants its text.
type Style struct {
	Language Language
	Location *time.Location // of the times that are shown; UTC where nil
	Markup   Markup
	// Break separates lines; a line feed where empty.
	Break string
	// MaxTitle and MaxBody are the channel's limits in bytes; 0: none. A body that is longer loses its causes first.
	MaxTitle, MaxBody int
}

// Text is a notification as a channel shows it.
type Text struct {
	Title string // one line, without markup, not escaped: for headers and fields that are no markup
	Head  string // the title, escaped for the channel's markup
	Body  string // the lines below the title, in the channel's markup, with the link
	Whole string // the title in bold, then the body
}

// shownCauses is how many causes are told.
const shownCauses = 3

// Render writes a notification.
func Render(n Notification, s Style) Text {
	w, ok := languages[s.Language]
	if !ok {
		w = languages[English]
	}
	if s.Location == nil {
		s.Location = time.UTC
	}
	if s.Break == "" {
		s.Break = "\n"
	}
	title := w.title(n)
	if s.MaxTitle > 0 {
		title = shorten(title, s.MaxTitle)
	}
	escaped := s.Markup.escape(title)
	head := s.Markup.bold(escaped)
	fixed, causes, link := w.lines(n, s)
	body := join(s.Break, append(append(fixed, causes), link))
	if room := s.MaxBody - len(head) - len(s.Break); s.MaxBody > 0 && len(body) > room {
		if body = join(s.Break, append(fixed, link)); len(body) > room {
			body = shorten(s.Markup.escape(strings.Join(w.unescaped(n, s), " ")), max(room, 0)) // no markup to cut apart
		}
	}
	whole := head
	if body != "" {
		whole += s.Break + body
	}
	return Text{Title: title, Head: escaped, Body: body, Whole: whole}
}

func join(separator string, lines []string) string {
	kept := lines[:0:0]
	for _, l := range lines {
		if l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, separator)
}

func (w *words) title(n Notification) string {
	switch n.Status {
	case Test:
		return w.test
	case Resolved:
		return fmt.Sprintf(w.resolved, Clean(n.Rule))
	}
	severity := w.severity[n.Severity]
	if severity == "" {
		severity = w.severity[Warning]
	}
	return fmt.Sprintf(w.firing, severity, Clean(n.Rule))
}

// lines are the body's: those that are always told, the causes, the link.
func (w *words) lines(n Notification, s Style) (fixed []string, causes, link string) {
	for _, line := range w.unescaped(n, s) {
		fixed = append(fixed, s.Markup.escape(line))
	}
	var told []string
	for _, c := range n.Causes[:min(len(n.Causes), shownCauses)] {
		told = append(told, s.Markup.escape(fmt.Sprintf(w.cause, w.dimension(c.Dimension), Clean(c.Name), w.quantity(c.Value))))
	}
	if len(told) > 0 && n.Status == Firing {
		causes = s.Markup.escape(w.causes) + strings.Join(told, s.Markup.escape(w.causeSeparator))
	}
	switch {
	case n.Link == "":
	case s.Markup.link != nil:
		link = s.Markup.link(s.Markup.escape(w.linkText), n.Link)
	default:
		link = w.link + n.Link
	}
	return fixed, causes, link
}

// unescaped are the lines that are always told.
func (w *words) unescaped(n Notification, s Style) []string {
	if n.Status == Test {
		return []string{w.testBody}
	}
	var lines []string
	if n.Subject != "" {
		lines = append(lines, fmt.Sprintf(w.forSubject, Clean(n.Subject)))
	}
	switch {
	case n.Value != (Quantity{}):
		lines = append(lines, w.figure(n))
	case w.kinds[n.Kind] != "":
		lines = append(lines, w.kinds[n.Kind])
	}
	started := n.StartedAt.In(s.Location).Format("2006-01-02 15:04 MST")
	switch {
	case n.StartedAt.IsZero():
	case n.EndedAt.IsZero():
		lines = append(lines, fmt.Sprintf(w.since, started))
	default:
		lines = append(lines, fmt.Sprintf(w.lasted, started, w.duration(n.EndedAt.Sub(n.StartedAt))))
	}
	return lines
}

func (w *words) figure(n Notification) string {
	watched, value := w.kinds[n.Kind], w.quantity(n.Value)
	if watched == "" {
		watched = Clean(n.Kind)
	}
	limited, alone := w.valueLimit, w.value
	if n.Status == Resolved {
		limited, alone = w.nowValueLimit, w.nowValue
	}
	if n.Limit == (Quantity{}) {
		return fmt.Sprintf(alone, watched, value)
	}
	return fmt.Sprintf(limited, watched, value, w.quantity(n.Limit))
}

func (w *words) dimension(name string) string {
	if word := w.dimensions[name]; word != "" {
		return word
	}
	return Clean(name)
}
