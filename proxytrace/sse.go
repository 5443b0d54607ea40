package proxytrace

import "bytes"

type sseState uint8

const (
	sseName  sseState = iota // in the name of a field
	sseSpace                 // after "data:", where one space may stand
	sseData                  // in the data
	sseOther                 // in a field or comment that nobody needs
)

// sse reads Server-Sent Events as they come, in pieces cut anywhere, and hands their data to a
// scanner. Lines end with LF, CR LF or CR.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
type sse struct {
	scan    *scanner
	reading *reading
	looks   looks // without a glance every event is scanned

	state sseState
	cr    bool // the last byte was a CR: an LF after it belongs to it
	name  []byte
	head  []byte // how the data begins
	event []byte // the last line that named an event, with its end: most are as the one before
}

const (
	doneMark   = "[DONE]"
	byteOrder  = "\xef\xbb\xbf" // may stand at the beginning
	longestTag = 8
	maxEvent   = 64   // longest such line that is kept
	window     = 1024 // how far the end of a line is sought at once
)

func (s *sse) write(p []byte) {
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
			p = s.begins(p)
		case sseSpace:
			s.state, s.head = sseData, s.head[:0]
			if p[0] == ' ' {
				p = p[1:]
			}
		default:
			n, end := lineEnd(p)
			if s.state == sseData {
				if !s.dull(p[:n], p[n:]) {
					s.data(p[:n])
				} else if begins(p[n:], "\n\n") { // what the two lines' ends would do in steps
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

// begins takes what a line begins with, and gives the rest.
func (s *sse) begins(p []byte) []byte {
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

// dull tells whether what is left of a line is a whole event that tells nothing.
func (s *sse) dull(line, rest []byte) bool {
	return s.looks.glance != nil && len(s.head) == 0 && s.scan.fresh() && wholeEvent(rest) && s.looks.dull(line, s.reading)
}

// wholeEvent tells whether an event ends here, by what follows its line.
func wholeEvent(rest []byte) bool {
	return len(rest) > 1 && (rest[0] == '\n' && (rest[1] == '\n' || rest[1] == '\r') ||
		rest[0] == '\r' && (rest[1] == '\r' || len(rest) > 2 && rest[1] == '\n' && (rest[2] == '\r' || rest[2] == '\n')))
}

// lineEnd finds the end of the line; end is false where it is not there yet.
func lineEnd(p []byte) (n int, end bool) {
	for ; n < len(p); n += window { // what ends lines with CR alone has no LF to be found far away
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

func (s *sse) inName(c byte) {
	switch {
	case c == '\r' || c == '\n':
		if len(s.name) == 0 { // an empty line ends the event
			s.scan.reset()
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

func (s *sse) newline(c byte) {
	if s.state == sseData {
		s.scan.write([]byte{'\n'}) // the lines of one event are one text
	}
	s.state, s.name, s.cr = sseName, s.name[:0], c == '\r'
}

func (s *sse) data(p []byte) {
	if len(s.head) < len(doneMark) {
		s.head = append(s.head, p[:min(len(p), len(doneMark)-len(s.head))]...)
		if string(s.head) == doneMark {
			s.reading.done()
		}
	}
	s.looks.forget()
	s.scan.write(p)
}
