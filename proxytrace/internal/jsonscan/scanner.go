package jsonscan

import "bytes"

// Sink receives what a scanner finds.
type Sink interface {
	// Scalar receives a text, number or word. The bytes are valid during the call only; a text is passed without its
	// quotes and with its escapes.
	Scalar(f Field, raw []byte, quoted bool)
	// Begin and End receive the borders of an object or array that has a field.
	Begin(f Field, array bool)
	End(f Field, array bool)
}

type scanState uint8

const (
	atValue   scanState = iota // before a value, or the end of an array
	atKey                      // before a key, or the end of an object
	atColon                    // after a key
	afterItem                  // after a value
	inKey
	inText
	inLiteral
	inSkipped     // in a container that nothing is looked for in
	inSkippedText // in a text of it
	broken        // the input is no JSON; ignored until Reset
)

// MaxCapture is the longest key or value that is kept, in bytes.
const MaxCapture = 512

const (
	shortText = 32 // up to here a loop is faster than the search for a byte
	maxDepth  = 16 // deepest container that anything is looked for in
)

// Scanner reads JSON in pieces cut anywhere. It keeps only the key or value that it is in, if its tree has a field for
// it, up to MaxCapture bytes. Documents may follow one another.
type Scanner struct {
	root  *Node
	sink  Sink
	state scanState
	next  *Node // of the value to come; nil where nothing is looked for
	stack [maxDepth]frame
	depth int
	skip  int // open containers while skipping
	roots int // documents that were read completely

	escaped  bool // the last byte was a backslash in a text
	capture  bool
	overlong bool
	captured []byte
	whole    []byte // a complete key or value: the captured bytes, or a part of the input that has all of it
}

// New returns a scanner for documents of a tree, which passes what it finds to sink.
func New(root *Node, sink Sink) *Scanner { return &Scanner{root: root, sink: sink, next: root} }

type frame struct {
	node  *Node
	array bool
}

// Reset drops an unfinished document: the next byte begins one.
func (s *Scanner) Reset() {
	s.state, s.next, s.depth, s.skip, s.escaped, s.capture = atValue, s.root, 0, 0, false, false
}

// Idle reports whether no document has begun.
func (s *Scanner) Idle() bool { return s.depth == 0 && s.state == atValue }

// Documents returns how many documents were read completely.
func (s *Scanner) Documents() int { return s.roots }

// Complete reports whether at least one document was read and none is open.
func (s *Scanner) Complete() bool {
	return s.roots > 0 && s.depth == 0 && (s.state == atValue || s.state == afterItem)
}

// Feed reads the next piece.
func (s *Scanner) Feed(p []byte) {
	for len(p) > 0 {
		switch s.state {
		case inKey, inText, inSkippedText:
			n, closed := s.text(p)
			p = p[n:]
			if closed {
				if s.endText(); s.state == atColon && len(p) > 0 && p[0] == ':' { // as nearly always
					p, s.state = p[1:], atValue
				}
			}
		case inSkipped:
			p = s.skipContainer(p)
		case inLiteral:
			n := 0
			for n < len(p) && !isDelimiter[p[n]] {
				n++
			}
			if p = s.captureUntil(p, n); len(p) > 0 {
				s.emit(false)
				s.endItem()
			}
		case broken:
			return
		default:
			c := p[0]
			if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
				p = p[1:]
				continue
			}
			if s.token(c) {
				p = p[1:]
			}
		}
	}
}

// isDelimiter has the bytes that end a number or a word.
var isDelimiter = func() (t [256]bool) {
	for _, c := range []byte(",:]}[{\" \t\r\n") {
		t[c] = true
	}
	return t
}()

// token handles a byte between values. It returns false where the byte is the first of a number or word.
func (s *Scanner) token(c byte) (taken bool) {
	switch s.state {
	case atValue:
		return s.value(c)
	case atKey:
		switch c {
		case '"':
			s.beginCapture(true)
			s.state = inKey
		case '}':
			s.pop(false)
		default:
			s.state = broken
		}
	case atColon:
		if s.state = atValue; c != ':' {
			s.state = broken
		}
	case afterItem:
		switch {
		case s.depth == 0: // a further document
			s.state, s.next = atValue, s.root
			return c == ','
		case c == ',':
			top := s.stack[s.depth-1]
			if s.state = atKey; top.array {
				s.state, s.next = atValue, top.node
			}
		case c == '}' || c == ']':
			s.pop(c == ']')
		default:
			s.state = broken
		}
	}
	return true
}

func (s *Scanner) value(c byte) (taken bool) {
	switch c {
	case '{', '[':
		if s.next == nil || s.depth == maxDepth {
			s.skip, s.state = 1, inSkipped
			return true
		}
		array := c == '['
		s.stack[s.depth] = frame{s.next, array}
		s.depth++
		if s.next.field != None {
			s.sink.Begin(s.next.field, array)
		}
		if s.state = atKey; array {
			s.state = atValue
		}
	case '"':
		s.beginCapture(s.next != nil && s.next.field != None)
		s.state = inText
	case ']':
		s.pop(true)
	case '}', ',', ':':
		s.state = broken
	default:
		s.beginCapture(s.next != nil && s.next.field != None)
		s.state = inLiteral
		return false
	}
	return true
}

func (s *Scanner) pop(array bool) {
	if s.depth == 0 || s.stack[s.depth-1].array != array {
		s.state = broken
		return
	}
	s.depth--
	if f := s.stack[s.depth].node.field; f != None {
		s.sink.End(f, array)
	}
	s.endItem()
}

func (s *Scanner) endItem() {
	if s.state = afterItem; s.depth == 0 {
		s.roots++
	}
}

// beginCapture begins a key or value, kept or not.
func (s *Scanner) beginCapture(keep bool) {
	s.capture, s.overlong, s.captured = keep, false, s.captured[:0]
}

// add captures bytes of a key or value that is kept.
func (s *Scanner) add(p []byte) {
	if !s.capture || s.overlong {
		return
	}
	if s.overlong = len(s.captured)+len(p) > MaxCapture; !s.overlong {
		s.captured = append(s.captured, p...)
	}
}

// captureUntil captures the first n bytes, which end a key or value unless they are all of p, and returns the rest.
func (s *Scanner) captureUntil(p []byte, n int) (rest []byte) {
	if n < len(p) && len(s.captured) == 0 && n <= MaxCapture && !s.overlong {
		s.whole = p[:n] // all of it, which need not be copied
	} else {
		s.add(p[:n])
		s.whole = s.captured
	}
	return p[n:]
}

// text consumes a text up to its closing quote. It returns how many bytes, and whether the quote was among them.
func (s *Scanner) text(p []byte) (n int, closed bool) {
	if !s.escaped { // most are short and plain
		for i, c := range p[:min(len(p), shortText)] {
			if c == '"' {
				s.captureUntil(p, i)
				return i + 1, true
			}
			if c == '\\' {
				break
			}
		}
	}
	i, quote := 0, -1
	if s.escaped {
		s.add(p[:1])
		s.escaped, i = false, 1
	}
	for {
		if quote < i {
			if quote = bytes.IndexByte(p[i:], '"'); quote < 0 {
				quote = len(p)
			} else {
				quote += i
			}
		}
		slash := bytes.IndexByte(p[i:quote], '\\')
		if slash < 0 {
			s.captureUntil(p[i:], quote-i)
			if quote == len(p) {
				return quote, false
			}
			return quote + 1, true
		}
		s.add(p[i : i+slash+1])
		if i += slash + 1; i == len(p) {
			s.escaped = true
			return i, false
		}
		s.add(p[i : i+1])
		i++
	}
}

func (s *Scanner) endText() {
	switch s.state {
	case inSkippedText:
		s.state = inSkipped
	case inKey:
		s.state, s.next = atColon, nil
		if !s.overlong {
			s.next = s.stack[s.depth-1].node.at(s.whole)
		}
	default:
		s.emit(true)
		s.endItem()
	}
}

func (s *Scanner) emit(quoted bool) {
	if s.capture && !s.overlong {
		s.sink.Scalar(s.next.field, s.whole, quoted)
	}
}

// skipContainer consumes a container that nothing is looked for in, and returns the rest.
func (s *Scanner) skipContainer(p []byte) []byte {
	for i, c := range p {
		switch c {
		case '"':
			s.beginCapture(false)
			s.state = inSkippedText
			return p[i+1:]
		case '{', '[':
			s.skip++
		case '}', ']':
			if s.skip--; s.skip == 0 {
				s.endItem()
				return p[i+1:]
			}
		}
	}
	return nil
}

// EndsValue reports whether a byte ends a number or a word.
func EndsValue(c byte) bool { return isDelimiter[c] }

// IsSpace reports whether a byte is white space between the tokens of a document.
func IsSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
