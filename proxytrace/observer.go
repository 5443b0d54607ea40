package proxytrace

import (
	"bytes"
	"io"
	"strings"
)

// framing is how the documents of an answer follow one another.
type framing uint8

const (
	unknownFraming framing = iota
	jsonFraming
	eventFraming
	foreignFraming // no answer of a model: a page, a picture
	lineFraming    // JSON documents that follow one another, the last of which says so
	binaryFraming  // AWS's event stream
)

// observer looks at an answer as it passes.
type observer struct {
	reading reading
	scan    scanner
	events  sse
	binary  eventStream
	framing framing
	head    []byte // what came while the framing was not known
	any     bool   // a byte has passed

	in    writer
	close io.Closer
}

// newObserver begins to look at an answer with these headers.
func newObserver(a API, contentType, encoding string) *observer {
	o := &observer{reading: reading{api: a}}
	o.scan.root, o.scan.sink = a.answers(), &o.reading
	o.scan.reset()
	o.events = sse{scan: &o.scan, reading: &o.reading, looks: looks{glance: glances[o.scan.root]}}
	o.binary = eventStream{scan: &o.scan, reading: &o.reading, wrapped: a == BedrockInvokeStream}
	o.framing = framingOfType(a, strings.ToLower(strings.TrimSpace(contentType)))
	o.in, o.close = decoding(encoding, o)
	return o
}

// pass looks at what has just passed.
func (o *observer) pass(p []byte) {
	if len(p) == 0 {
		return
	}
	o.any = true
	if o.in != nil {
		o.in.write(p)
	}
}

// finish waits until all that passed was looked at.
func (o *observer) finish() {
	if o.close != nil {
		_ = o.close.Close()
		o.close = nil
	}
	o.in = nil
}

// write takes the unpacked body.
func (o *observer) write(p []byte) {
	switch o.framing {
	case jsonFraming, lineFraming:
		o.scan.write(p)
	case binaryFraming:
		o.binary.write(p)
	case eventFraming:
		o.events.write(p)
	case unknownFraming:
		o.head = append(o.head, p...)
		if o.framing = framingOf(o.head); o.framing != unknownFraming {
			head := o.head
			o.head = nil
			o.write(head)
		}
	}
}

// sseBeginnings are what a stream of events can begin with.
var sseBeginnings = []string{"data:", "event:", "id:", "retry:", ":"}

// framingOf tells how an answer is framed by how it begins; not every server names its type rightly.
func framingOf(head []byte) framing {
	rest := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(byteOrder)), " \t\r\n")
	if len(rest) == 0 {
		if len(head) > 1024 {
			return foreignFraming
		}
		return unknownFraming
	}
	if rest[0] == '{' || rest[0] == '[' {
		return jsonFraming
	}
	for _, b := range sseBeginnings {
		if bytes.HasPrefix(rest, []byte(b)) {
			return eventFraming
		}
		if len(rest) < len(b) && strings.HasPrefix(b, string(rest)) {
			return unknownFraming
		}
	}
	if len(rest) < len(byteOrder) && strings.HasPrefix(byteOrder, string(rest)) {
		return unknownFraming
	}
	return foreignFraming
}

// ended tells whether the answer came to its end by what its body says; judged is false where the
// body is of a kind that does not say.
func (o *observer) ended() (ended, judged bool) {
	switch o.framing {
	case jsonFraming:
		return o.scan.complete(), true
	case eventFraming, lineFraming:
		return o.reading.ended, true
	case binaryFraming:
		return o.reading.ended || o.reading.api == BedrockConverseStream && o.reading.figures.has != 0, true
	default:
		return false, false
	}
}

// framingOfType tells how an answer is framed by its content type, where that is sure.
func framingOfType(a API, contentType string) framing {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind = strings.TrimSpace(kind); {
	case strings.HasPrefix(kind, "text/event-stream"):
		return eventFraming
	case kind == "application/x-ndjson":
		return lineFraming
	case kind == "application/vnd.amazon.eventstream":
		return binaryFraming
	case a.family() != nil && (strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "video/")):
		return foreignFraming // whatever its first bytes are
	default:
		return unknownFraming
	}
}

// streams tells whether an answer comes in events by its content type.
func (o *observer) streams() bool {
	return o.framing == eventFraming || o.framing == lineFraming || o.framing == binaryFraming
}
