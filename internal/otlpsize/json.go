package otlpsize

import "strconv"

// state is the token that a scanner of JSON expects next, or is reading.
type state uint8

const (
	wantValue   state = iota
	wantElement       // a value, or the end of an array that is empty
	wantName
	wantField // a name, or the end of an object that is empty
	wantColon
	wantNext // a comma, or the end of what is open
	inName
	inText
	inNumber
	inWord // true, false or null
	done   // what follows is not read by the decoder
)

// frame is an object or an array that is open. Where the decoder skips the content, of and element are nil.
type frame struct {
	array   bool
	of      *message // of an object
	element *field   // of an array
}

const (
	// Numbers that are longer are refused: the decoder's time for them grows with the square of their length.
	longestNumber = 128
	longestName   = 40 // of a field that is known
	// The decoder makes a text that has escapes byte by byte.
	escapedCost = 3
)

type jsonScanner struct {
	account
	state  state
	frames []frame
	// The value that is expected: its field, nil where the decoder skips it, and whether it is an element of
	// the field's list.
	field   *field
	element bool

	token   [longestNumber]byte // of a name or a number, as much as fits
	length  int64               // of the name, text or number
	escape  int                 // in an escape: 1 after the backslash, 2 to 5 before the digits of \u
	escaped bool                // the text has escapes
	word    string              // what of a word must still come
}

func newJSON(s Signal, l Limits) *jsonScanner {
	return &jsonScanner{account: account{limits: l}, field: &field{kind: sub, of: roots[s]}}
}

func (s *jsonScanner) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		var n int
		var err error
		switch s.state {
		case inName, inText:
			n, err = s.text(p[i:])
		case inNumber:
			n, err = s.number(p[i:])
		case inWord:
			n, err = 1, s.letter(p[i])
		case done:
			n = len(p) - i
		default:
			n, err = 1, s.structure(p[i])
		}
		if i += n; err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (s *jsonScanner) Close() error {
	if s.state != done {
		return malformed("JSON ends too early")
	}
	return nil
}

// structure takes a byte between values.
func (s *jsonScanner) structure(c byte) error {
	switch c {
	case ' ', '\t', '\n', '\r':
		return nil
	}
	switch s.state {
	case wantValue:
		return s.begin(c)
	case wantElement:
		if c == ']' {
			return s.pop(c)
		}
		return s.begin(c)
	case wantName, wantField:
		if c == '"' {
			s.beginText(inName)
			return nil
		}
		if c == '}' && s.state == wantField {
			return s.pop(c)
		}
	case wantColon:
		if c == ':' {
			s.state = wantValue
			return nil
		}
	case wantNext:
		if c == ',' {
			s.next()
			return nil
		}
		return s.pop(c)
	}
	return malformed("JSON has %q in the wrong place", c)
}

// next expects what follows a comma.
func (s *jsonScanner) next() {
	top := s.frames[len(s.frames)-1]
	if !top.array {
		s.state = wantName
		return
	}
	s.state, s.field, s.element = wantValue, top.element, true
}

func (s *jsonScanner) push(f frame, next state) error {
	if len(s.frames) >= s.limits.Depth {
		return ErrDepth
	}
	s.frames = append(s.frames, f)
	s.state = next
	return nil
}

func (s *jsonScanner) pop(c byte) error {
	top := s.frames[len(s.frames)-1]
	if top.array && c != ']' || !top.array && c != '}' {
		return malformed("JSON has %q in the wrong place", c)
	}
	s.frames = s.frames[:len(s.frames)-1]
	s.after()
	return nil
}

// after expects what follows a value.
func (s *jsonScanner) after() {
	s.state = wantNext
	if len(s.frames) == 0 {
		s.state = done
	}
}

// list reports whether the expected value is a list.
func (s *jsonScanner) list() bool { return s.field != nil && s.field.repeated && !s.element }

// begin takes the first byte of a value.
func (s *jsonScanner) begin(c byte) error {
	f := s.field
	if f != nil && !s.list() {
		if err := s.add(f.cost); err != nil {
			return err
		}
	}
	switch {
	case c == '{':
		if f != nil && (f.kind != sub || s.list()) {
			break
		}
		var of *message
		if f != nil {
			of = f.of
		}
		return s.push(frame{of: of}, wantField)
	case c == '[':
		if f != nil && !s.list() {
			break
		}
		err := s.push(frame{array: true, element: f}, wantElement)
		s.element = true // f stays
		return err
	case c == '"':
		if f == nil || !s.list() && f.kind != sub && f.kind != boolean {
			s.beginText(inText)
			return nil
		}
	case c == '-' || c >= '0' && c <= '9':
		if f == nil || !s.list() && f.kind >= int32s && f.kind <= double {
			s.state, s.token[0], s.length = inNumber, c, 1
			return nil
		}
	case c == 't' || c == 'f':
		if f == nil || !s.list() && f.kind == boolean {
			s.state, s.word = inWord, wordRest(c)
			return nil
		}
	case c == 'n':
		if f == nil || s.list() || f.kind == text || f.kind == sub {
			s.state, s.word = inWord, "ull"
			return nil
		}
	default:
		return malformed("JSON has %q in the wrong place", c)
	}
	return malformed("a field has a value of another type")
}

func (s *jsonScanner) beginText(in state) {
	s.state, s.length, s.escape, s.escaped = in, 0, 0, false
}

// text takes bytes of a name or a text and returns how many.
func (s *jsonScanner) text(p []byte) (int, error) {
	for i, c := range p {
		switch {
		case s.escape > 0:
			if err := s.escapes(c); err != nil {
				return i, err
			}
		case c == '"':
			return i + 1, s.endText()
		case c == '\\':
			s.escape, s.escaped = 1, true
		case c < ' ':
			return i, malformed("JSON has the control character %d in a text", c)
		}
		if s.length < longestName {
			s.token[s.length] = c
		}
		s.length++
	}
	return len(p), nil
}

// escapes takes a byte after a backslash.
func (s *jsonScanner) escapes(c byte) error {
	hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	const first, last = 2, 5 // digits of \u
	switch {
	case s.escape >= first && hex:
		if s.escape++; s.escape > last {
			s.escape = 0
		}
		return nil
	case s.escape >= first:
	case c == 'u':
		s.escape = first
		return nil
	case c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't':
		s.escape = 0
		return nil
	}
	return malformed("JSON has a wrong escape in a text")
}

func (s *jsonScanner) endText() error {
	cost := textCost(s.length)
	if s.escaped {
		cost = escapedCost*s.length + smallest
	}
	if err := s.add(cost); err != nil {
		return err
	}
	if s.state == inText {
		if s.field != nil && s.field.kind == blob && s.escaped {
			return malformed("an identifier or bytes with a backslash")
		}
		s.after()
		return nil
	}
	// After a name without letters the decoder takes its object for ended.
	if s.length == 0 {
		return malformed("a field without a name")
	}
	s.state, s.field, s.element = wantColon, nil, false
	top := s.frames[len(s.frames)-1]
	if top.of == nil {
		return nil
	}
	if s.escaped {
		return malformed("the name of a field with a backslash")
	}
	if s.length <= longestName {
		s.field = top.of.byName[string(s.token[:s.length])]
	}
	return nil
}

// number takes bytes of a number and returns how many.
func (s *jsonScanner) number(p []byte) (int, error) {
	for i, c := range p {
		if c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E' {
			if s.length == longestNumber {
				return i, malformed("a number of more than %d digits", longestNumber)
			}
			s.token[s.length] = c
			s.length++
			continue
		}
		if err := s.endNumber(); err != nil {
			return i, err
		}
		s.after()
		return i, nil
	}
	return len(p), nil
}

func (s *jsonScanner) endNumber() error {
	if err := s.add(s.length + smallest); err != nil {
		return err
	}
	n := string(s.token[:s.length])
	whole, ok := isNumber(n)
	if !ok {
		return malformed("JSON has a wrong number")
	}
	if s.field == nil || s.field.kind == double {
		return nil
	}
	var err error
	switch {
	case !whole:
		return malformed("a whole number with a fraction or an exponent")
	case s.field.kind == int32s:
		_, err = strconv.ParseInt(n, 10, 32)
	case s.field.kind == uint32s:
		_, err = strconv.ParseUint(n, 10, 32)
	case s.field.kind == int64s:
		_, err = strconv.ParseInt(n, 10, 64)
	default:
		_, err = strconv.ParseUint(n, 10, 64)
	}
	if err != nil {
		return malformed("a number beyond the range of its field")
	}
	return nil
}

// isNumber reports whether a text is a number of JSON, and whether it is whole.
func isNumber(n string) (whole, ok bool) {
	digits := func() bool {
		i := 0
		for i < len(n) && n[i] >= '0' && n[i] <= '9' {
			i++
		}
		n = n[i:]
		return i > 0
	}
	if n[0] == '-' {
		n = n[1:]
	}
	leading := len(n) > 1 && n[0] == '0' && n[1] >= '0' && n[1] <= '9'
	if leading || !digits() {
		return false, false
	}
	whole = n == ""
	if n != "" && n[0] == '.' {
		if n = n[1:]; !digits() {
			return false, false
		}
	}
	if n != "" && (n[0] == 'e' || n[0] == 'E') {
		if n = n[1:]; n != "" && (n[0] == '+' || n[0] == '-') {
			n = n[1:]
		}
		if !digits() {
			return false, false
		}
	}
	return whole, n == ""
}

// letter takes a byte of true, false or null.
func (s *jsonScanner) letter(c byte) error {
	if c != s.word[0] {
		return malformed("JSON has a wrong word")
	}
	if s.word = s.word[1:]; s.word == "" {
		s.after()
	}
	return nil
}

// wordRest returns what follows the first byte of a boolean.
func wordRest(first byte) string {
	if first == 't' {
		return "true"[1:]
	}
	return "false"[1:]
}
