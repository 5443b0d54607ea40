package bodies

import (
	"bytes"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

type sseState uint8

const (
	sseName  sseState = iota // in the name of a field
	sseSpace                 // after "data:", which one space may follow
	sseData                  // in the data
	sseOther                 // in another field or a comment
)

// events reads Server-Sent Events and passes their data to a scanner. Lines end with LF, CR LF or CR.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
type events struct {
	scan   *jsonscan.Scanner
	answer *llmapi.Answer
	filter streamFilter // without a prefilter every event is scanned

	state sseState
	cr    bool // the last byte was a CR: an LF after it belongs to it
	name  []byte
	head  []byte // the beginning of the data
	event []byte // the last line that named an event, with its end: most events repeat it
}

const (
	doneMark   = "[DONE]"
	byteOrder  = "\xef\xbb\xbf" // may precede the first line
	longestTag = 8
	maxEvent   = 64   // longest such line that is kept
	window     = 1024 // bytes in which the end of a line is searched at once
)

// Feed reads the next piece.
func (s *events) Feed(p []byte) {
	for len(p) > 0 {
		if s.cr {
			s.cr = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		switch s.state {
		case sseName:
			p = s.beginLine(p)
		case sseSpace:
			s.state, s.head = sseData, s.head[:0]
			if p[0] == ' ' {
				p = p[1:]
			}
		default:
			n, end := lineEnd(p)
			if s.state == sseData {
				if !s.skippable(p[:n], p[n:]) {
					s.data(p[:n])
				} else if begins(p[n:], "\n\n") { // the ends of both lines in one step
					p, s.state, s.name = p[n+2:], sseName, s.name[:0]
					continue
				}
			}
			p = p[n:]
			if end {
				s.newline(p[0])
				p = p[1:]
			}
		}
	}
}

// beginLine reads the beginning of a line, and returns the rest.
func (s *events) beginLine(p []byte) []byte {
	if len(s.name) == 0 { // as nearly all lines do
		switch {
		case begins(p, "data: "):
			s.state, s.head = sseData, s.head[:0]
			return p[len("data: "):]
		case len(s.event) > 0 && bytes.HasPrefix(p, s.event):
			return p[len(s.event):]
		case begins(p, "event:"):
			if n, end := lineEnd(p); end && p[n] == '\n' && n < maxEvent {
				s.event = append(s.event[:0], p[:n+1]...)
				return p[n+1:]
			}
		}
	}
	s.inName(p[0])
	return p[1:]
}

// skippable reports whether a line is a whole event that changes nothing.
func (s *events) skippable(line, rest []byte) bool {
	return s.filter.prefilter != nil && len(s.head) == 0 && s.scan.Idle() && wholeEvent(rest) && s.filter.skippable(line, s.answer)
}

// wholeEvent reports whether an event ends here, by what follows its line.
func wholeEvent(rest []byte) bool {
	return len(rest) > 1 && (rest[0] == '\n' && (rest[1] == '\n' || rest[1] == '\r') ||
		rest[0] == '\r' && (rest[1] == '\r' || len(rest) > 2 && rest[1] == '\n' && (rest[2] == '\r' || rest[2] == '\n')))
}

// lineEnd returns the length of the line; end is false where its end has not come yet.
func lineEnd(p []byte) (n int, end bool) {
	for ; n < len(p); n += window { // a stream whose lines end with CR alone has no LF to be searched for
		part := p[n:min(n+window, len(p))]
		i := bytes.IndexByte(part, '\n')
		if i >= 0 {
			part = part[:i]
		}
		if j := bytes.IndexByte(part, '\r'); j >= 0 {
			i = j
		}
		if i >= 0 {
			return n + i, true
		}
	}
	return len(p), false
}

func (s *events) inName(c byte) {
	switch {
	case c == '\r' || c == '\n':
		if len(s.name) == 0 { // an empty line ends the event
			s.scan.Reset()
		}
		s.newline(c)
	case c == ':':
		if s.state = sseOther; string(bytes.TrimPrefix(s.name, []byte(byteOrder))) == "data" {
			s.state = sseSpace
		}
	case len(s.name) < longestTag:
		s.name = append(s.name, c)
	}
}

func (s *events) newline(c byte) {
	if s.state == sseData {
		s.scan.Feed([]byte{'\n'}) // the lines of one event are one text
	}
	s.state, s.name, s.cr = sseName, s.name[:0], c == '\r'
}

func (s *events) data(p []byte) {
	if len(s.head) < len(doneMark) {
		s.head = append(s.head, p[:min(len(p), len(doneMark)-len(s.head))]...)
		if string(s.head) == doneMark {
			s.answer.MarkEnd()
		}
	}
	s.filter.reset()
	s.scan.Feed(p)
}
