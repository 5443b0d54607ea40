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
	scan *scanner
	done func()                  // "data: [DONE]" was read
	dull func(event []byte) bool // tells of a whole event that scanning it would find nothing

	state sseState
	cr    bool // the last byte was a CR: an LF after it belongs to it
	name  []byte
	head  []byte // how the data begins
}

const (
	doneMark   = "[DONE]"
	byteOrder  = "\xef\xbb\xbf" // may stand at the beginning
	longestTag = 8
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
			c := p[0]
			p = p[1:]
			s.inName(c)
		case sseSpace:
			s.state, s.head = sseData, s.head[:0]
			if p[0] == ' ' {
				p = p[1:]
			}
		default:
			n, end := lineEnd(p)
			if s.state == sseData && (!wholeEvent(p[n:]) || !s.scan.fresh() || len(s.head) > 0 || !s.dull(p[:n])) {
				s.data(p[:n])
			}
			p = p[n:]
			if end {
				s.newline(p[0])
				p = p[1:]
			}
		}
	}
}

// wholeEvent tells whether an event ends here, by what follows its line.
func wholeEvent(rest []byte) bool {
	return len(rest) > 1 && (rest[0] == '\n' && (rest[1] == '\n' || rest[1] == '\r') ||
		rest[0] == '\r' && (rest[1] == '\r' || len(rest) > 2 && rest[1] == '\n' && (rest[2] == '\r' || rest[2] == '\n')))
}

// lineEnd finds the end of the line; end is false where it is not there yet.
func lineEnd(p []byte) (n int, end bool) {
	n = len(p)
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		n, end = i, true
	}
	if i := bytes.IndexByte(p[:n], '\r'); i >= 0 {
		n, end = i, true
	}
	return n, end
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
			s.done()
		}
	}
	s.scan.write(p)
}
