package proxytrace

import "bytes"

// node is a place in the JSON documents that a table looks for. Arrays are no level of their own:
// the elements of an array stand where the array stands.
type node struct {
	field field
	keys  map[string]*node
	list  []child // of keys, in order
}

type child struct {
	key  string
	node *node
}

// at gives what stands at a key, nil where nothing is looked for.
func (n *node) at(key []byte) *node {
	for i := range n.list {
		if c := &n.list[i]; string(key) == c.key {
			return c.node
		}
	}
	return nil
}

// sink takes what a scanner finds. The bytes are only valid during the call; those of a text are as
// they stand in the document, with their escapes.
type sink interface {
	scalar(f field, raw []byte, quoted bool)
	begin(f field, array bool)
	end(f field, array bool)
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
	broken        // what comes is no JSON; ignored until reset
)

const (
	maxCapture = 512 // longest key or value that is kept, in bytes
	shortText  = 32  // up to here a loop is faster than the search for a byte
	maxDepth   = 16  // deepest container that anything is looked for in
)

// scanner reads JSON as it comes, in pieces cut anywhere, and keeps nothing of it but the key or
// value it is in, if a table asks for it, up to maxCapture bytes. Documents may follow one another.
type scanner struct {
	root  *node
	sink  sink
	state scanState
	next  *node // where the value to come stands; nil where nothing is looked for
	stack [maxDepth]frame
	depth int
	skip  int // open containers while skipping
	roots int // documents read to their end

	escaped  bool // the last byte was a backslash in a text
	capture  bool
	overlong bool
	captured []byte
	held     []byte // a whole key or value: what was captured, or where it stands in one piece
}

type frame struct {
	node  *node
	array bool
}

// reset forgets an unfinished document.
func (s *scanner) reset() {
	s.state, s.next, s.depth, s.skip, s.escaped, s.capture = atValue, s.root, 0, 0, false, false
}

// fresh tells whether no document is open.
func (s *scanner) fresh() bool { return s.depth == 0 && s.state == atValue }

// complete tells whether at least one document was read and none is open.
func (s *scanner) complete() bool {
	return s.roots > 0 && s.depth == 0 && (s.state == atValue || s.state == afterItem)
}

func (s *scanner) write(p []byte) {
	for len(p) > 0 {
		switch s.state {
		case inKey, inText, inSkippedText:
			n, closed := s.text(p)
			p = p[n:]
			if closed {
				if s.textEnds(); s.state == atColon && len(p) > 0 && p[0] == ':' { // as nearly always
					p, s.state = p[1:], atValue
				}
			}
		case inSkipped:
			p = s.pass(p)
		case inLiteral:
			n := 0
			for n < len(p) && !delimiter[p[n]] {
				n++
			}
			if p = s.takes(p, n); len(p) > 0 {
				s.emit(false)
				s.itemEnds()
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

// delimiter are the bytes that end a number or a word.
var delimiter = func() (t [256]bool) {
	for _, c := range []byte(",:]}[{\" \t\r\n") {
		t[c] = true
	}
	return t
}()

// token takes a byte between values; false where it belongs to what begins there.
func (s *scanner) token(c byte) (taken bool) {
	switch s.state {
	case atValue:
		return s.value(c)
	case atKey:
		switch c {
		case '"':
			s.hold(true)
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

func (s *scanner) value(c byte) (taken bool) {
	switch c {
	case '{', '[':
		if s.next == nil || s.depth == maxDepth {
			s.skip, s.state = 1, inSkipped
			return true
		}
		array := c == '['
		s.stack[s.depth] = frame{s.next, array}
		s.depth++
		if s.next.field != none {
			s.sink.begin(s.next.field, array)
		}
		if s.state = atKey; array {
			s.state = atValue
		}
	case '"':
		s.hold(s.next != nil && s.next.field != none)
		s.state = inText
	case ']':
		s.pop(true)
	case '}', ',', ':':
		s.state = broken
	default:
		s.hold(s.next != nil && s.next.field != none)
		s.state = inLiteral
		return false
	}
	return true
}

func (s *scanner) pop(array bool) {
	if s.depth == 0 || s.stack[s.depth-1].array != array {
		s.state = broken
		return
	}
	s.depth--
	if f := s.stack[s.depth].node.field; f != none {
		s.sink.end(f, array)
	}
	s.itemEnds()
}

func (s *scanner) itemEnds() {
	if s.state = afterItem; s.depth == 0 {
		s.roots++
	}
}

// hold begins a key or value, kept or not.
func (s *scanner) hold(keep bool) {
	s.capture, s.overlong, s.captured = keep, false, s.captured[:0]
}

func (s *scanner) take(p []byte) {
	if !s.capture || s.overlong {
		return
	}
	if s.overlong = len(s.captured)+len(p) > maxCapture; !s.overlong {
		s.captured = append(s.captured, p...)
	}
}

// takes takes the first n bytes, which end a key or value unless they are all, and gives the rest.
func (s *scanner) takes(p []byte, n int) (rest []byte) {
	if n < len(p) && len(s.captured) == 0 && n <= maxCapture && !s.overlong {
		s.held = p[:n] // the whole of it, which need not be copied
	} else {
		s.take(p[:n])
		s.held = s.captured
	}
	return p[n:]
}

// text consumes a text up to its closing quote.
func (s *scanner) text(p []byte) (n int, closed bool) {
	if !s.escaped { // most are short and plain
		for i, c := range p[:min(len(p), shortText)] {
			if c == '"' {
				s.takes(p, i)
				return i + 1, true
			}
			if c == '\\' {
				break
			}
		}
	}
	i, quote := 0, -1
	if s.escaped {
		s.take(p[:1])
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
			s.takes(p[i:], quote-i)
			if quote == len(p) {
				return quote, false
			}
			return quote + 1, true
		}
		s.take(p[i : i+slash+1])
		if i += slash + 1; i == len(p) {
			s.escaped = true
			return i, false
		}
		s.take(p[i : i+1])
		i++
	}
}

func (s *scanner) textEnds() {
	switch s.state {
	case inSkippedText:
		s.state = inSkipped
	case inKey:
		s.state, s.next = atColon, nil
		if !s.overlong {
			s.next = s.stack[s.depth-1].node.at(s.held)
		}
	default:
		s.emit(true)
		s.itemEnds()
	}
}

func (s *scanner) emit(quoted bool) {
	if s.capture && !s.overlong {
		s.sink.scalar(s.next.field, s.held, quoted)
	}
}

// pass consumes what nothing is looked for in, and gives the rest.
func (s *scanner) pass(p []byte) []byte {
	for i, c := range p {
		switch c {
		case '"':
			s.hold(false)
			s.state = inSkippedText
			return p[i+1:]
		case '{', '[':
			s.skip++
		case '}', ']':
			if s.skip--; s.skip == 0 {
				s.itemEnds()
				return p[i+1:]
			}
		}
	}
	return nil
}
