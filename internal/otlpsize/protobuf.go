package otlpsize

// Types of fields on the wire.
const (
	wireVarint = 0
	wireI64    = 1
	wireLen    = 2
	wireI32    = 5
)

// part is the part of the encoding that a scanner of protobuf is reading.
type part uint8

const (
	inTag part = iota
	inLength
	inVarint
	inBytes // that are skipped
)

// open is a message that is open.
type open struct {
	of  *message
	end int64 // position of its end
}

type protobufScanner struct {
	account
	part   part
	at     int64 // position
	stack  []open
	field  *field // of what the scanner is in
	varint uint64
	shift  uint
	skip   int64 // bytes
}

const unknownEnd = 1<<63 - 1

func newProtobuf(s Signal, l Limits) *protobufScanner {
	return &protobufScanner{account: account{limits: l}, stack: []open{{roots[s], unknownEnd}}}
}

func (s *protobufScanner) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		switch {
		case s.part == inBytes:
			n := min(s.skip, int64(len(p)-i))
			s.at += n
			s.skip -= n
			i += int(n)
			if s.skip == 0 {
				s.ended()
			}
			continue
		case s.part == inTag && s.shift == 0:
			n, err := s.fields(p[i:])
			if i += n; err != nil {
				return i, err
			}
			if n > 0 {
				continue
			}
		}
		if err := s.byte(p[i]); err != nil {
			return i, err
		}
		i++
	}
	return len(p), nil
}

// fields scans whole fields, one after another, and returns the number of bytes that they have in p. It stops before
// a field that does not end in p, unless it is a text, and before all that is rare or an error: what byte decides.
// Long because it is the loop that every byte of a request passes, and calls cost as much as what they would do.
func (s *protobufScanner) fields(p []byte) (int, error) {
	base := s.at // position of p
	top := s.stack[len(s.stack)-1]
	stop := int(min(int64(len(p)), top.end-base)) // of the message in p
	i := 0
	for i < stop {
		tag, value := short(p[i:stop])
		if value == 0 {
			break
		}
		f := top.of.numbered(tag >> 3)
		wire := tag & 7
		begin, n := i+value, -1 // of what the field holds, and its length in bytes
		switch wire {
		case wireVarint:
			n = varintLength(p[begin:stop])
		case wireI64:
			n = 8
		case wireI32:
			n = 4
		case wireLen:
			length, width := short(p[begin:stop])
			begin, n = begin+width, int(length)
			if width == 0 || int64(n) > top.end-base-int64(begin) {
				n = -1
			}
		}
		if tag>>3 == 0 || n < 0 || (wire != wireLen && (n == 0 || begin+n > stop || f != nil && f.kind == sub)) {
			break
		}
		if f != nil {
			if f.kind == sub && len(s.stack) > s.limits.Depth {
				break
			}
			if err := s.add(f.cost + f.textCost(wire, int64(n), s.limits.Memory)); err != nil {
				return i, err
			}
			if f.kind == sub {
				top = open{f.of, base + int64(begin+n)}
				s.stack = append(s.stack, top)
				n, stop = 0, min(len(p), begin+n)
			}
		}
		if i = begin + n; i > len(p) {
			s.part, s.skip = inBytes, int64(i-len(p))
			i = len(p)
			break
		}
		if i == stop {
			s.at = base + int64(i)
			s.ended()
			top = s.stack[len(s.stack)-1]
			stop = int(min(int64(len(p)), top.end-base))
		}
	}
	s.at = base + int64(i)
	return i, nil
}

// short reads a number of at most three bytes, and returns how many it has; 0 where it is longer or does not end in p.
func short(p []byte) (v uint32, bytes int) {
	const more = 0x80
	switch {
	case len(p) > 0 && p[0] < more:
		return uint32(p[0]), 1
	case len(p) > 1 && p[1] < more:
		return uint32(p[0]&^more) | uint32(p[1])<<7, 2
	case len(p) > 2 && p[2] < more:
		return uint32(p[0]&^more) | uint32(p[1]&^more)<<7 | uint32(p[2])<<14, 3
	default:
		return 0, 0
	}
}

// varintLength returns how many bytes a number has; 0 where it is too long or does not end in p.
func varintLength(p []byte) int {
	const more, longest = 0x80, 9 // ten bytes are left to byte
	for i := range min(len(p), longest) {
		if p[i] < more {
			return i + 1
		}
	}
	return 0
}

func (s *protobufScanner) Close() error {
	if len(s.stack) > 1 || s.part != inTag || s.shift > 0 {
		return malformed("protobuf ends too early")
	}
	return nil
}

// byte takes a byte of a number.
func (s *protobufScanner) byte(c byte) error {
	const more, longest = 0x80, 63
	s.at++
	if s.at > s.stack[len(s.stack)-1].end || s.shift > longest {
		return malformed("protobuf has a wrong number")
	}
	s.varint |= uint64(c&^more) << s.shift
	s.shift += 7
	if c&more != 0 {
		return nil
	}
	v := s.varint
	s.varint, s.shift = 0, 0
	switch s.part {
	case inTag:
		return s.tag(v)
	case inLength:
		return s.length(v)
	default:
		s.ended()
		return nil
	}
}

// ended handles the end of a field, which may also be the end of messages.
func (s *protobufScanner) ended() {
	s.part = inTag
	for len(s.stack) > 1 && s.at == s.stack[len(s.stack)-1].end {
		s.stack = s.stack[:len(s.stack)-1]
	}
}

func (s *protobufScanner) tag(tag uint64) error {
	number := int32(tag >> 3)
	if number <= 0 {
		return malformed("protobuf has a field without a number")
	}
	s.field = s.stack[len(s.stack)-1].of.numbered(uint32(number))
	wire := tag & 7
	if s.field != nil {
		if s.field.kind == sub && wire != wireLen {
			return malformed("a message of another wire type")
		}
		if err := s.add(s.field.cost); err != nil {
			return err
		}
	}
	switch wire {
	case wireVarint:
		s.part = inVarint
	case wireLen:
		s.part = inLength
	case wireI64:
		return s.pass(8)
	case wireI32:
		return s.pass(4)
	default:
		return malformed("protobuf has a group, which OTLP has not")
	}
	return nil
}

// pass skips bytes.
func (s *protobufScanner) pass(n int64) error {
	if n > s.stack[len(s.stack)-1].end-s.at {
		return malformed("a field of protobuf is longer than its message")
	}
	s.part, s.skip = inBytes, n
	if n == 0 {
		s.ended()
	}
	return nil
}

func (s *protobufScanner) length(v uint64) error {
	n := int64(v)
	if n < 0 || n > s.stack[len(s.stack)-1].end-s.at {
		return malformed("a field of protobuf is longer than its message")
	}
	f := s.field
	if f == nil {
		return s.pass(n)
	}
	if f.kind == sub {
		if len(s.stack) > s.limits.Depth {
			return ErrDepth
		}
		s.stack = append(s.stack, open{f.of, s.at + n})
		s.ended()
		return nil
	}
	if err := s.add(f.textCost(wireLen, n, s.limits.Memory)); err != nil {
		return err
	}
	return s.pass(n)
}

// textCost returns what a value of n bytes takes beside its field: a text or packed numbers. Others take nothing.
func (f *field) textCost(wire uint32, n, most int64) int64 {
	switch {
	case wire != wireLen || f.kind == sub:
		return 0
	case f.width > 0: // packed numbers
		return min(n, most) / f.width * f.cost
	default:
		return textCost(min(n, most))
	}
}
