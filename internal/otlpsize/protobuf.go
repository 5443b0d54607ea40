package otlpsize

// Types of fields on the wire.
const (
	wireVarint = 0
	wireI64    = 1
	wireLen    = 2
	wireI32    = 5
)

// part is what a scanner of protobuf is in the middle of.
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
		if s.part == inBytes {
			n := min(s.skip, int64(len(p)-i))
			s.at += n
			s.skip -= n
			i += int(n)
			if s.skip == 0 {
				s.ended()
			}
			continue
		}
		if err := s.byte(p[i]); err != nil {
			return i, err
		}
		i++
	}
	return len(p), nil
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

// ended follows the end of a field, which may be that of messages, too.
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
	s.field = s.stack[len(s.stack)-1].of.byNumber[int64(number)]
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
	cost := textCost(min(n, s.limits.Memory))
	if f.width > 0 { // packed numbers
		cost = min(n, s.limits.Memory) / f.width * f.cost
	}
	if err := s.add(cost); err != nil {
		return err
	}
	return s.pass(n)
}
